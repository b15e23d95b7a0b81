//! jwt-authorizer as its page documents it: discovery, `Validation` with issuer, audience, `nbf` and leeway, and a check
//! of the claims for the scope, which the crate leaves to the application.
#![forbid(unsafe_code)]

use std::env;

use axum::Router;
use axum::routing::get;
use jwt_authorizer::{Authorizer, IntoLayer as _, JwtAuthorizer, Validation};
use serde::Deserialize;

#[derive(Clone, Deserialize)]
struct Claims {
    scope: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let setting = |name: &str| env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
    let (issuer, audience, scope) =
        (setting("OAUTH_ISSUER"), setting("OAUTH_AUDIENCE"), setting("OAUTH_SCOPE"));
    let validation = Validation::new().iss(&[&issuer]).aud(&[&audience]).nbf(true).leeway(20);
    let authorizer: Authorizer<Claims> = JwtAuthorizer::from_oidc(&issuer)
        .validation(validation)
        .check(move |claims: &Claims| claims.scope.split(' ').any(|granted| granted == scope))
        .build()
        .await
        .expect("the issuer runs");
    let app = Router::new().route("/orders", get(|| async { "orders" })).layer(authorizer.into_layer());
    let address = format!("127.0.0.1:{}", setting("PORT"));
    let listener = tokio::net::TcpListener::bind(address).await.expect("a free port");
    axum::serve(listener, app).await.expect("a server");
}
