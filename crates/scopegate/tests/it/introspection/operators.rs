//! The state of introspection for operators, readiness, and changes while the verifier runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use http::header::CONTENT_TYPE;
use scopegate::{Error, IntrospectionSuspended, Issuer, StatusList, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use serde_json::json;
use testkit::{AUDIENCE, CLIENT, ISSUER, KEY, LOCAL_CLIENT, StillClock, jwks, pass, poll_once};
use tokio::time::Instant;

use super::endpoint::{Endpoint, OPAQUE};
use crate::status_list::fixture::{Reply, Server};

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

#[tokio::test]
async fn all_waits_of_a_request_end_after_two_seconds() {
    // IN15
    let (clock, endpoint, lists) = (StillClock::start(), Endpoint::start().await, Server::start().await);
    lists.reply("1", Reply::Hangs);
    let fetches = Arc::new(AtomicUsize::new(0));
    let keys = Arc::new(tokio::sync::Mutex::new(()));
    let (held_keys, held_response) = (Arc::clone(&keys).lock_owned().await, endpoint.hold().await);
    let router = Router::new().fallback({
        let fetches = Arc::clone(&fetches);
        async move || {
            fetches.fetch_add(1, Ordering::Relaxed);
            drop(keys.lock().await);
            ([(CONTENT_TYPE, "application/json")], jwks([KEY.jwk()]))
        }
    });
    let issuer = Issuer::from_jwks_uri(ISSUER, &testkit::serve(router).await).unwrap().client(CLIENT);
    let issuer = issuer.status_list(StatusList::required().origin(&lists.url));
    let issuer = issuer.and_introspect(endpoint.introspection());
    let verifier = lists.builder().trust(issuer).start_lazy().unwrap();
    let token = lists.token(0).sign_with(&KEY);
    endpoint.activate(&token, &json!({ "client_id": CLIENT, "aud": null }));

    let begun = Instant::now();
    let asking = tokio::spawn(async move { verifier.verify_or_refresh(token).await });
    until(&clock, "fetch of keys", || fetches.load(Ordering::Relaxed) == 1).await;
    clock.pass(Duration::from_millis(600)).await;
    drop(held_keys);
    until(&clock, "introspection", || endpoint.calls() == 1).await;
    clock.pass(Duration::from_millis(600)).await;
    drop(held_response);
    until(&clock, "fetch of the list", || lists.requests() == 1).await;
    let left = Duration::from_secs(2).checked_sub(begun.elapsed()).expect("less than 2 s have passed");
    clock.pass(left.saturating_sub(Duration::from_millis(50))).await;
    assert!(!asking.is_finished(), "it waits for 2 s");
    clock.pass(Duration::from_millis(50)).await;
    let result = asking.await.unwrap();
    assert!(matches!(result, Err(Error::StatusUnavailable { .. })), "{result:?}");
    assert!(begun.elapsed() < Duration::from_millis(2_100), "2 s in all");
}

/// Waits for sockets, and for timers that are due: their deadlines are rounded up.
async fn until(clock: &StillClock, what: &str, is_reached: impl Fn() -> bool) {
    for _ in 0..500 {
        clock.pass(Duration::ZERO).await;
        for _ in 0..1_000 {
            if is_reached() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
    panic!("no {what} within 0.5 s");
}
