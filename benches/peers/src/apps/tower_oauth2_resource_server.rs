//! tower-oauth2-resource-server 0.12: a layer; jsonwebtoken 11 with aws-lc-rs. The application
//! checks scopes.

use axum::http::StatusCode;
use axum::routing::get;
use axum::{Extension, Router};
use scopegate_bench_kit::READ;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;

use super::Scoped;
use crate::authority::AUDIENCE;
use crate::{App, Authority};

pub(super) async fn app(authority: Authority) -> App {
    // Uses metadata, because with a JWKS URL it does not check `iss`.
    let tenant = TenantConfiguration::builder(&authority.url).audiences(&[AUDIENCE]).build().await;
    let server = OAuth2ResourceServer::<Scoped>::builder().add_tenant(tenant.expect("it is complete"));
    let server = server.build().await.expect("the keys are there");
    App::Axum08(Router::new().route("/orders", get(orders)).layer(server.into_layer()))
}

async fn orders(Extension(claims): Extension<Scoped>) -> Result<&'static str, StatusCode> {
    if claims.grants(READ) { Ok("ok") } else { Err(StatusCode::FORBIDDEN) }
}
