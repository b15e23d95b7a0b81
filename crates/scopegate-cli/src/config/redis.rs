//! A Redis server that the file names by a URL, with its password in a file of its own.

use std::fmt;

use scopegate_redis::{Redis, RedisError};

use crate::config::beside::{Beside, Found, SecretText};
use crate::config::problem::Problems;
use crate::config::reader::Text;

/// A server. Equal servers have one URL, and their passwords may differ, because only a restart replaces
/// a password.
#[derive(Clone)]
pub(super) struct Server {
    url: String,
    password: Password,
    pub(super) redis: Redis,
}

#[derive(Clone)]
enum Password {
    /// The URL may have it.
    Absent,
    Read(SecretText),
    /// It cannot be read here, so no service runs with this configuration.
    Unavailable,
}

impl Server {
    /// Reads a URL and the file of its password. `others` are further values of the key, for messages.
    pub(super) fn read(
        url: &Text<'_>,
        file: Option<&Text<'_>>,
        others: &str,
        beside: &Beside,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let password = match file.map(|file| beside.secret_in_file(file, problems)) {
            None => Password::Absent,
            Some(Some(Found::Secret(password))) => Password::Read(password),
            Some(Some(Found::Unavailable) | None) => Password::Unavailable,
        };
        let redis = match Redis::new(url.text) {
            Ok(redis) => redis,
            // The message has no part of the URL, because any part may be a password.
            Err(RedisError::InvalidUrl { expected, .. }) => {
                problems.add(&url.span, format_args!("expected {others}a URL: {expected}"));
                return None;
            }
            Err(error) => {
                problems.add(&url.span, error);
                return None;
            }
        };
        let redis = match &password {
            Password::Read(password) => redis.password(password.expose()),
            Password::Absent | Password::Unavailable => redis,
        };
        Some(Self { url: url.text.to_owned(), password, redis })
    }

    /// Returns whether the password cannot be read here.
    pub(super) fn lacks_secret(&self) -> bool {
        matches!(self.password, Password::Unavailable)
    }

    /// Returns whether the password in the file differs from the earlier one.
    pub(super) fn has_other_password_than(&self, earlier: &Self) -> bool {
        match (&self.password, &earlier.password) {
            (Password::Read(password), Password::Read(other)) => password != other,
            _ => false,
        }
    }
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        let Self { url, password, redis: _ } = self;
        let kind = std::mem::discriminant::<Password>;
        *url == other.url && kind(password) == kind(&other.password)
    }
}

impl Eq for Server {}

/// Shows no URL, which may have a password.
impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.redis.fmt(f)
    }
}
