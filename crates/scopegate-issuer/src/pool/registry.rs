//! The pools of a server, and the lookup of the pool in a path.

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::response::Response;
use http::StatusCode;

use crate::http::json_response;
use crate::pool::state::PoolState;

/// All pools of a server, the default one first.
pub(crate) type Pools = Arc<[Arc<PoolState>]>;

/// The path segment with the pool id. A segment that is not valid UTF-8 is treated as an unknown
/// pool.
pub(crate) type PoolId = Result<Path<String>, PathRejection>;

/// Returns the pool with this id.
pub(crate) fn find<'a>(pools: &'a Pools, id: &PoolId) -> Option<&'a Arc<PoolState>> {
    let Path(id) = id.as_ref().ok()?;
    pools.iter().find(|pool| pool.config().id == *id)
}

/// Returns 404 with a JSON body, for an unknown pool and for an unknown path.
pub(crate) fn not_found() -> Response {
    json_response::error(StatusCode::NOT_FOUND, "not_found", "no such pool or path")
}
