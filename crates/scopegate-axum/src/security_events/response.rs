//! The responses to a transmitter (RFC 8935 §2.2, §2.3).

use axum_core::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use scopegate::SecurityEventError;
use serde_json::json;

/// The reason why a SET is not acknowledged.
#[derive(Debug)]
pub(super) enum PushError {
    Method,
    Unauthenticated,
    ContentType,
    TooLarge,
    /// The body broke off, or took too long.
    Incomplete,
    TooManyRequests,
    Rejected(SecurityEventError),
}

/// A SET was acknowledged. There is no body.
pub(super) fn accepted() -> Response<Body> {
    status(StatusCode::ACCEPTED, Body::empty())
}

impl PushError {
    pub(super) fn into_response(self) -> Response<Body> {
        match &self {
            Self::Method => {
                let mut response = status(StatusCode::METHOD_NOT_ALLOWED, Body::empty());
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
                response
            }
            Self::TooManyRequests => unavailable(1),
            Self::Unauthenticated => {
                rejected("authentication_failed", "the bearer token is missing or not accepted")
            }
            Self::ContentType => rejected("invalid_request", "expected application/secevent+jwt"),
            Self::TooLarge => rejected("invalid_request", "the body has more than 65536 bytes"),
            Self::Incomplete => rejected("invalid_request", "the body is not complete"),
            Self::Rejected(error) => match error.retry_after() {
                // Rounded up: an earlier attempt would be in vain.
                Some(wait) => unavailable(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
                None => rejected(error.code(), error.description()),
            },
        }
    }
}

fn rejected(code: &str, description: &str) -> Response<Body> {
    let body = json!({ "err": code, "description": description }).to_string();
    let mut response = status(StatusCode::BAD_REQUEST, Body::from(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    // RFC 8935 §2.3: required, because the description is for humans.
    headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static("en"));
    response
}

fn unavailable(seconds: u64) -> Response<Body> {
    let mut response = status(StatusCode::SERVICE_UNAVAILABLE, Body::empty());
    response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    response
}

fn status(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
