//! An API whose tokens are bound to client certificates (RFC 8705), with TLS in its own process.
//!
//! `CERTIFICATE=api.pem KEY=api-key.pem CLIENT_CA=clients.pem ISSUER=https://… CLIENT_ID=… cargo run -p mtls`

pub mod serve;

use axum::Router;
use axum::handler::Handler as _;
use axum::routing::get;
use scopegate_axum::{CertificateSource, Claims, ClientCertificates, RequireScope, Verifier};

/// Returns the settings: the certificate is that of the TLS connection.
pub fn certificates() -> ClientCertificates {
    ClientCertificates::require(CertificateSource::Tls)
}

/// Returns the routes of the API.
pub fn app(verifier: &Verifier) -> Router {
    Router::new().route("/orders", get(list.layer(RequireScope::new(verifier, "orders/read"))))
}

async fn list(claims: Claims) -> String {
    format!("orders for {}", claims.client_id().unwrap_or("?"))
}
