//! One line for each request: enough to follow a client from its first `401` to its tool call, and nothing secret.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

pub(crate) async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::info!(%method, %path, status = response.status().as_u16(), "response sent");
    response
}
