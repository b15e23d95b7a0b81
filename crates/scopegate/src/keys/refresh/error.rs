//! Errors of a fetch that brought no keys.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use scopegate_proto::excerpt::Excerpt;

#[cfg(feature = "fetch")]
use crate::keys::endpoint::EndpointError;
use crate::keys::refresh::schedule::FETCH_TIMEOUT;
use crate::keys::set::JwksError;

/// A failed fetch.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    /// The URL, without its query.
    pub(crate) url: String,
    pub(crate) error: Arc<RefreshError>,
}

#[derive(Debug)]
pub(crate) enum RefreshError {
    #[cfg(feature = "fetch")]
    Endpoint(EndpointError),
    Jwks(JwksError),
    /// The response is "not modified", although there is no earlier key set.
    NothingToKeep,
    /// The fetch and the parsing of its response exceeded [`FETCH_TIMEOUT`].
    TooSlow,
    /// A thread is still parsing the set of an earlier fetch.
    StillReading,
    /// The thread that parses a large set could not be started.
    NoThread(io::Error),
    /// The task has panicked in a log subscriber, a metrics recorder or a clock of the application.
    Panicked(Excerpt),
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
            Self::TooSlow => {
                write!(f, "no key set was fetched and read within {} s", FETCH_TIMEOUT.as_secs())
            }
            Self::StillReading => f.write_str("the key set of an earlier fetch is still being read"),
            Self::NoThread(_) => f.write_str("no thread to read the key set on"),
            Self::Panicked(message) => write!(f, "the background task has panicked: {message}"),
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
            Self::NoThread(error) => Some(error),
            Self::Jwks(_)
            | Self::NothingToKeep
            | Self::TooSlow
            | Self::StillReading
            | Self::Panicked(_)
            | Self::TaskEnded => None,
        }
    }
}
