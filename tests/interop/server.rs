//! The interface of every server: tokens, key rotation and faults.

use scopegate_axum::IssuerWithoutAudience;
use scopegate_axum::{ConfigError, Issuer};
use serde_json::{Map, Value};

use crate::api::{API, READ};
use crate::outcome::Trouble;

/// An authorization server on loopback. To add one, implement this trait, and add a row in
/// `servers.rs`.
pub(crate) trait Server {
    /// Returns the title of its column.
    fn name(&self) -> &str;

    /// Returns the URL of the issuer in its metadata.
    fn address(&self) -> &str;

    /// Returns the `iss` of its tokens. It differs from the URL if the server imitates another
    /// provider.
    fn issuer(&self) -> &str;

    /// Returns the settings that trust the server: its preset, tokens of [`Client::Usual`] for
    /// [`API`], and keys from loopback.
    fn trusted(&self) -> Result<Issuer, ConfigError>;

    /// Adds the preset's audience or client rule to an issuer.
    fn for_us(&self, issuer: IssuerWithoutAudience) -> Issuer;

    /// Returns the id of a client.
    fn client_id(&self, client: Client) -> &str;

    /// Returns whether access tokens have `typ` of `at+jwt` (RFC 9068 §2.1).
    fn writes_at_jwt(&self) -> bool;

    /// Requests a token over HTTP, as a client does.
    async fn token(&self, wanted: Wanted<'_>) -> Result<String, Trouble>;

    /// Returns an ID token of the server, and its audience.
    async fn id_token(&self) -> Result<(String, String), Trouble>;

    /// Rotates the signing keys.
    async fn rotate(&self, overlap: Overlap) -> Result<(), Trouble>;

    /// Makes the keys unavailable.
    async fn set_fault(&self, fault: Fault) -> Result<(), Trouble>;

    /// Makes the keys available again.
    async fn clear_fault(&self) -> Result<(), Trouble>;

    /// Returns the number of requests for the keys, which the server has counted.
    async fn key_fetches(&self) -> Result<u64, Trouble>;
}

/// The client of a token request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Usual,
    /// A client of the same server that the API does not trust.
    Another,
}

/// The content of a token request.
#[derive(Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) client: Client,
    pub(crate) scope: &'a str,
    /// The resource (RFC 8707).
    pub(crate) resource: Option<&'a str>,
    pub(crate) algorithm: &'a str,
    pub(crate) binding: Option<Binding>,
    /// The certificate of [`Binding::Certificate`] as PEM. Default: a new one.
    pub(crate) certificate: Option<&'a str>,
    pub(crate) opaque: bool,
    /// Claims that the server must write differently. `null` omits a claim.
    pub(crate) claims: Map<String, Value>,
    /// Header parameters that the server must write differently.
    pub(crate) header: Map<String, Value>,
}

impl Default for Wanted<'_> {
    fn default() -> Self {
        Self {
            client: Client::Usual,
            scope: READ,
            resource: Some(API),
            algorithm: "RS256",
            binding: None,
            certificate: None,
            opaque: false,
            claims: Map::new(),
            header: Map::new(),
        }
    }
}

/// The key of a sender-constrained token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// A DPoP key (RFC 9449).
    Dpop,
    /// A client certificate (RFC 8705).
    Certificate,
}

/// Whether old keys stay published after a rotation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    With,
    Without,
}

/// The fault of the key set endpoint.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Error,
    Html,
    Empty,
    Delay,
    Reset,
    Stopped,
}

impl Fault {
    pub(crate) const ALL: [Self; 6] =
        [Self::Error, Self::Html, Self::Empty, Self::Delay, Self::Reset, Self::Stopped];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Html => "html",
            Self::Empty => "empty",
            Self::Delay => "delay",
            Self::Reset => "reset",
            Self::Stopped => "stopped",
        }
    }

    /// Returns the text for the table.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Error => "keys: status 500",
            Self::Html => "keys: a login page",
            Self::Empty => "keys: an empty set",
            Self::Delay => "keys: after 3.5 s",
            Self::Reset => "keys: connections reset",
            Self::Stopped => "keys: the server stopped",
        }
    }
}
