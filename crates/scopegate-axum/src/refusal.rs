//! From refusal to response, in one function; nothing else chooses a status or a challenge.

use std::fmt;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};
use scopegate::Error;

use crate::bearer::MalformedCredentials;
use crate::challenge::{Challenge, ErrorCode};
use crate::refusal_body::RefusalBody;

/// Why a request was not let through. It stands in the extensions of the response, for the operator's eyes:
/// for access logs, metrics, or to answer in another form.
///
/// ```
/// use axum::{body::Body, response::Response};
/// use scopegate_axum::Refusal;
///
/// /// For `axum::middleware::map_response`: another body, while status and headers stay.
/// async fn plain_text(response: Response) -> Response {
///     match response.extensions().get::<Refusal>() {
///         Some(_) => response.map(|_| Body::from("no entry\n")),
///         None => response,
///     }
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Refusal {
    /// No `Authorization` header, or one of another scheme: 401.
    NoCredentials,
    /// More than one `Authorization` header, or a `Bearer` that is not one token: 400.
    Malformed(MalformedCredentials),
    /// The token was not accepted: 401. It lacks scopes: 403. Nobody can say, because keys are missing: 503.
    Token(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCredentials => f.write_str("no bearer token"),
            Self::Malformed(how) => fmt::Display::fmt(how, f),
            Self::Token(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    /// The answer to the caller. Its texts are fixed and tell nothing about the token, because a caller may
    /// be anybody; the log gets the reason.
    pub(crate) fn into_response<B: RefusalBody>(self, challenge: &Challenge) -> Response<B> {
        let (status, detail, header) = match &self {
            Self::NoCredentials => {
                let challenge = challenge.without_error();
                (StatusCode::UNAUTHORIZED, "a bearer token is needed", (WWW_AUTHENTICATE, challenge))
            }
            Self::Malformed(_) => {
                let detail = "expected one Authorization header with one bearer token";
                // What the token would have to grant is not the question here.
                let challenge = Challenge { scope: String::new(), ..challenge.clone() };
                let challenge = challenge.with_error(ErrorCode::InvalidRequest, detail);
                (StatusCode::BAD_REQUEST, detail, (WWW_AUTHENTICATE, challenge))
            }
            Self::Token(Error::InsufficientScope { .. }) => {
                let detail = "the access token lacks a scope that is needed";
                let challenge = challenge.with_error(ErrorCode::InsufficientScope, detail);
                (StatusCode::FORBIDDEN, detail, (WWW_AUTHENTICATE, challenge))
            }
            Self::Token(Error::KeysUnavailable { retry_after, .. }) => {
                let detail = "access tokens cannot be verified at the moment";
                let seconds = HeaderValue::from(retry_after.as_secs());
                (StatusCode::SERVICE_UNAVAILABLE, detail, (RETRY_AFTER, seconds))
            }
            // One text for all: which check was the first to fail may depend on what nobody has vouched for.
            Self::Token(_) => {
                let detail = "the access token has expired, or is not valid for this API";
                let challenge = challenge.with_error(ErrorCode::InvalidToken, detail);
                (StatusCode::UNAUTHORIZED, detail, (WWW_AUTHENTICATE, challenge))
            }
        };
        match &self {
            Self::Token(Error::KeysUnavailable { .. }) => {
                tracing::warn!(status = status.as_u16(), "refused: {self}");
            }
            Self::Token(_) | Self::Malformed(_) => {
                tracing::info!(status = status.as_u16(), "refused: {self}");
            }
            Self::NoCredentials => tracing::debug!(status = status.as_u16(), "refused: {self}"),
        }
        let mut response = problem(status, detail);
        response.headers_mut().insert(header.0, header.1);
        response.extensions_mut().insert(self);
        response
    }
}

/// A problem document (RFC 9457) without a type of its own, so the title is the status's name.
pub(crate) fn problem<B: RefusalBody>(status: StatusCode, detail: &str) -> Response<B> {
    let document = serde_json::json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    let mut response = Response::new(B::from_text(document.to_string().into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    // No cache may give one caller's refusal to another (RFC 9111 §5.2.2.5).
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
