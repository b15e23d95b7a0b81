//! aliri_axum 0.5, with aliri_tower and aliri_oauth2: a layer, and guards in the handlers; its own
//! verification, with ring.

use aliri::{jwa, jwt};
use aliri_clock::UnixTime;
use aliri_oauth2::{Authority as Aliri, HasScope, Scope};
use aliri_tower::Oauth2Authorizer;
use axum::Router;
use axum::routing::get;
use serde::Deserialize;

use crate::authority::AUDIENCE;
use crate::{App, Authority};

#[derive(Clone, Debug, Deserialize)]
pub struct Claims {
    iss: jwt::Issuer,
    aud: jwt::Audiences,
    sub: jwt::Subject,
    exp: UnixTime,
    scope: Scope,
}

impl jwt::CoreClaims for Claims {
    fn nbf(&self) -> Option<UnixTime> {
        None
    }
    fn exp(&self) -> Option<UnixTime> {
        Some(self.exp)
    }
    fn aud(&self) -> &jwt::Audiences {
        &self.aud
    }
    fn iss(&self) -> Option<&jwt::IssuerRef> {
        Some(&self.iss)
    }
    fn sub(&self) -> Option<&jwt::SubjectRef> {
        Some(&self.sub)
    }
}

impl HasScope for Claims {
    fn scope(&self) -> &Scope {
        &self.scope
    }
}

mod guards {
    aliri_axum::scope_guards! {
        type Claims = super::Claims;

        pub scope Read = "https://my-api-server.org/api.read";
    }
}

pub(super) async fn app(authority: Authority) -> App {
    let validator = jwt::CoreValidator::default()
        .add_approved_algorithm(jwa::Algorithm::RS256)
        .add_allowed_audience(jwt::Audience::from_static(AUDIENCE))
        .require_issuer(jwt::Issuer::from(authority.url.as_str()))
        .check_expiration();
    let keys = Aliri::new_from_url(authority.keys_url(), validator).await.expect("the keys are there");
    let authorizer = Oauth2Authorizer::new().with_claims::<Claims>().with_terse_error_handler();
    App::Axum08(Router::new().route("/orders", get(orders)).layer(authorizer.jwt_layer(keys)))
}

async fn orders(_: guards::Read) -> &'static str {
    "ok"
}
