//! Buffers the body of a request before it is authorized, because MCP clients need it. For small
//! bodies only.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Request};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// Maximum time for a body to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the complete body before the request can be rejected.
///
/// If a response is sent before the body has arrived, hyper closes the connection. The Python
/// client sends head and body one after the other, and then requests the metadata on the same
/// connection.
///
/// Bodies of unauthenticated requests are buffered as well. The time is limited here, and the size
/// by `DefaultBodyLimit`.
pub(crate) async fn whole_body(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let whole = Bytes::from_request(Request::from_parts(head.clone(), body), &());
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(body)) => next.run(Request::from_parts(head, body.into())).await,
        Ok(Err(too_long_or_broken)) => too_long_or_broken.into_response(),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn;
    use tokio::sync::mpsc::{Sender, channel};
    use tokio::time::Instant;
    use tokio_stream::wrappers::ReceiverStream;
    use tower::ServiceExt as _;

    use super::*;

    fn echo() -> Router {
        Router::new().fallback(async |body: Bytes| body).layer(from_fn(whole_body))
    }

    /// Returns a request, and a sender of its body.
    fn request() -> (Sender<Result<&'static str, Infallible>>, Request) {
        let (sender, receiver) = channel(1);
        (sender, Request::post("/").body(Body::from_stream(ReceiverStream::new(receiver))).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn slow_body_is_passed_on_completely() {
        let (sender, request) = request();
        let sends = async {
            for part in ["one", "two"] {
                tokio::time::sleep(PATIENCE / 3).await;
                sender.send(Ok(part)).await.unwrap();
            }
            drop(sender);
        };
        let (answer, ()) = tokio::join!(echo().oneshot(request), sends);
        let body = axum::body::to_bytes(answer.unwrap().into_body(), 64).await.unwrap();
        assert_eq!(body, "onetwo");
    }

    #[tokio::test(start_paused = true)]
    async fn endless_body_gets_408_after_timeout() {
        let (sender, request) = request();
        sender.send(Ok("one")).await.unwrap();
        let begin = Instant::now();
        let answer = echo().oneshot(request).await.unwrap();
        assert_eq!((answer.status(), begin.elapsed()), (StatusCode::REQUEST_TIMEOUT, PATIENCE));
        drop(sender);
    }
}
