//! Errors of building a client and of sending a request. A response is not an error, regardless of
//! its status.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

/// A foreign error. Its type is not part of the API.
type Source = Box<dyn Error + Send + Sync>;

/// The reason why a request has no complete response.
///
/// [`source`](Error::source) returns the chain of causes. None of them contains the URL.
#[non_exhaustive]
#[derive(Debug)]
pub enum HttpError {
    /// No connection was established, or not within its time limit.
    #[non_exhaustive]
    Connect {
        /// The step that failed.
        failure: ConnectFailure,
        /// The cause.
        source: Source,
    },
    /// The TLS handshake failed, for example because the server's certificate is not trusted.
    #[non_exhaustive]
    Tls {
        /// The cause.
        source: Source,
    },
    /// The response was not complete within the time limit.
    #[non_exhaustive]
    Timeout {
        /// The time limit.
        limit: Duration,
        /// The cause.
        source: Source,
    },
    /// The response body ended too early.
    #[non_exhaustive]
    BrokenOff {
        /// The cause.
        source: Source,
    },
    /// The server closed the connection, or its response is not HTTP.
    #[non_exhaustive]
    NoResponse {
        /// The cause.
        source: Source,
    },
    /// The response body exceeds the caller's size limit.
    #[non_exhaustive]
    TooLarge {
        /// The size limit in bytes.
        limit: usize,
    },
    /// The client was built for another route than the route of this URL. The request was not sent.
    WrongRoute,
}

/// The step of a connection that failed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectFailure {
    /// The host name was not resolved (DNS).
    Dns,
    /// The connection was refused: no program listens on the port.
    Refused,
    /// The proxy could not be reached, or it did not connect to the server.
    Proxy,
    /// The time limit for a connection has passed.
    Timeout,
    /// Anything else, for example an unreachable network.
    Other,
}

impl HttpError {
    /// Returns whether a retry of the same request may succeed.
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::TooLarge { .. } | Self::WrongRoute)
    }

    /// Returns whether no connection to the server was established. The server may have moved.
    pub fn is_connect(&self) -> bool {
        matches!(self, Self::Connect { .. } | Self::Tls { .. })
    }

    pub(super) fn new(error: reqwest::Error, limit: Duration) -> Self {
        // Callers log the URL themselves, without its query.
        let error = error.without_url();
        let (connect, timeout) = (error.is_connect(), error.is_timeout());
        let body = error.is_body() || error.is_decode();
        let tls = connect && is_tls(&error);
        let failure = connect_failure(&error, timeout);
        let source = Source::from(error);
        match () {
            () if tls => Self::Tls { source },
            () if connect => Self::Connect { failure, source },
            () if timeout => Self::Timeout { limit, source },
            () if body => Self::BrokenOff { source },
            () => Self::NoResponse { source },
        }
    }
}

/// Returns whether an error comes from TLS.
///
/// tokio-rustls wraps TLS errors in I/O errors of the kind `InvalidData`, which neither sockets nor
/// the resolver produce.
fn is_tls(error: &(dyn Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        error = match cause.downcast_ref::<io::Error>() {
            Some(io) if io.kind() == io::ErrorKind::InvalidData && io.get_ref().is_some() => return true,
            // `source` of an I/O error skips the error that it wraps.
            Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => cause.source(),
        };
    }
    false
}

/// Classifies a connection failure. `reqwest` has no types for these failures, so messages are
/// compared.
fn connect_failure(error: &(dyn Error + 'static), timeout: bool) -> ConnectFailure {
    let (mut error, mut found) = (Some(error), ConnectFailure::Other);
    while let Some(cause) = error {
        let text = cause.to_string();
        // Each failure in a tunnel counts as the proxy's, regardless of its causes.
        if text.starts_with("tunnel error") || text.starts_with("proxy ") {
            return ConnectFailure::Proxy;
        }
        if text == "dns error" {
            found = ConnectFailure::Dns;
        } else if cause.downcast_ref::<io::Error>().map(io::Error::kind)
            == Some(io::ErrorKind::ConnectionRefused)
        {
            found = ConnectFailure::Refused;
        }
        error = cause.source();
    }
    if found == ConnectFailure::Other && timeout { ConnectFailure::Timeout } else { found }
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "no connection, because the host name was not resolved",
            Self::Refused => "no connection, because it was refused",
            Self::Proxy => "no connection through the proxy",
            Self::Timeout => "no connection within its time limit",
            Self::Other => "no connection",
        })
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect { failure, .. } => fmt::Display::fmt(failure, f),
            Self::Tls { .. } => f.write_str("no TLS connection"),
            Self::Timeout { limit, .. } => {
                write!(f, "no complete response within {} s", limit.as_secs_f64())
            }
            Self::BrokenOff { .. } => f.write_str("the response broke off"),
            Self::NoResponse { .. } => f.write_str("no response"),
            Self::TooLarge { limit } => write!(f, "expected at most {limit} bytes, found more"),
            Self::WrongRoute => f.write_str("the client was built for another kind of URL"),
        }
    }
}

impl Error for HttpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect { source, .. }
            | Self::Tls { source }
            | Self::Timeout { source, .. }
            | Self::BrokenOff { source }
            | Self::NoResponse { source } => Some(source.as_ref()),
            Self::TooLarge { .. } | Self::WrongRoute => None,
        }
    }
}

/// The reason why settings are rejected. No variant contains a key.
#[non_exhaustive]
#[derive(Debug)]
pub enum SettingsError {
    /// A bundle of root certificates contains no certificate.
    NoRootCertificate,
    /// A root certificate is not PEM, or cannot be trusted.
    #[non_exhaustive]
    InvalidRootCertificate {
        /// The cause.
        source: Source,
    },
    /// The client's identity is not PEM of a private key and a certificate. The cause is dropped,
    /// because it may quote the key.
    InvalidIdentity,
    /// An environment variable is not the URL of a proxy.
    #[non_exhaustive]
    InvalidProxy {
        /// The environment variable.
        variable: &'static str,
    },
    /// The client could not be built, for example because the system has no certificate
    /// authorities.
    #[non_exhaustive]
    Client {
        /// The cause.
        source: Source,
    },
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRootCertificate => f.write_str("expected a root certificate as PEM, found none"),
            Self::InvalidRootCertificate { .. } => f.write_str("a root certificate cannot be used"),
            Self::InvalidIdentity => f.write_str("expected a private key and a certificate, both as PEM"),
            Self::InvalidProxy { variable } => write!(f, "expected {variable} to be the URL of a proxy"),
            Self::Client { .. } => f.write_str("the HTTP client could not be set up"),
        }
    }
}

impl Error for SettingsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InvalidRootCertificate { source } | Self::Client { source } => Some(source.as_ref()),
            Self::NoRootCertificate | Self::InvalidIdentity | Self::InvalidProxy { .. } => None,
        }
    }
}
