//! The API: the routes of the quick start. They do not depend on Lambda.

use axum::handler::Handler as _;
use axum::{Router, routing::get};
use scopegate_axum::{Claims, RequireScope, Verifier};

/// The scope of `GET /orders`.
pub const READ: &str = "https://my-api-server.org/api.read";
/// The scope of `POST /orders`.
pub const WRITE: &str = "https://my-api-server.org/api.write";

/// Returns the routes.
pub fn app(verifier: &Verifier) -> Router {
    let read = RequireScope::new(verifier, READ);
    let write = RequireScope::new(verifier, WRITE);
    Router::new()
        .route("/orders", get(list.layer(read)).post(create.layer(write)))
        .route("/health", get(|| async { "ok" }))
}

async fn list(claims: Claims) -> String {
    format!("orders of {}", claims.client_id().unwrap_or("?"))
}

async fn create() -> &'static str {
    "created"
}
