//! Problem documents (RFC 9457).

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Map, Value};

/// A problem document (RFC 9457) without its own type, so its title is the name of the status.
#[derive(Clone, Debug)]
pub struct Problem {
    status: StatusCode,
    document: Bytes,
}

/// Returns the members of every document (RFC 9457 §3.1).
fn members(status: StatusCode, detail: &str) -> Map<String, Value> {
    let members: [(&str, Value); 3] = [
        ("title", status.canonical_reason().into()),
        ("status", status.as_u16().into()),
        ("detail", detail.into()),
    ];
    members.map(|(name, value)| (name.to_owned(), value)).into_iter().collect()
}

impl Problem {
    /// Creates the document of a status and one sentence for the caller.
    pub fn new(status: StatusCode, detail: &str) -> Self {
        Self::with_members(status, members(status, detail))
    }

    /// Creates a document with a stable code for programs, `reason`.
    pub(super) fn with_reason(status: StatusCode, detail: &str, reason: &str) -> Self {
        let mut members = members(status, detail);
        members.insert("reason".to_owned(), reason.into());
        Self::with_members(status, members)
    }

    fn with_members(status: StatusCode, members: Map<String, Value>) -> Self {
        Self { status, document: Value::Object(members).to_string().into() }
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns a response with the document as its body, which no cache may store.
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.document);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // No cache may give one caller's rejection to another (RFC 9111 §5.2.2.5).
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
