//! Ways in which a key set endpoint can misbehave, and the answers that do it.
//!
//! Which fault is set, and on which pool, is kept in `pool.rs`.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body::Frame;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How the key set endpoint of a pool answers instead of with its keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// This status and a short text. A number that is no HTTP status counts as 500.
    Status(u16),
    /// 200, `text/html`, a login page: what a proxy in between answers.
    Html,
    /// 200 and `{"keys":[]}`.
    EmptySet,
    /// 200 and the length of the whole set, but the connection ends in the middle of it.
    Truncated,
    /// The right answer, but later.
    Delay(Duration),
    /// The connection is closed without an answer.
    Reset,
    /// 200 and the right keys, with further members that make the body this many bytes long. Reading it whole would
    /// succeed; a reader with a bound refuses it. Never shorter than the set itself.
    Oversized(usize),
    /// 200, then a key set at one byte every 50 ms, for ever.
    Drip,
    /// 200, `application/json`, and this text.
    Body(String),
}

/// Put into the extensions of a response that must not be sent; see `server.rs`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CloseWithoutAnswer;

impl Fault {
    /// The answer in place of `jwks`, the text that would be right.
    pub(crate) async fn answer(self, jwks: String) -> Response {
        match self {
            Self::Status(code) => {
                let status = StatusCode::from_u16(code).ok().filter(|status| !status.is_informational());
                (status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "a fault is set").into_response()
            }
            Self::Html => ([(CONTENT_TYPE, "text/html; charset=utf-8")], LOGIN_PAGE).into_response(),
            Self::EmptySet => json(r#"{"keys":[]}"#),
            Self::Truncated => truncated(&jwks),
            Self::Delay(duration) => {
                tokio::time::sleep(duration).await;
                json(jwks)
            }
            Self::Reset => {
                let mut response = Response::default();
                response.extensions_mut().insert(CloseWithoutAnswer);
                response
            }
            Self::Oversized(length) => json(oversized(&jwks, length)),
            Self::Drip => json(Body::new(Drip::new())),
            Self::Body(text) => json(text),
        }
    }
}

/// 200 with `application/json`.
pub(crate) fn json(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// `{"keys":[…]}` becomes `{"keys":[…],"padding":"xxx…"}`.
fn oversized(jwks: &str, length: usize) -> String {
    const BEFORE: &str = ",\"padding\":\"";
    const AFTER: &str = "\"}";
    let open = jwks.strip_suffix('}').unwrap_or(jwks);
    let padding = length.saturating_sub(open.len() + BEFORE.len() + AFTER.len());
    [open, BEFORE, &"x".repeat(padding), AFTER].concat()
}

fn truncated(jwks: &str) -> Response {
    let half = Bytes::copy_from_slice(jwks.as_bytes().get(..jwks.len() / 2).unwrap_or_default());
    let mut response = json(Body::new(Half { half: Some(half), flushed: false }));
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(jwks.len()));
    response
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
            // One pause, in which the connection writes out what it has; an error would discard it.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())))
    }
}

/// A body that never ends: the start of a key set, then white space.
struct Drip {
    ticks: Interval,
    start: std::slice::Iter<'static, u8>,
}

impl Drip {
    fn new() -> Self {
        let mut ticks = interval(Duration::from_millis(50));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { ticks, start: b"{\"keys\":[".iter() }
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
    fn an_oversized_set_has_exactly_the_length_asked_for_and_is_json() {
        let text = oversized(r#"{"keys":[]}"#, 1_000);
        assert_eq!(text.len(), 1_000);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
