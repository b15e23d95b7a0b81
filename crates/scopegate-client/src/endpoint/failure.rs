//! Failures of token requests, and whether a retry can help.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use scopegate_proto::http::HttpError;
use scopegate_proto::metadata::MetadataError;

use crate::endpoint::error_response::ErrorResponse;
use crate::endpoint::response::TokenResponseError;
use crate::endpoint::retry::Retry;
use crate::error::config::ConfigError;
use crate::error::proof::SignProofError;
use scopegate_proto::client_auth::AssertionError;

/// A failed request.
pub(crate) struct Failure {
    pub(crate) endpoint: Arc<str>,
    pub(crate) error: RequestError,
    pub(crate) retry_after: Option<Duration>,
}

/// The cause of a failed token request.
#[derive(Debug)]
pub(crate) enum RequestError {
    /// The issuer rejected the request.
    Rejected {
        status: StatusCode,
        words: ErrorResponse,
    },
    Status {
        status: StatusCode,
        words: ErrorResponse,
    },
    Http(HttpError),
    TokenResponse {
        reason: TokenResponseError,
        words: ErrorResponse,
    },
    Metadata(MetadataError),
    /// Each well-known URL, with its error.
    NotDiscovered(Vec<(String, RequestError)>),
    Client(ConfigError),
    Assertion(AssertionError),
    Proof(SignProofError),
    NoRuntime,
    NoResponseYet,
    /// The runtime of the request has ended.
    TaskEnded,
}

impl RequestError {
    /// Returns whether a retry can help.
    pub(crate) fn retry(&self) -> Retry {
        match self {
            Self::Rejected { .. } => Retry::Permanent,
            Self::Status { status, .. } => {
                let transient = status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
                    );
                if transient { Retry::Transient } else { Retry::Unclear }
            }
            Self::NotDiscovered(failures)
                if failures.iter().any(|(_, failure)| failure.retry() == Retry::Transient) =>
            {
                Retry::Transient
            }
            Self::Http(error) if error.is_transient() => Retry::Transient,
            Self::Assertion(error) if error.is_transient() => Retry::Transient,
            Self::Proof(_) | Self::TaskEnded => Retry::Transient,
            _ => Retry::Unclear,
        }
    }

    /// Returns the error and its causes on one line.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// Returns whether the endpoint may have moved.
    pub(crate) fn suspects_endpoint(&self) -> bool {
        match self {
            Self::Http(error) if error.is_transient() => error.is_connect(),
            Self::Assertion(_) | Self::Proof(_) => false,
            other => other.retry() == Retry::Unclear,
        }
    }
}

impl From<HttpError> for RequestError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { status, words } => write!(f, "rejected with status {}{words}", status.as_u16()),
            Self::Status { status, words } => {
                write!(f, "expected status 200, found {}{words}", status.as_u16())
            }
            Self::Http(error) => fmt::Display::fmt(error, f),
            Self::TokenResponse { reason, words } => write!(f, "{reason}{words}"),
            Self::Metadata(reason) => fmt::Display::fmt(reason, f),
            Self::NotDiscovered(failures) => {
                f.write_str("the token endpoint could not be discovered")?;
                failures.iter().try_for_each(|(url, reason)| write!(f, "; {url}: {}", reason.with_causes()))
            }
            Self::Client(error) => fmt::Display::fmt(error, f),
            Self::Assertion(error) => fmt::Display::fmt(error, f),
            Self::Proof(error) => fmt::Display::fmt(error, f),
            Self::NoRuntime => f.write_str("no Tokio runtime is running"),
            Self::NoResponseYet => f.write_str("no response yet"),
            Self::TaskEnded => f.write_str("the runtime of the request has ended"),
        }
    }
}

impl std::error::Error for RequestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Http(error) => error.source(),
            Self::Client(error) => error.source(),
            Self::Assertion(error) => error.source(),
            _ => None,
        }
    }
}
