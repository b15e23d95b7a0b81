//! scopegate.

use axum::Router;
use axum::routing::get;
use scopegate_axum::{Issuer, RequireScope, Verifier};
use scopegate_bench_kit::{READ, builder, handler};

use crate::authority::AUDIENCE;
use crate::{App, Authority};

pub(super) async fn caching(authority: Authority) -> App {
    app(&builder([issuer(&authority)]).start().await.expect("the keys are there"))
}

pub(super) async fn without_cache(authority: Authority) -> App {
    app(&builder([issuer(&authority)]).cache_capacity(0).start().await.expect("the keys are there"))
}

fn app(verifier: &Verifier) -> App {
    let require = RequireScope::new(verifier, READ);
    App::Axum08(Router::new().route("/orders", get(handler).layer(require)))
}

fn issuer(authority: &Authority) -> Issuer {
    let issuer = Issuer::from_jwks_uri(&authority.url, &authority.keys_url());
    issuer.expect("a loopback address").audience(AUDIENCE)
}
