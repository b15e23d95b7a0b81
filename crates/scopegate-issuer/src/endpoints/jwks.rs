//! `GET …/.well-known/jwks.json`: the key set of a pool (RFC 7517 §5), or its fault.

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use crate::http::json_response;
use crate::pool::registry::{PoolId, Pools, find, not_found};

pub(crate) async fn jwks(State(pools): State<Pools>, id: PoolId, request: HeaderMap) -> Response {
    let Some(pool) = find(&pools, &id) else { return not_found() };
    let fault = pool.begin_jwks_fetch();
    let right = json_response::ok(pool.jwks());
    let response = match fault {
        None => right,
        Some(fault) => {
            tracing::debug!(pool = pool.config().id, "JWKS endpoint responds with a fault");
            fault.apply(right).await
        }
    };
    pool.caching().apply(&request, response).await
}
