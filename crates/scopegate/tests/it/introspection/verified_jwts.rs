//! JWTs whose issuer is asked after they were verified.

use std::time::Duration;

use scopegate::{Error, Issuer, StatusList, Verifier};
use scopegate_issuer::LocalIssuer;
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, KEY, LOCAL_CLIENT, OTHER_KEY, jwks};

use super::endpoint::{Endpoint, jwt, signed};

fn issuer() -> Issuer {
    Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE)
}

async fn verifier(endpoint: &Endpoint) -> Verifier {
    Verifier::builder().trust(issuer().introspection(endpoint.introspection())).start().await.unwrap()
}

#[tokio::test]
async fn only_a_verified_jwt_causes_a_call() {
    // IN18
    let endpoint = Endpoint::start().await;
    let verifier = verifier(&endpoint).await;
    let valid = jwt(ISSUER);
    endpoint.activate(&valid, &json!({}));
    let forged = signed(&OTHER_KEY, ISSUER, 600);
    endpoint.activate(&forged, &json!({}));
    assert!(matches!(verifier.verify_or_refresh(&forged).await, Err(Error::BadSignature { .. })));
    let expired = signed(&KEY, ISSUER, -600);
    assert!(matches!(verifier.verify_or_refresh(&expired).await, Err(Error::Expired { .. })));
    let opaque = verifier.verify_or_refresh("opaque").await;
    assert!(matches!(opaque, Err(Error::NotThreeParts { .. })), "its tokens are JWTs");
    assert_eq!(endpoint.calls(), 0);
    assert!(verifier.verify_or_refresh(&valid).await.is_ok());
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn revoked_jwt_is_rejected() {
    // IN18
    let endpoint = Endpoint::start().await;
    let verifier = verifier(&endpoint).await;
    let token = jwt(ISSUER);
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::Inactive { .. }) && error.kind().status() == 401);
    assert!(matches!(verifier.verify(&token), Err(Error::Inactive { .. })), "remembered");
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn claims_are_those_of_the_jwt() {
    // IN18
    let endpoint = Endpoint::start().await;
    let verifier = verifier(&endpoint).await;
    let token = jwt(ISSUER);
    endpoint.activate(&token, &json!({ "scope": "admin" }));
    let first = verifier.verify(&token).unwrap_err();
    assert!(matches!(first, Error::IntrospectionUnavailable { .. }), "it does not wait");
    for _ in 0..3 {
        let claims = verifier.verify_or_refresh(&token).await.unwrap();
        assert_eq!(claims.subject(), Some("jwt-user"));
        assert!(!claims.has_scope("admin"));
    }
    assert!(verifier.verify(&token).is_ok());
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn response_rejects_by_a_rule() {
    // IN18
    let endpoint = Endpoint::start().await;
    let verifier = verifier(&endpoint).await;
    let token = |n: i64| signed(&KEY, ISSUER, 600 + n);
    endpoint.activate(&token(1), &json!({ "aud": "https://other.example" }));
    endpoint.activate(&token(2), &json!({ "iss": "https://other.example" }));
    endpoint.activate(&token(3), &json!({ "token_type": "refresh_token" }));
    endpoint.activate(&token(4), &json!({ "active": "yes" }));
    endpoint.responds_without_audience(&token(5));
    let error_of = async |n| verifier.verify_or_refresh(token(n)).await.unwrap_err();
    assert!(matches!(error_of(1).await, Error::WrongAudience { .. }));
    assert!(matches!(error_of(2).await, Error::WrongClaim { .. }));
    assert!(matches!(error_of(3).await, Error::NotAnAccessToken { .. }));
    assert!(matches!(error_of(4).await, Error::IntrospectionUnavailable { .. }));
    assert!(verifier.verify_or_refresh(token(5)).await.is_ok());
}

#[tokio::test]
async fn verified_jwts_need_no_budget() {
    // IN12, IN18
    let endpoint = Endpoint::start().await;
    let introspection = endpoint.introspection().unseen_tokens(1, 1);
    let verifier = Verifier::builder().trust(issuer().introspection(introspection)).start().await.unwrap();
    for n in 0..20 {
        let token = signed(&KEY, ISSUER, 600 + n);
        endpoint.activate(&token, &json!({}));
        assert!(verifier.verify_or_refresh(&token).await.is_ok(), "{n}");
    }
}

#[tokio::test]
async fn jwt_of_a_new_key_is_introspected_too() {
    // IN18
    let (endpoint, local) = (Endpoint::start().await, LocalIssuer::start().await.unwrap());
    let issuer = || Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    let introspected = issuer().introspection(endpoint.introspection());
    let verifier = Verifier::builder().trust(introspected).start().await.unwrap();
    local.rotate();
    let token = local.mint().sign();
    assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::Inactive { .. })));
    assert_eq!(endpoint.calls(), 1);
    // The same for the first token of a status list.
    let listed = issuer().status_list(StatusList::required()).introspection(endpoint.introspection());
    let verifier = Verifier::builder().trust(listed).start().await.unwrap();
    let token = local.mint().status_index(7).sign();
    assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::Inactive { .. })));
    let active = local.mint().status_index(7).claim("n", 1).sign();
    endpoint.responds_without_audience(&active);
    assert!(verifier.verify_or_refresh(&active).await.is_ok());
    local.set_status(8, 1);
    let invalid = local.mint().status_index(8).sign();
    endpoint.responds_without_audience(&invalid);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(3_600)).await;
    tokio::time::resume();
    assert!(matches!(verifier.verify_or_refresh(&invalid).await, Err(Error::InvalidStatus { .. })));
}

#[tokio::test]
async fn added_introspection_applies_to_cached_tokens() {
    // IN18
    let endpoint = Endpoint::start().await;
    let token = jwt(ISSUER);
    let verifier = Verifier::builder().trust(issuer()).start().await.unwrap();
    assert!(verifier.verify(&token).is_ok());
    verifier.trust(issuer().introspection(endpoint.introspection())).unwrap();
    assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::Inactive { .. })));
    verifier.trust(issuer()).unwrap();
    assert!(verifier.verify(&token).is_ok());
}
