//! Requirements for the authentication of the user, with claims from a response (RFC 9470 §6.2).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, Method, Uri};
use scopegate::http::Authorizer;
use scopegate::{Issuer, Verifier};
use serde_json::{Value, json};
use testkit::{AUDIENCE, ISSUER, KEY, jwks};

use super::endpoint::{Endpoint, jwt};

const MFA: &str = "urn:example:mfa";

async fn authorizer(issuer: Issuer) -> Authorizer {
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    let authorizer = Authorizer::require_scope(&verifier, "orders/read").unwrap();
    authorizer.with_acr([MFA]).unwrap().with_max_auth_age(Duration::from_secs(300))
}

/// Returns the status and the challenge.
async fn respond(authorizer: &Authorizer, token: &str) -> (u16, String) {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).unwrap());
    let uri = Uri::from_static("/orders");
    match authorizer.authorize_or_refresh(&Method::GET, &uri, &headers).await {
        Ok(_) => (200, String::new()),
        Err(rejection) => {
            let response = authorizer.response(&rejection).into_response();
            let challenge = response.headers().get("www-authenticate");
            let challenge = challenge.map_or("", |challenge| challenge.to_str().unwrap());
            (response.status().as_u16(), challenge.to_owned())
        }
    }
}

/// Returns the members for a user who has authenticated this many seconds ago.
fn authenticated(acr: impl Into<Value>, seconds: u64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({ "scope": "orders/read", "acr": acr.into(), "auth_time": now - seconds })
}

#[tokio::test]
async fn response_satisfies_the_requirements() {
    // SU06
    let endpoint = Endpoint::start().await;
    endpoint.activate("recent", &authenticated(MFA, 60));
    let authorizer = authorizer(endpoint.issuer()).await;
    for _ in 0..2 {
        assert_eq!(respond(&authorizer, "recent").await, (200, String::new()));
    }
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn other_authentication_in_the_response_is_challenged() {
    // SU06
    let endpoint = Endpoint::start().await;
    let authorizer = authorizer(endpoint.issuer()).await;
    let without = |name: &str| {
        let mut members = authenticated(MFA, 60);
        members.as_object_mut().unwrap().remove(name).unwrap();
        members
    };
    let with = |name: &str, value: Value| {
        let mut members = authenticated(MFA, 60);
        members[name] = value;
        members
    };
    for (token, members) in [
        ("other-acr", authenticated("urn:example:password", 60)),
        ("number-as-acr", authenticated(1, 60)),
        ("no-acr", without("acr")),
        ("null-as-acr", with("acr", Value::Null)),
        ("earlier", authenticated(MFA, 600)),
        ("no-time", without("auth_time")),
        ("time-as-string", with("auth_time", json!("1800000000"))),
    ] {
        endpoint.activate(token, &members);
        let (status, challenge) = respond(&authorizer, token).await;
        assert_eq!(status, 401, "{token}");
        for part in
            [r#"error="insufficient_user_authentication""#, r#"acr_values="urn:example:mfa""#, "max_age=300"]
        {
            assert!(challenge.contains(part), "{token}: {challenge}");
        }
    }
}

#[tokio::test]
async fn response_about_verified_jwt_adds_no_authentication() {
    // SU06, IN18
    let endpoint = Endpoint::start().await;
    let token = jwt(ISSUER);
    endpoint.activate(&token, &authenticated(MFA, 60));
    let issuer = Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE);
    let verifier = Verifier::builder().trust(issuer.and_introspect(endpoint.introspection()));
    let verifier = verifier.start().await.unwrap();
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    let any = Authorizer::require_token(&verifier).with_acr([MFA]).unwrap();
    let (status, challenge) = respond(&any, &token).await;
    assert_eq!(status, 401);
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");
}
