//! The service of the README. `tests/system/readme.rs` compares both, and tests that each route is
//! protected.
#![allow(missing_docs, reason = "the README has the documentation")]

use axum::{Router, handler::Handler, routing::get};
use scopegate_axum::{Claims, Issuer, RequireScope, Verifier};

pub fn app(verifier: &Verifier) -> Router {
    let read = RequireScope::new(verifier, "https://my-api-server.org/api.read");
    let write = RequireScope::new(verifier, "https://my-api-server.org/api.write");
    let list = async |claims: Claims| format!("orders of {}", claims.client_id().unwrap_or("?"));
    let create = async || "created";
    let orders = get(list.layer(read)).post(create.layer(write));
    Router::new().route("/orders", orders).route("/health", get(async || "ok"))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = Issuer::cognito("eu-west-1_Ab12Cd34E")?.client("1example23456789");
    let verifier = Verifier::builder().trust(issuer).start().await?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    Ok(axum::serve(listener, app(&verifier)).await?)
}
