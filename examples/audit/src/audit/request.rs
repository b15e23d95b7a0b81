//! The request that a decision is about, and its id.

use std::cell::RefCell;

use axum::extract::{Request as HttpRequest, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Audit;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

tokio::task_local! {
    static ID: RefCell<String>;
}

/// Returns the id of this task's request.
pub(super) fn id() -> Option<String> {
    ID.try_with(|id| id.borrow().clone()).ok()
}

/// Handles a request with an id of the server's own: a caller could repeat an id, or send any text.
pub(super) async fn handle(State(audit): State<Audit>, request: HttpRequest, next: Next) -> Response {
    let id = format!("{:032x}", fastrand::u128(..));
    let header = HeaderValue::from_str(&id);
    if !audit.admits() {
        return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response();
    }
    let mut response = ID.scope(RefCell::new(id), next.run(request)).await;
    if let Ok(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    response
}
