//! Why is there no token, and why could credentials not be built?

pub(crate) mod config;
pub(crate) mod excerpt;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::excerpt::Excerpt;

/// Why there is no token.
///
/// Three kinds of people act on it: whoever set the client up, here or at the issuer ([`Refused`](Error::Refused)); nobody,
/// because it passes ([`Unreachable`](Error::Unreachable)); and whoever gave the address
/// ([`NotUnderstood`](Error::NotUnderstood)). The reason of the last two is the
/// [`source`](std::error::Error::source).
///
/// Neither `Display` nor `Debug` holds a secret, an assertion or a token. Texts that an issuer wrote are [`Excerpt`]s.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Error {
    /// The issuer says no (RFC 6749 §5.2): the client is unknown or its secret is wrong (`invalid_client`), or it may not
    /// have what was asked for (`invalid_scope`). It is not asked again for a minute.
    #[non_exhaustive]
    Refused {
        /// The token endpoint, without its query.
        endpoint: Arc<str>,
        /// The status of the answer: 400, 401 or 403.
        status: u16,
        /// The error code, if there is one.
        code: Option<Excerpt>,
        /// What the issuer says about it. Written by a server: for a log, not for a page.
        description: Option<Excerpt>,
    },
    /// No answer, or one that says that it is not the time (429, 5xx). Attempts go on for as long as somebody wants a
    /// token, with pauses that grow and that `Retry-After` can make longer.
    #[non_exhaustive]
    Unreachable {
        /// What was asked, without its query.
        endpoint: Arc<str>,
        /// When the next attempt may be made.
        retry_after: Duration,
        /// What happened.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// There is an answer that is not one of a token endpoint: a page, another type of token, no token at all.
    #[non_exhaustive]
    NotUnderstood {
        /// What was asked, without its query.
        endpoint: Arc<str>,
        /// What is wrong with the answer.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { endpoint, status, code, description } => {
                write!(f, "{endpoint} refuses to issue a token: status {status}")?;
                if let Some(code) = code {
                    write!(f, ", error {code}")?;
                }
                match description {
                    Some(description) => write!(f, ", {description}"),
                    None => Ok(()),
                }
            }
            Self::Unreachable { endpoint, retry_after, .. } => {
                write!(
                    f,
                    "{endpoint} issues no token now; next attempt in {:.1} s at the earliest",
                    retry_after.as_secs_f64()
                )
            }
            Self::NotUnderstood { endpoint, .. } => {
                write!(f, "the answer of {endpoint} is not understood")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Refused { .. } => None,
            Self::Unreachable { source, .. } | Self::NotUnderstood { source, .. } => Some(&**source),
        }
    }
}
