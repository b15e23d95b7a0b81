//! Why a refresh returned no keys.

use std::error::Error;
use std::fmt;

#[cfg(feature = "fetch")]
use crate::keys::fetch::endpoint::EndpointError;
use crate::keys::set::JwksError;

#[derive(Debug)]
pub(crate) enum RefreshError {
    #[cfg(feature = "fetch")]
    Endpoint(EndpointError),
    Jwks(JwksError),
    /// The response is "not modified", although there is nothing to keep.
    NothingToKeep,
    /// The background task has ended.
    TaskEnded,
}

#[cfg(feature = "fetch")]
impl From<EndpointError> for RefreshError {
    fn from(error: EndpointError) -> Self {
        Self::Endpoint(error)
    }
}

impl From<JwksError> for RefreshError {
    fn from(error: JwksError) -> Self {
        Self::Jwks(error)
    }
}

impl fmt::Display for RefreshError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(feature = "fetch")]
            Self::Endpoint(reason) => fmt::Display::fmt(reason, f),
            Self::Jwks(reason) => fmt::Display::fmt(reason, f),
            Self::NothingToKeep => f.write_str("expected a key set, found status 304"),
            Self::TaskEnded => {
                f.write_str("the background task has ended; does its runtime have timers and I/O?")
            }
        }
    }
}

impl Error for RefreshError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            #[cfg(feature = "fetch")]
            Self::Endpoint(error) => error.source(),
            Self::Jwks(_) | Self::NothingToKeep | Self::TaskEnded => None,
        }
    }
}
