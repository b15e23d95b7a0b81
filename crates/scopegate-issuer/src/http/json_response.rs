//! Responses with a JSON body.

use axum::body::Body;
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::json;

/// Returns 200 with `application/json`.
pub(crate) fn ok(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Returns this status with the two members of an error (RFC 6749 §5.2), outside the token
/// endpoint.
pub(crate) fn error(status: StatusCode, error: &str, description: &str) -> Response {
    let mut response = ok(json!({ "error": error, "error_description": description }).to_string());
    *response.status_mut() = status;
    response
}
