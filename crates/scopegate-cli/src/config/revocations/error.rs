//! The reason why revocations are not followed.

use std::error::Error;
use std::fmt;

use scopegate::ConfigError;
use scopegate_redis::RedisError;

/// The reason why a source of revocations is not followed. It contains no password.
#[derive(Debug)]
pub(crate) enum NotFollowed {
    File(ConfigError),
    Redis(RedisError),
}

impl NotFollowed {
    /// Returns the reason without the source, whose place is known.
    pub(super) fn reason(&self) -> &dyn fmt::Display {
        match self {
            Self::File(error) => error,
            Self::Redis(error) => error,
        }
    }
}

impl From<ConfigError> for NotFollowed {
    fn from(error: ConfigError) -> Self {
        Self::File(error)
    }
}

impl From<RedisError> for NotFollowed {
    fn from(error: RedisError) -> Self {
        Self::Redis(error)
    }
}

impl fmt::Display for NotFollowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Redis(error) => write!(f, "no revocations from Redis: {error}"),
        }
    }
}

impl Error for NotFollowed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::File(error) => error.source(),
            Self::Redis(error) => error.source(),
        }
    }
}
