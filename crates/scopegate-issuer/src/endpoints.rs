//! The routes of the server.

mod authorize;
mod events;
mod introspect;
mod jwks;
mod metadata;
mod revoke;
mod status_list;
mod token;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use http::Method;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, Vary};

use crate::config::allowed_host::AllowedHost;
use crate::dpop::DPOP_NONCE;
use crate::pool::registry::{Pools, not_found};
use crate::server::host::{is_local_origin, require_known_host};

pub(crate) fn routes(pools: Pools, hosts: Arc<[AllowedHost]>) -> Router {
    Router::new()
        .route("/oauth2/token", post(token::shared_token))
        .route("/{pool}/oauth2/token", post(token::pool_token))
        .route("/{pool}/oauth2/authorize", get(authorize::authorize))
        .route("/{pool}/oauth2/revoke", post(revoke::revoke))
        .route("/{pool}/oauth2/introspect", post(introspect::introspect))
        .route("/{pool}/events/poll", post(events::poll))
        .route("/{pool}/.well-known/jwks.json", get(jwks::jwks))
        .route("/{pool}/status-list", get(status_list::status_list))
        .route("/{pool}/.well-known/openid-configuration", get(metadata::openid_configuration))
        // RFC 8414 §3.1: the well-known part comes between host and path.
        .route("/.well-known/oauth-authorization-server/{pool}", get(metadata::authorization_server))
        .fallback(async || not_found())
        .layer(cross_origin())
        .layer(from_fn_with_state(hosts, require_known_host))
        .with_state(pools)
}

/// Returns a layer that allows cross-origin requests from pages of this machine, such as pages that
/// try out an API. Other pages are rejected: the secrets of the built-in clients are public, so a
/// page could get a token and call the APIs of this machine.
fn cross_origin() -> CorsLayer {
    // List the names, because `*` excludes `Authorization` (Fetch standard, "CORS non-wildcard
    // request-header name").
    let headers = AllowHeaders::mirror_request();
    let local = AllowOrigin::predicate(|origin, _| is_local_origin(origin));
    let layer = CorsLayer::new()
        .allow_origin(local)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers(headers)
        // Scripts need the nonce for their next proof.
        .expose_headers([DPOP_NONCE]);
    // No `Vary`: by default the key set has no caching headers, and this machine has no shared cache.
    layer.vary(Vary::list([]))
}
