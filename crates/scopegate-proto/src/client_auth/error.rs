//! The errors of a client authentication that cannot be used.

use std::fmt;

/// The reason why a client authentication cannot be used. It contains no secret.
#[non_exhaustive]
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are the expected and found values of their variant")]
pub enum ClientAuthError {
    /// The setting must not be empty.
    #[non_exhaustive]
    Empty { setting: &'static str },
    /// The key is not a PKCS #8 private key for RS256 (2048 bits or more), ES256 or `EdDSA`.
    #[non_exhaustive]
    InvalidKey { expected: &'static str },
    /// The algorithm of assertions does not fit the type of the key.
    #[non_exhaustive]
    WrongAlgorithm { expected: &'static str, found: &'static str },
    /// `client_assertion_type` is not an absolute URI (RFC 7521 §4.2).
    #[non_exhaustive]
    InvalidAssertionType { found: String },
    /// The client id cannot be sent by this method.
    #[non_exhaustive]
    InvalidClientId { expected: &'static str, found: String },
    /// The client secret cannot be sent by this method.
    #[non_exhaustive]
    InvalidClientSecret { expected: &'static str },
    /// A certificate is invalid.
    #[non_exhaustive]
    InvalidCertificate { setting: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
}

impl fmt::Display for ClientAuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { setting } => write!(f, "{setting} is empty"),
            Self::InvalidKey { expected } => write!(f, "private key: expected {expected}"),
            Self::WrongAlgorithm { expected, found } => {
                write!(f, "algorithm {found} does not fit the private key: expected {expected}")
            }
            Self::InvalidAssertionType { found } => {
                write!(f, "client_assertion_type: expected an absolute URI, found {found:?}")
            }
            Self::InvalidClientId { expected, found } => {
                write!(f, "client id: expected {expected}, found {found:?}")
            }
            Self::InvalidClientSecret { expected } => write!(f, "client secret: expected {expected}"),
            Self::InvalidCertificate { setting, .. } => write!(f, "{setting} is invalid"),
        }
    }
}

impl std::error::Error for ClientAuthError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::InvalidCertificate { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
