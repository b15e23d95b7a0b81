//! axum-jwks 0.12: an extractor; jsonwebtoken 9, whose only cryptography is ring. It does not check
//! `iss`, so the handler does.

use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::routing::get;
use axum_jwks::{Claims, Jwks, ParseTokenClaims, TokenError};
use scopegate_bench_kit::READ;

use super::Scoped;
use crate::authority::AUDIENCE;
use crate::{App, Authority};

#[derive(Clone, FromRef)]
struct State {
    jwks: Jwks,
    issuer: &'static str,
}

impl ParseTokenClaims for Scoped {
    type Rejection = TokenError;
}

pub(super) async fn app(authority: Authority) -> App {
    let jwks = Jwks::from_jwks_url(&authority.keys_url(), Some(AUDIENCE), None).await;
    let state = State { jwks: jwks.expect("the keys are there"), issuer: authority.url.leak() };
    App::Axum08(Router::new().route("/orders", get(orders)).with_state(state))
}

async fn orders(
    axum::extract::State(issuer): axum::extract::State<&'static str>,
    Claims(claims): Claims<Scoped>,
) -> Result<&'static str, StatusCode> {
    if claims.iss != issuer {
        return Err(StatusCode::UNAUTHORIZED);
    }
    if claims.grants(READ) { Ok("ok") } else { Err(StatusCode::FORBIDDEN) }
}
