//! What is asked of every server: tokens, keys that change, and faults.

use scopegate_axum::IssuerWithoutAudience;
use scopegate_axum::{ConfigError, Issuer};
use serde_json::{Map, Value};

use crate::api::{API, READ};
use crate::outcome::Trouble;

/// An authorization server that runs on loopback. Whoever adds one writes this, and a row in `servers.rs`.
pub(crate) trait Server {
    /// What stands over its column.
    fn name(&self) -> &str;

    /// Where its metadata is: the issuer that it says it is itself.
    fn address(&self) -> &str;

    /// The `iss` of its tokens, unless others are wanted. Not its address where it only dresses as another one.
    fn issuer(&self) -> &str;

    /// How an API trusts it: by its preset, tokens of [`Client::Usual`] for [`API`], keys from loopback.
    fn trusted(&self) -> Result<Issuer, ConfigError>;

    /// The preset's rule about for whom a token must be, for an issuer without one.
    fn for_us(&self, issuer: IssuerWithoutAudience) -> Issuer;

    /// The id of a client.
    fn client_id(&self, client: Client) -> &str;

    /// Whether its access tokens say that they are ones (RFC 9068 §2.1).
    fn writes_at_jwt(&self) -> bool;

    /// A token, asked for over HTTP as a client does.
    async fn token(&self, wanted: Wanted<'_>) -> Result<String, Trouble>;

    /// An ID token that it has made, and its audience.
    async fn id_token(&self) -> Result<(String, String), Trouble>;

    /// Signs with other keys from now on.
    async fn rotate(&self, overlap: Overlap) -> Result<(), Trouble>;

    /// From now on its keys are not to be had.
    async fn set_fault(&self, fault: Fault) -> Result<(), Trouble>;

    /// Its keys are to be had again.
    async fn clear_fault(&self) -> Result<(), Trouble>;

    /// How often its keys were asked for, by its own count.
    async fn key_fetches(&self) -> Result<u64, Trouble>;
}

/// Who asks for a token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    Usual,
    /// Of the same server, and not known to the API.
    Another,
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) client: Client,
    pub(crate) scope: &'a str,
    /// RFC 8707.
    pub(crate) resource: Option<&'a str>,
    pub(crate) algorithm: &'a str,
    pub(crate) binding: Option<Binding>,
    pub(crate) opaque: bool,
    /// What the server is to write otherwise; null leaves a claim out.
    pub(crate) claims: Map<String, Value>,
    /// The same for the header.
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
            opaque: false,
            claims: Map::new(),
            header: Map::new(),
        }
    }
}

/// A key that a token is bound to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// RFC 9449.
    Dpop,
    /// RFC 8705.
    Certificate,
}

/// Whether keys stay published when others take their place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overlap {
    With,
    Without,
}

/// What is wrong where keys are asked for.
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

    /// For the table.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Error => "keys answered with 500",
            Self::Html => "keys answered with a login page",
            Self::Empty => "keys answered with an empty set",
            Self::Delay => "keys answered after 3.5 s",
            Self::Reset => "connections reset",
            Self::Stopped => "the server stopped",
        }
    }
}
