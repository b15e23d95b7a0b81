//! The error of a configuration: of credentials, a key or a layer.

use std::fmt;

use scopegate_proto::client_auth::ClientAuthError;
use scopegate_proto::http::SettingsError;
use scopegate_proto::scope::InvalidScope;
use scopegate_proto::url::UrlError;

/// The error of a configuration, with expected and found values.
///
/// It is returned before the first request is sent, and contains no secret. The messages of
/// `Display` may change.
#[non_exhaustive]
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are the expected and found values of their variant")]
pub enum ConfigError {
    /// The URL cannot receive a secret or a token. It must be `https` (or `http` on a loopback
    /// address), with a host, and without fragment and user name.
    #[non_exhaustive]
    InvalidUrl { setting: &'static str, expected: &'static str, found: String },
    /// The scope is invalid. It must be one or more printable ASCII characters except space, `"`
    /// and `\` (RFC 6749 §3.3).
    #[non_exhaustive]
    InvalidScope { found: String },
    /// The resource is not an absolute URI without fragment (RFC 8707 §2).
    #[non_exhaustive]
    InvalidResource { found: String },
    /// This crate sets the parameter, or you added it before. Parameters must not be repeated (RFC
    /// 6749 §3.2).
    #[non_exhaustive]
    ReservedParameter { name: String },
    /// The setting must not be empty.
    #[non_exhaustive]
    Empty { setting: &'static str },
    /// The setting is out of its range.
    #[non_exhaustive]
    OutOfRange { setting: &'static str, expected: &'static str, found: String },
    /// The client authentication is invalid. The error names the part.
    ClientAuthentication(ClientAuthError),
    /// The key for DPoP proofs is not a private key that
    /// [`DpopKey::from_pem`](crate::DpopKey::from_pem) accepts.
    #[non_exhaustive]
    InvalidKey { expected: &'static str },
    /// A root certificate or the client certificate of TLS is invalid.
    #[non_exhaustive]
    InvalidCertificate { setting: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    /// Neither a token endpoint nor an issuer is set, see
    /// [`token_endpoint`](crate::ClientCredentialsBuilder::token_endpoint) and
    /// [`issuer`](crate::ClientCredentialsBuilder::issuer).
    NoTokenEndpoint,
    /// The audience of assertions is the issuer, which is not set, see
    /// [`issuer`](crate::ClientCredentialsBuilder::issuer).
    NoAssertionAudience,
    /// The HTTP client could not be created, for example because the system has no certificate
    /// authorities.
    #[non_exhaustive]
    HttpClient { source: Box<dyn std::error::Error + Send + Sync> },
}

impl ConfigError {
    /// Names the setting of an invalid URL.
    pub(crate) fn invalid_url(setting: &'static str, error: UrlError) -> Self {
        Self::InvalidUrl { setting, expected: error.expected, found: error.found }
    }
}

impl From<InvalidScope> for ConfigError {
    fn from(error: InvalidScope) -> Self {
        Self::InvalidScope { found: error.found.as_str().to_owned() }
    }
}

impl From<ClientAuthError> for ConfigError {
    fn from(error: ClientAuthError) -> Self {
        Self::ClientAuthentication(error)
    }
}

impl From<SettingsError> for ConfigError {
    fn from(error: SettingsError) -> Self {
        let setting = "root certificate";
        match error {
            SettingsError::NoRootCertificate => Self::Empty { setting },
            SettingsError::InvalidRootCertificate { source, .. } => {
                Self::InvalidCertificate { setting, source }
            }
            SettingsError::InvalidIdentity => {
                Self::InvalidCertificate { setting: "client certificate", source: error.into() }
            }
            SettingsError::Client { source, .. } => Self::HttpClient { source },
            other => Self::HttpClient { source: other.into() },
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl { setting, expected, found } => {
                write!(f, "{setting}: expected {expected}, found {found:?}")
            }
            Self::InvalidScope { found } => write!(
                f,
                "expected a scope (printable ASCII without space, quote and backslash), found {found:?}"
            ),
            Self::InvalidResource { found } => {
                write!(f, "resource: expected an absolute URI without fragment, found {found:?}")
            }
            Self::ReservedParameter { name } => {
                write!(f, "parameter {name:?} is repeated, or set by this crate")
            }
            Self::Empty { setting } => write!(f, "{setting} is empty"),
            Self::OutOfRange { setting, expected, found } => {
                write!(f, "{setting}: expected {expected}, found {found}")
            }
            Self::ClientAuthentication(error) => error.fmt(f),
            Self::InvalidKey { expected } => write!(f, "private key: expected {expected}"),
            Self::InvalidCertificate { setting, .. } => write!(f, "{setting} is invalid"),
            Self::NoTokenEndpoint => {
                f.write_str("no token endpoint: call token_endpoint(), or issuer() to discover it")
            }
            Self::NoAssertionAudience => f.write_str("no audience for assertions: call issuer()"),
            Self::HttpClient { .. } => f.write_str("the HTTP client could not be created"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::ClientAuthentication(error) => error.source(),
            Self::InvalidCertificate { source, .. } | Self::HttpClient { source } => Some(source.as_ref()),
            _ => None,
        }
    }
}
