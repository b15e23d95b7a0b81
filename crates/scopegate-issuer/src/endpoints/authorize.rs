//! `GET …/oauth2/authorize`: rejects every request. It exists for clients that reject metadata
//! without this endpoint.

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use crate::http::json_response;
use crate::pool::registry::{PoolId, Pools, find, not_found};

/// Returns an error page (RFC 6749 §4.1.2.1). It does not redirect, because no client has a
/// redirect URI.
pub(crate) async fn authorize(State(pools): State<Pools>, id: PoolId) -> Response {
    if find(&pools, &id).is_none() {
        return not_found();
    }
    let description = "there are no users to ask, and only client_credentials";
    json_response::error(StatusCode::BAD_REQUEST, "unsupported_response_type", description)
}
