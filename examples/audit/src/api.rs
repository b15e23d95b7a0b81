//! An API whose decisions are audited.

use axum::Router;
use axum::routing::get;
use scopegate_axum::{Claims, RequireScope, Verifier};

use crate::audit::Audit;

/// Returns the API. The audit's layer is the outermost one, so that decisions have a request id.
pub fn app(verifier: &Verifier, audit: &Audit) -> Router {
    let read = RequireScope::new(verifier, "https://my-api-server.org/api.read");
    let order = async |claims: Claims| format!("an order of {}", claims.client_id().unwrap_or("?"));
    let protected = Router::new().route("/orders/{id}", get(order)).layer(read);
    audit.layer(protected)
}
