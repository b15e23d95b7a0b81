//! axum-keycloak-auth 0.8: a layer; jsonwebtoken 9, whose only cryptography is ring. It does not
//! support scopes, so it requires a role of the same name. It does not check `iss`, and ignores
//! `kid`.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use axum_keycloak_auth::PassthroughMode;
use axum_keycloak_auth::instance::{KeycloakAuthInstance, KeycloakConfig};
use axum_keycloak_auth::layer::KeycloakAuthLayer;
use scopegate_bench_kit::{READ, handler};
use serde::Deserialize;

use crate::authority::{AUDIENCE, REALM};
use crate::{App, Authority};

/// Replaces the profile of a user, which tokens of machines lack.
#[derive(Clone, Debug, Deserialize)]
struct Nothing {}

pub(super) async fn app(authority: Authority) -> App {
    let server = authority.url.parse().expect("an address");
    let config = KeycloakConfig::builder().server(server).realm(REALM.to_owned()).build();
    let instance = KeycloakAuthInstance::new(config);
    while !instance.is_operational().await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let layer = KeycloakAuthLayer::<String, Nothing>::builder()
        .instance(instance)
        .passthrough_mode(PassthroughMode::Block)
        .expected_audiences(vec![AUDIENCE.to_owned()])
        .required_roles([READ.to_owned()])
        .build();
    App::Axum08(Router::new().route("/orders", get(handler)).layer(layer))
}
