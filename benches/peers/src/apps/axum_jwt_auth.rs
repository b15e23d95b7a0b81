//! axum-jwt-auth 0.7: an extractor; jsonwebtoken 10, whose aws-lc-rs provider the program may
//! choose.

use std::sync::Arc;

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::routing::get;
use axum_jwt_auth::{Claims, Decoder, RemoteJwksDecoder};
use jsonwebtoken10::{Algorithm, Validation, crypto};
use scopegate_bench_kit::READ;

use super::Scoped;
use crate::authority::AUDIENCE;
use crate::{App, Authority};

#[derive(Clone, FromRef)]
struct State {
    decoder: Decoder<Scoped>,
}

pub(super) async fn app(authority: Authority) -> App {
    // The provider is that of the process, so a second call fails.
    let _ = crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[&authority.url]);
    let decoder = RemoteJwksDecoder::builder().jwks_url(authority.keys_url()).validation(validation).build();
    let decoder = Arc::new(decoder.expect("it is complete"));
    // Never cancelled, so it fetches keys until the program ends.
    decoder.initialize().await.expect("the keys are available");
    App::Axum08(Router::new().route("/orders", get(orders)).with_state(State { decoder }))
}

async fn orders(token: Claims<Scoped>) -> Result<&'static str, StatusCode> {
    if token.claims.grants(READ) { Ok("ok") } else { Err(StatusCode::FORBIDDEN) }
}
