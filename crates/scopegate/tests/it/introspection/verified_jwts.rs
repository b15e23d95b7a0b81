//! JWTs whose issuer is asked after they were verified.

use std::time::{Duration, SystemTime};

use scopegate::{
    CheckName, CheckOutcome, Error, Issuer, NumericDate, Revocation, Revocations, StatusList, Verifier,
};
use scopegate_issuer::LocalIssuer;
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, KEY, LOCAL_CLIENT, OTHER_KEY, jwks};

use super::endpoint::{Endpoint, jwt, signed};

fn issuer() -> Issuer {
    Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE)
}

async fn verifier(endpoint: &Endpoint) -> Verifier {
    Verifier::builder().trust(issuer().and_introspect(endpoint.introspection())).start().await.unwrap()
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
    let explanation = verifier.explain(&token);
    let last = explanation.checks().last().unwrap();
    assert_eq!(last.name, CheckName::Introspection);
    assert!(matches!(last.outcome, CheckOutcome::Failed(Error::Inactive { .. })));
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
    // Each has another `exp`, and is signed once.
    let tokens = [1, 2, 3, 4, 5].map(|n| signed(&KEY, ISSUER, 600 * n));
    let [of_other_api, of_other_issuer, refresh_token, malformed, brief] = &tokens;
    endpoint.activate(of_other_api, &json!({ "aud": "https://other.example" }));
    endpoint.activate(of_other_issuer, &json!({ "iss": "https://other.example" }));
    endpoint.activate(refresh_token, &json!({ "token_type": "refresh_token" }));
    endpoint.activate(malformed, &json!({ "active": "yes" }));
    endpoint.responds_without_audience(brief);
    let error_of = async |token: &String| verifier.verify_or_refresh(token).await.unwrap_err();
    assert!(matches!(error_of(of_other_api).await, Error::WrongAudience { .. }));
    assert!(matches!(error_of(of_other_issuer).await, Error::WrongClaim { .. }));
    assert!(matches!(error_of(refresh_token).await, Error::NotAnAccessToken { .. }));
    assert!(matches!(error_of(malformed).await, Error::IntrospectionUnavailable { .. }));
    assert!(verifier.verify_or_refresh(brief).await.is_ok());
}

#[tokio::test]
async fn verified_jwts_need_no_budget() {
    // IN12, IN18
    let endpoint = Endpoint::start().await;
    let introspection = endpoint.introspection().unseen_tokens(1, 1);
    let verifier = Verifier::builder().trust(issuer().and_introspect(introspection)).start().await.unwrap();
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
    let introspected = issuer().and_introspect(endpoint.introspection());
    let verifier = Verifier::builder().trust(introspected).start().await.unwrap();
    local.rotate();
    let token = local.mint().sign();
    assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::Inactive { .. })));
    assert_eq!(endpoint.calls(), 1);
    // The same for the first token of a status list.
    let uncached = endpoint.introspection().cache_for(Duration::ZERO);
    let listed = issuer().status_list(StatusList::required()).and_introspect(uncached);
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
    verifier.trust(issuer().and_introspect(endpoint.introspection())).unwrap();
    assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::Inactive { .. })));
    verifier.trust(issuer()).unwrap();
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn jwt_revoked_by_the_application_causes_no_call() {
    // IN18
    let endpoint = Endpoint::start().await;
    let revocations = Revocations::new();
    revocations
        .revoke(Revocation::subject(ISSUER, "jwt-user", NumericDate::from(SystemTime::now())))
        .unwrap();
    let issuer = issuer().and_introspect(endpoint.introspection());
    let verifier = Verifier::builder().trust(issuer).revocations(&revocations).start().await.unwrap();
    let error = verifier.verify_or_refresh(jwt(ISSUER)).await.unwrap_err();
    assert!(matches!(error, Error::Revoked { .. }), "{error}");
    assert_eq!(endpoint.calls(), 0);
}
