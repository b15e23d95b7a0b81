//! From refusal to answer, in one function; nothing else chooses a status or a challenge. How gRPC writes it is `grpc.rs`.

use std::fmt;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};
use scopegate::Error;

use crate::bearer::MalformedCredentials;
use crate::challenge::{Challenge, ErrorCode};
use crate::grpc::{self, Code};
use crate::refusal_body::RefusalBody;

/// Why a request was not let through. It stands in the extensions of the response, for the operator's eyes:
/// for access logs, metrics, or to answer in another form.
///
/// ```
/// use axum::{body::Body, response::Response};
/// use scopegate_axum::Refusal;
///
/// /// For `axum::middleware::map_response`: another body, while status and headers stay. A gRPC call's refusal has status 200
/// /// and no body, and must not get one.
/// async fn plain_text(response: Response) -> Response {
///     match response.extensions().get::<Refusal>() {
///         Some(_) if response.status() != 200 => response.map(|_| Body::from("no entry\n")),
///         _ => response,
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

/// How the sender of a request expects to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

impl Protocol {
    /// Asked only about what was refused: whoever is let through is answered by the inner service.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        if grpc::is_call(request) { Self::Grpc } else { Self::Http }
    }
}

/// What the caller is told, in both protocols.
pub(crate) struct Answer {
    status: StatusCode,
    pub(crate) code: Code,
    pub(crate) detail: &'static str,
    pub(crate) header: (HeaderName, HeaderValue),
}

impl Refusal {
    pub(crate) fn into_response<B: RefusalBody>(
        self,
        challenge: &Challenge,
        protocol: Protocol,
    ) -> Response<B> {
        let Answer { status, code, detail, header: (name, value) } = self.answer(challenge);
        let mut response = match protocol {
            Protocol::Http => problem(status, detail),
            Protocol::Grpc => uncached(grpc::trailers_only(code, detail)),
        };
        response.headers_mut().insert(name, value);
        response.extensions_mut().insert(self);
        response
    }

    /// The answer to the caller, which is also logged. Its texts are fixed and tell nothing about the token, because a
    /// caller may be anybody; the log gets the reason.
    pub(crate) fn answer(&self, challenge: &Challenge) -> Answer {
        let (status, code, detail, header) = match self {
            Self::NoCredentials => {
                let challenge = challenge.without_error();
                let detail = "a bearer token is needed";
                (StatusCode::UNAUTHORIZED, Code::Unauthenticated, detail, (WWW_AUTHENTICATE, challenge))
            }
            Self::Malformed(_) => {
                let detail = "expected one Authorization header with one bearer token";
                // What the token would have to grant is not the question here.
                let challenge = Challenge { scope: String::new(), ..challenge.clone() };
                let challenge = challenge.with_error(ErrorCode::InvalidRequest, detail);
                (StatusCode::BAD_REQUEST, Code::Unauthenticated, detail, (WWW_AUTHENTICATE, challenge))
            }
            Self::Token(Error::InsufficientScope { .. }) => {
                let detail = "the access token lacks a scope that is needed";
                let challenge = challenge.with_error(ErrorCode::InsufficientScope, detail);
                (StatusCode::FORBIDDEN, Code::PermissionDenied, detail, (WWW_AUTHENTICATE, challenge))
            }
            Self::Token(Error::KeysUnavailable { retry_after, .. }) => {
                let detail = "access tokens cannot be verified at the moment";
                let seconds = HeaderValue::from(retry_after.as_secs());
                (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable, detail, (RETRY_AFTER, seconds))
            }
            // One text for all: which check was the first to fail may depend on what nobody has vouched for.
            Self::Token(_) => {
                let detail = "the access token has expired, or is not valid for this API";
                let challenge = challenge.with_error(ErrorCode::InvalidToken, detail);
                (StatusCode::UNAUTHORIZED, Code::Unauthenticated, detail, (WWW_AUTHENTICATE, challenge))
            }
        };
        match self {
            Self::Token(Error::KeysUnavailable { .. }) => {
                tracing::warn!(status = status.as_u16(), "refused: {self}");
            }
            Self::Token(_) | Self::Malformed(_) => {
                tracing::info!(status = status.as_u16(), "refused: {self}");
            }
            Self::NoCredentials => tracing::debug!(status = status.as_u16(), "refused: {self}"),
        }
        Answer { status, code, detail, header }
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
    let media_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    uncached(response)
}

/// No cache may give one caller's refusal to another (RFC 9111 §5.2.2.5).
fn uncached<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
