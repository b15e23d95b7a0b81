//! oauth-resource-server 0.4: a layer; jsonwebtoken 9, whose only cryptography is ring.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use oauth_resource_server::axum::AuthLayer;
use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator, static_token_policy};
use scopegate_bench_kit::{READ, handler};

use crate::authority::AUDIENCE;
use crate::{App, Authority};

pub(super) async fn app(authority: Authority) -> App {
    let config = OAuthConfig {
        enabled: true,
        issuer: authority.url.clone(),
        jwks_uri: Some(authority.keys_url()),
        audience: AUDIENCE.to_owned(),
        resource: AUDIENCE.to_owned(),
        required_scope: Some(READ.to_owned()),
        ..OAuthConfig::default()
    };
    let config = config.resolve(KeyNaming::Dotted("oauth")).expect("it is complete").expect("it is enabled");
    let validator = Arc::new(OAuthValidator::new(&config).expect("it is complete"));
    validator.refresh_now().await.expect("the keys are there");
    let decision = static_token_policy(None, Some(&config), false).expect("there is a way in");
    let layer = AuthLayer::from_decision(decision, Some(validator)).expect("there is a way in");
    App::Axum08(Router::new().route("/orders", get(handler)).route_layer(layer))
}
