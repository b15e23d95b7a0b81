//! Faults of an endpoint, and the responses that they produce.

mod gzip;
pub(crate) mod plan;
mod unusable_keys;

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::response::Parts;
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::http::json_response;
use crate::http::markers::{CloseConnection, WholeBody};

/// A faulty response of the key set endpoint ([`Pool::set_fault`](crate::Pool::set_fault)), of the
/// token endpoint ([`Pool::set_token_fault`](crate::Pool::set_token_fault)) or of the introspection
/// endpoint ([`Pool::set_introspection_fault`](crate::Pool::set_introspection_fault)).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// This status and a short string as the body. A number that is not a final HTTP status becomes
    /// 500.
    Status(u16),
    /// 200 with an HTML login page, as from a proxy.
    Html,
    /// 200 and `{"keys":[]}`, which contains neither keys nor a token.
    EmptySet,
    /// The correct status and length, but the connection ends in the middle of the body.
    Truncated,
    /// The correct response after this delay.
    Delay(Duration),
    /// The connection is closed without a response.
    Reset,
    /// The correct response, padded to this many bytes with an additional member. It is valid JSON,
    /// so a client rejects it only if it limits the length. Never shorter than the correct
    /// response.
    Oversized(usize),
    /// 200 and an endless body: the start of a JSON object, at one byte every 50 ms.
    Drip,
    /// 200, `application/json`, and this body.
    Body(String),
    /// 302 to this URL. A string that is not a valid header value becomes 500.
    Redirect(String),
    /// The correct response, padded to this many bytes with spaces, and compressed to about 1/800
    /// of that length. `Content-Encoding: gzip` is sent even if the request does not accept it.
    /// Never shorter than the correct response.
    Gzip(usize),
    /// The correct key set, with a dozen unusable keys before and between the valid ones.
    ///
    /// They have an unknown type, are secret, are for encryption, are too short, are not on their
    /// curve, or have missing or wrongly typed members. A string as key id begins with `unusable-`.
    ///
    /// `unusable-encryption` equals the first valid key except for `kid`, `use` and the removed
    /// `alg`. A token that names it shows whether a verifier checks `use`. Responses other than key
    /// sets are unchanged.
    UnusableAmongGood,
    /// This status, under the same rule as [`Fault::Status`], and a `Retry-After` header.
    RetryAfter {
        /// The status, such as 429 or 503.
        status: u16,
        /// The value of `Retry-After`, in seconds (RFC 9110 §10.2.3).
        seconds: u64,
    },
}

impl Fault {
    /// Returns the response that replaces the correct one.
    pub(crate) async fn apply(self, right: Response) -> Response {
        match self {
            Self::Status(code) => failure(code),
            Self::Html => ([(CONTENT_TYPE, "text/html; charset=utf-8")], LOGIN_PAGE).into_response(),
            Self::EmptySet => json_response::ok(r#"{"keys":[]}"#),
            Self::Truncated => truncated(right).await,
            Self::Delay(duration) => {
                tokio::time::sleep(duration).await;
                right
            }
            Self::Reset => {
                let mut response = Response::default();
                response.extensions_mut().insert(CloseConnection);
                response
            }
            Self::Oversized(length) => {
                let (head, body) = split(right).await;
                Response::from_parts(head, oversized(&body, length).into())
            }
            Self::Drip => json_response::ok(Body::new(Drip::new())),
            Self::Body(text) => json_response::ok(text),
            Self::Redirect(address) => match HeaderValue::try_from(address) {
                Ok(address) => (StatusCode::FOUND, [(LOCATION, address)]).into_response(),
                Err(_) => failure(500),
            },
            Self::Gzip(length) => {
                let (mut head, body) = split(right).await;
                head.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                Response::from_parts(head, gzip::with_spaces(&body, length).into())
            }
            Self::UnusableAmongGood => {
                let (head, body) = split(right).await;
                let set = unusable_keys::among_good(&body).map_or(body, Bytes::from);
                Response::from_parts(head, set.into())
            }
            Self::RetryAfter { status, seconds } => {
                let mut response = failure(status);
                response.headers_mut().insert(RETRY_AFTER, seconds.into());
                response
            }
        }
    }
}

/// Returns a response with this status and a short body, or 500 if the number is not a final
/// status.
fn failure(code: u16) -> Response {
    let status = StatusCode::from_u16(code).ok().filter(|status| !status.is_informational());
    (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "a fault is set").into_response()
}

/// Splits a response of this server. Its body is completely in memory, so reading it cannot fail.
async fn split(response: Response) -> (Parts, Bytes) {
    let (head, body) = response.into_parts();
    (head, to_bytes(body, usize::MAX).await.unwrap_or_default())
}

/// Pads a JSON object: `{…}` becomes `{…,"padding":"xxx…"}`.
fn oversized(object: &[u8], length: usize) -> Vec<u8> {
    const BEFORE: &[u8] = b",\"padding\":\"";
    const AFTER: &[u8] = b"\"}";
    let open = object.strip_suffix(b"}").unwrap_or(object);
    let padding = length.saturating_sub(open.len() + BEFORE.len() + AFTER.len());
    [open, BEFORE, &vec![b'x'; padding], AFTER].concat()
}

async fn truncated(right: Response) -> Response {
    let (mut head, body) = split(right).await;
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let half = body.slice(..body.len() / 2);
    head.extensions.insert(WholeBody(body));
    Response::from_parts(head, Body::new(Half { half: Some(half), flushed: false }))
}

/// A body that breaks off.
struct Half {
    half: Option<Bytes>,
    flushed: bool,
}

impl http_body::Body for Half {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if !std::mem::replace(&mut self.flushed, true) {
            // Pause once, so that the connection can flush its buffer. An error would discard the buffer.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
    }
}

/// A body that never ends: the start of an object, then white space.
struct Drip {
    ticks: Interval,
    start: std::slice::Iter<'static, u8>,
}

impl Drip {
    fn new() -> Self {
        let mut ticks = interval(Duration::from_millis(50));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, start: b"{".iter() }
    }
}

impl http_body::Body for Drip {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        ready!(self.ticks.poll_tick(context));
        let byte = self.start.next().copied().unwrap_or(b' ');
        Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(&[byte])))))
    }
}

const LOGIN_PAGE: &str = "<!doctype html>\n<title>Sign in</title>\n<form><input name=\"user\"></form>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oversized_set_has_exact_length_and_is_json() {
        let text = oversized(br#"{"keys":[]}"#, 1_000);
        assert_eq!(text.len(), 1_000);
        assert!(serde_json::from_slice::<serde_json::Value>(&text).is_ok());
    }
}
