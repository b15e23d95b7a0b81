//! Errors of Redis: settings, connections and responses.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use scopegate::{ConfigError, Excerpt, InvalidRevocation, RevocationError};

/// The reason why a call failed. It contains no password.
#[non_exhaustive]
#[derive(Debug)]
#[allow(missing_docs, reason = "the fields are what their variant says was expected and found")]
pub enum RedisError {
    /// The URL is not `rediss://[[user]:password@]host[:port][/database]`, or the same with `redis`.
    #[non_exhaustive]
    InvalidUrl { expected: &'static str, found: String },
    /// A `redis` URL leads to another machine. Use `rediss`, or
    /// [`Redis::allow_network_without_tls`](crate::Redis::allow_network_without_tls).
    #[non_exhaustive]
    WithoutTls { address: String },
    /// The URL has the scheme `rediss`, and the feature `tls` is off.
    TlsFeatureOff,
    /// A certificate authority is not PEM, or TLS could not be set up.
    #[non_exhaustive]
    Certificates { source: Box<dyn Error + Send + Sync> },
    /// A setting is outside of its range.
    #[non_exhaustive]
    OutOfRange { setting: &'static str, expected: &'static str, found: String },
    /// The server could not be reached, or the connection was lost.
    #[non_exhaustive]
    Unreachable { address: String, source: Box<dyn Error + Send + Sync> },
    /// The server did not accept the connection, or did not respond in time.
    #[non_exhaustive]
    Timeout { address: String, limit: Duration },
    /// The server rejected the user name or the password.
    #[non_exhaustive]
    AuthenticationFailed { address: String },
    /// The server rejected a command, for example with `NOPERM` or `OOM`.
    #[non_exhaustive]
    Rejected { code: String, detail: Excerpt },
    /// The server sent a response of another form.
    #[non_exhaustive]
    UnexpectedResponse { expected: &'static str },
    /// The server removes keys when its memory is full, so used proofs would be accepted again. Set
    /// its `maxmemory-policy` to `noeviction`, or call
    /// [`allow_eviction`](crate::RedisReplayStoreBuilder::allow_eviction).
    #[non_exhaustive]
    EvictsKeys { policy: Excerpt },
    /// The server has no revocations any more, but had some before. A running reader keeps its
    /// entries. Publish the revocations again.
    #[non_exhaustive]
    Lost { key: String },
    /// Nothing was ever published to this server, database and prefix. The server may have lost its
    /// data before this process started. If there are no revocations,
    /// [publish an empty list](crate::RedisRevocations::publish_all).
    #[non_exhaustive]
    NothingPublished { key: String },
    /// A revocation cannot be published: its name is empty, or it has more than 16 KiB.
    #[non_exhaustive]
    InvalidRevocation { source: InvalidRevocation },
    /// The store of the reader is full.
    #[non_exhaustive]
    NotStored { source: RevocationError },
    /// The feed could not be started: it is followed already, or there is no Tokio runtime.
    #[non_exhaustive]
    NotFollowed { source: ConfigError },
}

impl RedisError {
    /// Converts an error of the client library. Texts of the server are shortened, and an echoed
    /// command is omitted.
    pub(crate) fn of(error: redis::RedisError, address: &str) -> Self {
        let address = address.to_owned();
        // A rejected transaction has one error for each command, and one for their end.
        if let Some(errors) = error.clone().into_server_errors()
            && let Some((_, first)) = errors.first()
        {
            let detail = first.details().filter(|detail| !detail.contains("args"));
            // A long command of a client without a password is a protocol error.
            let is_unauthenticated = detail.is_some_and(|detail| detail.contains("unauthenticated"));
            return match first.code() {
                "NOAUTH" | "WRONGPASS" => Self::AuthenticationFailed { address },
                "ERR" if is_unauthenticated => Self::AuthenticationFailed { address },
                code => {
                    Self::Rejected { code: code.to_owned(), detail: Excerpt::new(detail.unwrap_or_default()) }
                }
            };
        }
        match error.kind() {
            redis::ErrorKind::AuthenticationFailed => Self::AuthenticationFailed { address },
            redis::ErrorKind::Parse | redis::ErrorKind::UnexpectedReturnType => {
                Self::UnexpectedResponse { expected: "a response of the command's form" }
            }
            _ => Self::Unreachable { address, source: Box::new(error) },
        }
    }

    /// Whether another connection may help.
    pub(crate) fn is_of_connection(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidUrl { expected, found } => {
                write!(f, "invalid URL of Redis: expected {expected}, found {found:?}")
            }
            Self::WithoutTls { address } => {
                write!(f, "connection to {address} without TLS: expected a rediss URL or a loopback address")
            }
            Self::TlsFeatureOff => f.write_str("a rediss URL requires the feature `tls`"),
            Self::Certificates { .. } => f.write_str("TLS could not be set up"),
            Self::OutOfRange { setting, expected, found } => {
                write!(f, "{setting} out of range: expected {expected}, found {found}")
            }
            Self::Unreachable { address, .. } => write!(f, "no connection to {address}"),
            Self::Timeout { address, limit } => {
                write!(f, "no response from {address} within {} s", limit.as_secs_f64())
            }
            Self::AuthenticationFailed { address } => {
                write!(f, "{address} rejected the user name or the password")
            }
            Self::Rejected { code, detail } => write!(f, "command rejected with {code}: {detail}"),
            Self::UnexpectedResponse { expected } => write!(f, "unexpected response: expected {expected}"),
            Self::EvictsKeys { policy } => {
                write!(f, "the server evicts keys: expected the policy noeviction, found {policy}")
            }
            Self::Lost { key } => {
                write!(f, "the server lost its revocations: expected the key {key}, found none")
            }
            Self::NothingPublished { key } => write!(
                f,
                "nothing was published to the server: expected the key {key}, found none; \
                 if there are no revocations, publish an empty list"
            ),
            Self::InvalidRevocation { .. } => f.write_str("the revocation cannot be published"),
            Self::NotStored { .. } => f.write_str("not all revocations were stored"),
            Self::NotFollowed { .. } => f.write_str("the feed could not be started"),
        }
    }
}

impl Error for RedisError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Certificates { source } | Self::Unreachable { source, .. } => Some(source.as_ref()),
            Self::InvalidRevocation { source } => Some(source),
            Self::NotStored { source } => Some(source),
            Self::NotFollowed { source } => Some(source),
            _ => None,
        }
    }
}

/// An error with its causes in one line, for the status of a source.
pub(crate) struct Chain<E = RedisError>(pub(crate) E);

impl<E: std::borrow::Borrow<RedisError>> fmt::Display for Chain<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.0.borrow();
        fmt::Display::fmt(error, f)?;
        let mut cause = error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}
