//! The answer to a question, before it becomes a response over HTTP or a message over gRPC.

use std::sync::Arc;

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use scopegate::http::{AcceptedRequest, Rejection};

/// The header in which Envoy reads the names of headers that it removes from the request.
const TO_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");

/// The answer to a question. Each protocol writes the same answer.
pub(crate) enum Answer {
    /// The request may pass.
    Accepted {
        /// The headers for the backend: every forwarded header, and the judged path.
        forwarded: HeaderMap,
        /// The headers of the caller that the backend must not get, in lower case.
        removed: &'static [&'static str],
        /// `None` for a public route.
        request: Option<AcceptedRequest>,
        /// The pattern of the route.
        route: Arc<str>,
    },
    /// The rule of the route rejects the request, or cannot decide now.
    Rejected { rejection: Rejection, route: Arc<str>, response: Response<Bytes> },
    /// No rule decides about the request.
    Unjudged { reason: &'static str, response: Response<Bytes> },
}

impl Answer {
    /// Returns the response over HTTP. No cache may store it.
    pub(super) fn into_response(self) -> Response<Bytes> {
        match self {
            Self::Accepted { forwarded, removed, request, .. } => {
                let mut response = Response::new(Bytes::new());
                *response.headers_mut() = forwarded;
                let headers = response.headers_mut();
                // Names of headers are a valid value.
                if !removed.is_empty()
                    && let Ok(names) = HeaderValue::from_str(&removed.join(","))
                {
                    headers.insert(TO_REMOVE, names);
                }
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                if let Some(request) = request {
                    request.add_headers(headers);
                }
                response
            }
            Self::Rejected { response, .. } | Self::Unjudged { response, .. } => response,
        }
    }
}
