//! Caching of the key set: `Cache-Control`, `ETag`, and 304 (RFC 9110 §15.4.5).
//!
//! Applied last, to faults as well.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::response::Response;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body::Body as _;

use crate::http::entity_tag::EntityTag;
use crate::http::markers::{CloseConnection, WholeBody};

/// The caching settings of a key set endpoint, and the number of its 304 responses. Everything is
/// off at first.
#[derive(Debug, Default)]
pub(crate) struct Caching {
    cache_control: Mutex<Option<HeaderValue>>,
    etags: AtomicBool,
    not_modified: AtomicU64,
}

impl Caching {
    pub(crate) fn set_cache_control(&self, value: Option<&str>) -> Result<(), InvalidHeaderValue> {
        let value = value.map(parse).transpose()?;
        *self.cache_control.lock().unwrap_or_else(PoisonError::into_inner) = value;
        Ok(())
    }

    pub(crate) fn set_etags(&self, enabled: bool) {
        self.etags.store(enabled, Ordering::SeqCst);
    }

    pub(crate) fn not_modified(&self) -> u64 {
        self.not_modified.load(Ordering::SeqCst)
    }

    /// Returns the response to this request with its caching headers, or a 304 in its place.
    pub(crate) async fn apply(&self, request: &HeaderMap, response: Response) -> Response {
        let mut response = self.with_etag(request, response).await;
        if let Some(value) = self.cache_control() {
            response.headers_mut().insert(CACHE_CONTROL, value);
        }
        response
    }

    async fn with_etag(&self, request: &HeaderMap, mut response: Response) -> Response {
        // Conditions apply only if the response would otherwise be a success (RFC 9110 §13.2.1).
        let enabled = self.etags.load(Ordering::SeqCst) && response.status() == StatusCode::OK;
        if !enabled || response.extensions().get::<CloseConnection>().is_some() {
            return response;
        }
        let Some(whole) = whole_body(&mut response).await else { return response };
        let etag = EntityTag::for_body(&whole);
        if etag.is_in_if_none_match(request) {
            self.not_modified.fetch_add(1, Ordering::SeqCst);
            response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        if let Ok(etag) = HeaderValue::try_from(etag.to_string()) {
            response.headers_mut().insert(ETAG, etag);
        }
        response
    }

    fn cache_control(&self) -> Option<HeaderValue> {
        self.cache_control.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An error for a string with control characters or outer white space, which is not a valid header
/// value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidHeaderValue(String);

impl fmt::Display for InvalidHeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid header value {:?}", self.0)
    }
}

impl std::error::Error for InvalidHeaderValue {}

/// Parses a header value. Rejects outer white space, because recipients strip it (RFC 9110 §5.5).
fn parse(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    HeaderValue::from_bytes(text.as_bytes())
        .ok()
        .filter(|value| value.as_bytes().trim_ascii().len() == text.len())
        .ok_or_else(|| InvalidHeaderValue(text.to_owned()))
}

/// Returns the complete body even if the response is truncated. Returns `None` if the body is
/// endless. The response does not change.
async fn whole_body(response: &mut Response) -> Option<Bytes> {
    if let Some(WholeBody(body)) = response.extensions_mut().remove() {
        return Some(body);
    }
    response.body().size_hint().exact()?;
    let body = to_bytes(std::mem::take(response.body_mut()), usize::MAX).await.ok()?;
    *response.body_mut() = body.clone().into();
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_value_with_outer_space_is_rejected() {
        for text in ["", "no-store", "max-age=60, \u{e9}=\"\t\"", "nonsense ,;"] {
            assert_eq!(parse(text).unwrap().as_bytes(), text.as_bytes());
        }
        for text in [" ", " no-store", "no-store\t", "a\nb", "a\r\nSet-Cookie: b", "\0", "\u{7F}"] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("invalid header value {text:?}"));
        }
    }
}
