//! The request that a decision is about: its id, and the room for its record.

use std::cell::{Cell, RefCell};

use axum::extract::{Request as HttpRequest, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokio::sync::mpsc::OwnedPermit;

use super::{Audit, Message, WhenFull};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The part of a request that its record needs.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) id: Option<String>,
    pub(super) room: Option<OwnedPermit<Message>>,
}

tokio::task_local! {
    static ID: RefCell<String>;
    static ROOM: Cell<Option<OwnedPermit<Message>>>;
}

/// Returns the request of this task. Its room is for the first record.
pub(super) fn current() -> Request {
    let id = ID.try_with(|id| id.borrow().clone()).ok();
    Request { id, room: ROOM.try_with(Cell::take).ok().flatten() }
}

/// Handles a request with an id of the server's own: a caller could repeat an id, or send any text.
pub(super) async fn handle(State(audit): State<Audit>, request: HttpRequest, next: Next) -> Response {
    let id = format!("{:032x}", fastrand::u128(..));
    let header = HeaderValue::from_str(&id);
    let room = match audit.when_full {
        WhenFull::CountLosses => None,
        WhenFull::RejectRequests => match audit.reserve() {
            Some(room) => Some(room),
            None => return (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")]).into_response(),
        },
    };
    let response = ROOM.scope(Cell::new(room), next.run(request));
    let mut response = ID.scope(RefCell::new(id), response).await;
    if let Ok(header) = header {
        response.headers_mut().insert(REQUEST_ID, header);
    }
    response
}
