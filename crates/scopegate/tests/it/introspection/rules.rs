//! The rules of an issuer and of the application for introspected tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use scopegate::{Denied, Error, Principal, Revocation, Revocations, Verifier};
use serde_json::json;

use super::endpoint::{Endpoint, OPAQUE, jwt};

#[tokio::test]
async fn claims_are_those_of_the_response() {
    // IN09
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({ "scope": "orders/read", "username": "jo", "jti": "id-1" }));
    endpoint.activate("scopeless", &json!({}));
    let verifier = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    let claims = verifier.verify_or_refresh("opaque").await.unwrap();
    assert!(matches!(claims.principal(), Principal::Subject { id: "user-1", .. }));
    assert_eq!((claims.client_id(), claims.token_id()), (Some("client-1"), Some("id-1")));
    assert_eq!(claims.claim::<String>("username").unwrap().as_deref(), Some("jo"));
    assert!(claims.require("orders/read").is_ok());
    assert_eq!(claims.expires_at().to_string(), "9999-12-31T23:59:59Z");
    let scopeless = verifier.verify_or_refresh("scopeless").await.unwrap();
    assert_eq!(scopeless.require("orders/read").unwrap_err().kind().status(), 403);
}

#[tokio::test]
async fn scope_array_needs_a_setting() {
    // IN09
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({ "scope": ["orders/read"] }));
    let strict = Verifier::builder().trust(endpoint.issuer()).start().await.unwrap();
    let error = strict.verify_or_refresh("opaque").await.unwrap_err();
    assert!(matches!(error, Error::IntrospectionUnavailable { .. }), "a malformed response");
    let lenient = endpoint.issuer().allow_scope_array().limit_scopes(["orders/read"]);
    let lenient = Verifier::builder().trust(lenient).start().await.unwrap();
    let claims = lenient.verify_or_refresh("opaque").await.unwrap();
    assert!(claims.has_scope("orders/read"));
}

#[tokio::test]
async fn revocation_rejects_a_cached_token() {
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({ "jti": "id-1" }));
    let revocations = Revocations::new();
    let verifier = Verifier::builder().trust(endpoint.issuer()).revocations(&revocations);
    let verifier = verifier.start().await.unwrap();
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    revocations.revoke(Revocation::token(OPAQUE, "id-1")).unwrap();
    assert!(matches!(verifier.verify_or_refresh("opaque").await, Err(Error::Revoked { .. })));
    assert!(matches!(verifier.verify("opaque"), Err(Error::Revoked { .. })));
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn check_runs_at_each_use_of_a_token() {
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({}));
    let suspended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&suspended);
    let verifier = Verifier::builder()
        .trust(endpoint.issuer())
        .check(move |_| if seen.load(Ordering::Relaxed) { Err(Denied::new("suspended")) } else { Ok(()) });
    let verifier = verifier.start().await.unwrap();
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    suspended.store(true, Ordering::Relaxed);
    assert!(matches!(verifier.verify_or_refresh("opaque").await, Err(Error::Denied(_))));
    assert_eq!(endpoint.calls(), 1);
}

#[tokio::test]
async fn required_token_id_applies_to_responses() {
    let endpoint = Endpoint::start().await;
    endpoint.activate("with", &json!({ "jti": "id-1" }));
    endpoint.activate("without", &json!({}));
    let verifier = Verifier::builder().trust(endpoint.issuer()).require_token_id().start().await.unwrap();
    assert!(verifier.verify_or_refresh("with").await.is_ok());
    let error = verifier.verify_or_refresh("without").await.unwrap_err();
    assert!(matches!(error, Error::MissingClaim { claim: "jti", .. }), "{error}");
}

#[tokio::test]
async fn resolver_returns_no_introspected_issuer() {
    let endpoint = Endpoint::start().await;
    let issuer = endpoint.issuer();
    let resolver = scopegate::Issuers::resolver(move |_| {
        let issuer = issuer.clone();
        async move { Ok::<_, std::io::Error>(Some(issuer)) }
    });
    let verifier = Verifier::builder().trust_dynamic(resolver).start().await.unwrap();
    let error = verifier.verify_or_refresh(jwt(OPAQUE)).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert_eq!(endpoint.calls(), 0);
}
