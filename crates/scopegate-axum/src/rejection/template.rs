//! What callers hear, in words that are fixed when the layer is made. Which of it a rejection leads to says `rejection.rs`.
//!
//! Made once, because anybody can ask to be refused: one that is made for each request costs 9,000 instructions and 19
//! allocations more than a layer that does nothing, one that is there 550 and 2.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, Response, StatusCode};

use crate::rejection::body::RejectionBody;
use crate::rejection::challenge::{Challenge, ErrorCode};
use crate::rejection::grpc::{self, Code};

/// What a caller is told, in both protocols.
#[derive(Clone, Debug)]
pub(crate) struct ResponseTemplate {
    pub(crate) status: StatusCode,
    pub(crate) code: Code,
    pub(crate) detail: &'static str,
    pub(crate) header: (HeaderName, HeaderValue),
    document: Bytes,
}

/// The responses that are the same for every request to a layer. Their texts tell nothing about a token, because a caller
/// may be anybody.
#[derive(Clone, Debug)]
pub(crate) struct ResponseTemplates {
    pub(crate) no_credentials: ResponseTemplate,
    pub(crate) malformed: ResponseTemplate,
    /// One for all reasons: which check was the first to fail may depend on what nobody has vouched for.
    pub(crate) invalid_token: ResponseTemplate,
    pub(crate) insufficient_scope: ResponseTemplate,
}

/// How the sender of a request expects to be answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http,
    Grpc,
}

impl Protocol {
    /// Asked only about what was refused: an accepted request is answered by the inner service.
    pub(crate) fn of<B>(request: &Request<B>) -> Self {
        if grpc::is_call(request) { Self::Grpc } else { Self::Http }
    }
}

impl ResponseTemplates {
    pub(crate) fn with(challenge: &Challenge) -> Self {
        // What the token would have to grant is not the question where there is not one token.
        let without_scope = Challenge { scope: String::new(), ..challenge.clone() };
        let challenged = |status, code, detail, challenge| {
            ResponseTemplate::new(status, code, detail, (WWW_AUTHENTICATE, challenge))
        };
        let with_error = |status, code, detail, challenge: &Challenge, error| {
            challenged(status, code, detail, challenge.with_error(error, detail))
        };
        Self {
            no_credentials: challenged(
                StatusCode::UNAUTHORIZED,
                Code::Unauthenticated,
                "a bearer token is needed",
                challenge.without_error(),
            ),
            malformed: with_error(
                StatusCode::BAD_REQUEST,
                Code::Unauthenticated,
                "expected one Authorization header with one bearer token",
                &without_scope,
                ErrorCode::InvalidRequest,
            ),
            invalid_token: with_error(
                StatusCode::UNAUTHORIZED,
                Code::Unauthenticated,
                "the access token has expired, or is not valid for this API",
                challenge,
                ErrorCode::InvalidToken,
            ),
            insufficient_scope: with_error(
                StatusCode::FORBIDDEN,
                Code::PermissionDenied,
                "the access token lacks a scope that is needed",
                challenge,
                ErrorCode::InsufficientScope,
            ),
        }
    }
}

impl ResponseTemplate {
    fn new(status: StatusCode, code: Code, detail: &'static str, header: (HeaderName, HeaderValue)) -> Self {
        Self { status, code, detail, header, document: document(status, detail) }
    }

    /// No token can be judged before so much time has passed.
    pub(crate) fn unavailable(after: Duration) -> Self {
        let (status, detail) =
            (StatusCode::SERVICE_UNAVAILABLE, "access tokens cannot be verified at the moment");
        Self::new(status, Code::Unavailable, detail, (RETRY_AFTER, HeaderValue::from(after.as_secs())))
    }

    pub(crate) fn into_response<B: RejectionBody>(self, protocol: Protocol) -> Response<B> {
        let mut response = match protocol {
            Protocol::Http => problem_document(self.status, self.document),
            Protocol::Grpc => uncached(grpc::trailers_only(self.code, self.detail)),
        };
        let (name, value) = self.header;
        response.headers_mut().insert(name, value);
        response
    }
}

/// A problem document (RFC 9457) without a type of its own, so the title is the status's name.
pub(crate) fn problem<B: RejectionBody>(status: StatusCode, detail: &str) -> Response<B> {
    problem_document(status, document(status, detail))
}

fn document(status: StatusCode, detail: &str) -> Bytes {
    let document = serde_json::json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": detail,
    });
    document.to_string().into()
}

fn problem_document<B: RejectionBody>(status: StatusCode, document: Bytes) -> Response<B> {
    let mut response = Response::new(B::from_text(document));
    *response.status_mut() = status;
    let media_type = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    uncached(response)
}

/// No cache may give one caller's rejection to another (RFC 9111 §5.2.2.5).
fn uncached<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
