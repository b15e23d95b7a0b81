//! The access log: one line without secrets for each request, from the first `401` to a tool call.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

pub(crate) async fn log(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = next.run(request).await;
    tracing::info!(%method, %path, status = response.status().as_u16(), "response sent");
    response
}
