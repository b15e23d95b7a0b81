//! jwt-authorizer 0.15: a layer for axum 0.7; jsonwebtoken 9, whose only cryptography is ring.

use axum07::Router;
use axum07::routing::get;
use jwt_authorizer::{Authorizer, IntoLayer as _, JwtAuthorizer, Validation};
use scopegate_bench_kit::{READ, handler};

use super::Scoped;
use crate::authority::AUDIENCE;
use crate::{App, Authority};

pub(super) async fn app(authority: Authority) -> App {
    let validation = Validation::new().iss(&[&authority.url]).aud(&[AUDIENCE]);
    let authorizer: Authorizer<Scoped> = JwtAuthorizer::from_jwks_url(&authority.keys_url())
        .validation(validation)
        .check(|claims: &Scoped| claims.grants(READ))
        .build()
        .await
        .expect("a loopback address");
    App::Axum07(Router::new().route("/orders", get(handler)).layer(authorizer.into_layer()))
}
