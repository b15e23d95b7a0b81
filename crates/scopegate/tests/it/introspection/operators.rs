//! The state of introspection for operators, readiness, and changes while the verifier runs.

use std::time::Duration;

use scopegate::{Error, IntrospectionSuspended, Issuer, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, KEY, LOCAL_CLIENT, jwks, pass, poll_once};
use tokio::time::Instant;

use super::endpoint::{Endpoint, OPAQUE};

#[tokio::test]
async fn status_shows_calls_and_their_suspension() {
    // IN05, IN15
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({}));
    let jwts = Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE);
    let verifier = Verifier::builder().trust(endpoint.issuer()).trust(jwts).start().await.unwrap();
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    let status = verifier.status();
    assert!(status.is_ready() && status.issuer(ISSUER).unwrap().introspection.is_none());
    let before = status.issuer(OPAQUE).unwrap().introspection.clone().unwrap();
    assert!(before.endpoint.starts_with(&endpoint.url), "{}", before.endpoint);
    assert_eq!(before.suspended, None);
    assert_eq!((before.calls_succeeded, before.calls_failed, before.cached_results), (1, 0, 1));
    assert_eq!((before.calls_under_way, before.waiting_requests, before.last_failure), (0, 0, None));

    endpoint.responds_with(401);
    for n in 0..5 {
        assert!(verifier.verify_or_refresh(format!("unseen-{n}")).await.is_err());
    }
    let status = verifier.status();
    assert!(status.is_ready(), "cached results are used");
    let after = status.issuer(OPAQUE).unwrap().introspection.clone().unwrap();
    assert_eq!(after.suspended, Some(IntrospectionSuspended::Credentials));
    assert_eq!((after.calls_succeeded, after.calls_failed), (1, 5));
    let failure = after.last_failure.unwrap();
    assert!(failure.contains("401") && !failure.contains("s3cret"), "{failure}");
    assert!(verifier.verify("opaque").is_ok());
}

#[tokio::test]
async fn issuer_of_opaque_tokens_ends_no_wait_for_keys() {
    let endpoint = Endpoint::start().await;
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(500));
    let jwts = Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    let verifier = Verifier::builder().trust(endpoint.issuer()).trust(jwts).start_lazy().unwrap();
    let mut ready = Box::pin(verifier.ready());
    assert!(poll_once(&mut ready).await.is_none(), "the keys of the other issuer are missing");
    local.clear_fault();
    verifier.refresh().await;
    ready.await;
    assert!(verifier.status().is_ready());
}

#[tokio::test]
async fn results_end_with_the_trust() {
    let endpoint = Endpoint::start().await;
    endpoint.activate("opaque", &json!({}));
    let jwts = Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE);
    let verifier = Verifier::builder().trust(jwts).start().await.unwrap();
    verifier.trust(endpoint.issuer()).unwrap();
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    verifier.trust(endpoint.issuer()).unwrap();
    assert!(verifier.verify("opaque").is_ok(), "an equal configuration");
    assert_eq!(endpoint.calls(), 1);
    verifier.distrust(OPAQUE).unwrap();
    assert!(matches!(verifier.verify("opaque"), Err(Error::NotThreeParts { .. })));
    verifier.trust(endpoint.issuer()).unwrap();
    assert!(
        matches!(verifier.verify("opaque"), Err(Error::IntrospectionUnavailable { .. })),
        "a call begins"
    );
    assert!(verifier.verify_or_refresh("opaque").await.is_ok());
    assert_eq!(endpoint.calls(), 2);
}

#[tokio::test]
async fn waits_for_key_and_introspection_share_a_deadline() {
    // IN15
    let (endpoint, local) = (Endpoint::start().await, LocalIssuer::start().await.unwrap());
    local.set_fault(Fault::Delay(Duration::from_millis(1_500)));
    let held = endpoint.hold().await;
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    let issuer = issuer.and_introspect(endpoint.introspection());
    let verifier = Verifier::builder().trust(issuer).start_lazy().unwrap();
    let token = local.mint().sign();
    let begun = Instant::now();
    let asking = tokio::spawn(async move { verifier.verify_or_refresh(token).await });
    while local.jwks_fetches() < 1 {
        tokio::task::yield_now().await;
    }
    // The delay of the response begins.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    pass(Duration::from_millis(1_500)).await;
    while endpoint.calls() < 1 {
        tokio::task::yield_now().await;
    }
    pass(Duration::from_millis(500)).await;
    let result = asking.await.unwrap();
    assert!(matches!(result, Err(Error::IntrospectionUnavailable { .. })), "{result:?}");
    assert!(begun.elapsed() < Duration::from_secs(3), "2 s in all, and not 3.5 s");
    drop(held);
}
