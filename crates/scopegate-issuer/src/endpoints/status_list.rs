//! `GET …/status-list`: the status list of a pool (draft-ietf-oauth-status-list-20 §8).

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::CONTENT_TYPE;

use crate::pool::registry::{PoolId, Pools, find, not_found};

pub(crate) async fn status_list(State(pools): State<Pools>, id: PoolId) -> Response {
    let Some(pool) = find(&pools, &id) else { return not_found() };
    let list = pool.status_list().fetch(&pool.status_list_uri(), pool.now(), &pool.mint());
    ([(CONTENT_TYPE, "application/statuslist+jwt")], list).into_response()
}
