//! Errors of token requests, and of configurations.

pub(crate) mod config;
pub(crate) mod proof;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;

/// The error of a token request.
///
/// Each variant has another remedy:
///
/// - [`Rejected`](Error::Rejected): the operator of the client or of the issuer must act.
/// - [`NoAssertion`](Error::NoAssertion): the operator of the client's platform must act.
/// - [`Unavailable`](Error::Unavailable): the error passes.
/// - [`InvalidResponse`](Error::InvalidResponse): the programmer must check the URL.
///
/// The [`source`](std::error::Error::source) of all but the first has the cause.
///
/// Neither `Display` nor `Debug` contains a secret, an assertion or a token. Strings of an issuer
/// are [`Excerpt`]s of at most 120 characters. Characters other than letters, spaces and printable
/// ASCII are replaced, and so are `"`, `\`, `<`, `>`, `&` and the backquote. A string that shares
/// six characters with the client's credentials, in any usual encoding, is left out. The messages
/// of `Display` may change.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Error {
    /// The token endpoint rejected the request (RFC 6749 §5.2). For example, the secret is wrong
    /// (`invalid_client`), or the client is not allowed the scopes (`invalid_scope`). Further calls
    /// fail immediately for one minute, without another request.
    #[non_exhaustive]
    Rejected {
        /// The token endpoint, without its query.
        endpoint: Arc<str>,
        /// The status of the response: 400, 401 or 403, or 200 with an error in place of a token.
        status: u16,
        /// The error code, if it exists and may be shown.
        code: Option<Excerpt>,
        /// The issuer's description. A server wrote it: log it, but do not show it on a page.
        description: Option<Excerpt>,
    },
    /// There is no response, or its status is 429 or 5xx. While callers need a token, requests are
    /// retried with exponential backoff. `Retry-After` can make the waits longer.
    #[non_exhaustive]
    Unavailable {
        /// The token endpoint or the issuer, without its query.
        endpoint: Arc<str>,
        /// The wait until the next attempt is allowed.
        retry_after: Duration,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The [source](crate::AssertionSource) of assertions failed, so no request was sent. If the
    /// source may recover, it is retried as for [`Unavailable`](Error::Unavailable).
    #[non_exhaustive]
    NoAssertion {
        /// The wait until the next attempt is allowed.
        retry_after: Duration,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// The response is no token response: for example a web page, another token type, or no token.
    #[non_exhaustive]
    InvalidResponse {
        /// The token endpoint or the issuer, without its query.
        endpoint: Arc<str>,
        /// The cause.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { endpoint, status, code, description } => {
                write!(f, "{endpoint} rejected the token request: status {status}")?;
                if let Some(code) = code {
                    write!(f, ", error {code}")?;
                }
                match description {
                    Some(description) => write!(f, ", {description}"),
                    None => Ok(()),
                }
            }
            Self::Unavailable { endpoint, retry_after, .. } => {
                write!(
                    f,
                    "{endpoint} is unavailable; next attempt in {:.1} s at the earliest",
                    retry_after.as_secs_f64()
                )
            }
            Self::NoAssertion { retry_after, .. } => {
                let seconds = retry_after.as_secs_f64();
                write!(f, "no client assertion; next attempt in {seconds:.1} s at the earliest")
            }
            Self::InvalidResponse { endpoint, .. } => {
                write!(f, "invalid response from {endpoint}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Rejected { .. } => None,
            Self::Unavailable { source, .. }
            | Self::NoAssertion { source, .. }
            | Self::InvalidResponse { source, .. } => Some(&**source),
        }
    }
}
