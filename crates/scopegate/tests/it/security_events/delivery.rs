//! Are the keys of a transmitter fetched, and shared with the issuers of the verifier?

use std::time::Duration;

use scopegate::{Issuer, Received, Revocations, SecurityEventError, SecurityEvents, Transmitter};
use scopegate_issuer::{Fault, LocalIssuer, Mint};
use serde_json::json;
use testkit::{builder_trusting, pass};

use super::fixture::RECEIVER;

fn set(local: &LocalIssuer) -> Mint {
    local
        .security_event(RECEIVER)
        .event(Mint::SESSION_REVOKED, json!({}))
        .claim("sub_id", json!({ "format": "iss_sub", "iss": local.issuer(), "sub": "user-1" }))
}

/// The issuer of the verifier as a transmitter, by the same URL and algorithms.
fn transmitter(local: &LocalIssuer) -> Transmitter {
    Transmitter::new(Issuer::cognito_at(local.issuer()).unwrap().audience(RECEIVER))
}

#[tokio::test]
async fn key_set_of_trusted_issuer_is_shared() {
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter(&local)).start().unwrap();
    assert!(matches!(events.receive(set(&local).sign()).await, Ok(Received::Applied { .. })));
    assert_eq!(local.jwks_fetches(), 1);
}

#[tokio::test]
async fn unknown_key_is_fetched() {
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter(&local)).start().unwrap();
    local.rotate();
    let received = events.receive(set(&local).sign()).await;
    assert!(matches!(received, Ok(Received::Applied { .. })), "{received:?}");
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn unavailable_keys_ask_transmitter_to_repeat() {
    let local = LocalIssuer::start().await.unwrap();
    let other = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    other.set_fault(Fault::Status(503));
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter(&other)).start().unwrap();
    let set = set(&other).sign();
    let error = events.receive(&set).await.unwrap_err();
    assert!(error.retry_after().is_some_and(|wait| wait >= Duration::from_millis(1)), "{error:?}");
    assert_eq!(error.description(), "the SET cannot be processed now");
    assert_eq!(revocations.status().entries, 0);
}

#[tokio::test]
async fn new_key_during_cooldown_asks_transmitter_to_repeat() {
    // RV06
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter(&local)).start().unwrap();
    // An attacker invents a key id shortly before the rotation.
    let invented = local.mint().header("kid", "invented").sign();
    assert!(verifier.verify_or_refresh(&invented).await.is_err());
    local.rotate();
    let set = set(&local).sign();
    pass(Duration::from_secs(8)).await;
    let error = events.receive(&set).await.unwrap_err();
    assert!(matches!(error, SecurityEventError::UnconfirmedKey { .. }), "{error:?}");
    assert!(error.to_string().contains("were not fetched since"), "{error}");
    let wait = error.retry_after().expect("the SET is lost");
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(30), "{wait:?}");
    assert_eq!((error.code(), revocations.status().entries), ("invalid_request", 0));
    pass(wait).await;
    let received = events.receive(&set).await;
    assert!(matches!(received, Ok(Received::Applied { .. })), "{received:?}");
}

#[tokio::test]
async fn unpublished_key_is_invalid_after_a_period() {
    // RV06
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter(&local)).start().unwrap();
    let invented = set(&local).header("kid", "invented").sign();
    // The SET causes a fetch itself.
    let error = events.receive(&invented).await.unwrap_err();
    assert!(matches!(error, SecurityEventError::UnpublishedKey { .. }), "{error:?}");
    assert!(error.retry_after().is_some() && error.code() == "invalid_request", "{error:?}");
    // Another one within the cooldown causes none.
    let error = events.receive(&invented).await.unwrap_err();
    assert!(matches!(error, SecurityEventError::UnconfirmedKey { .. }), "{error:?}");
    pass(Duration::from_secs(590)).await;
    let error = events.receive(&invented).await.unwrap_err();
    assert!(error.retry_after().is_some(), "{error:?}");
    // The default refresh period, and a cooldown.
    pass(Duration::from_secs(60)).await;
    let error = events.receive(&invented).await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), ("invalid_key", None), "{error:?}");
    // A SET without an id cannot be held.
    let unnamed = set(&local).header("kid", "invented").claim("jti", serde_json::Value::Null).sign();
    pass(Duration::from_secs(60)).await;
    let error = events.receive(&unnamed).await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), ("invalid_key", None), "{error:?}");
}

#[tokio::test]
async fn set_of_late_published_key_is_accepted_again() {
    // RV06: a cache of the transmitter publishes the key a minute later.
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter(&local)).start().unwrap();
    local.rotate_unpublished();
    let set = set(&local).sign();
    let error = events.receive(&set).await.unwrap_err();
    let wait = error.retry_after().expect("the event is lost");
    assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(60), "{wait:?}");
    assert_eq!(error.description(), "the SET cannot be processed now");
    local.publish();
    pass(wait).await;
    let received = events.receive(&set).await;
    assert!(matches!(received, Ok(Received::Applied { .. })), "{received:?}");
}

#[tokio::test]
async fn invented_key_does_not_begin_period_of_another() {
    // RV06: an attacker knows the `jti` of a later SET, and not its key.
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter(&local)).start().unwrap();
    let of_key = |key: &str| set(&local).claim("jti", "set-7").header("kid", key).sign();
    let error = events.receive(&of_key("invented")).await.unwrap_err();
    assert!(matches!(error, SecurityEventError::UnpublishedKey { .. }), "{error:?}");
    pass(Duration::from_secs(660)).await;
    let error = events.receive(&of_key("unpublished")).await.unwrap_err();
    assert!(error.retry_after().is_some(), "{error:?}");
    // The first one waits no longer. Its fetch is not within the cooldown.
    pass(Duration::from_secs(60)).await;
    let error = events.receive(&of_key("invented")).await.unwrap_err();
    assert_eq!((error.code(), error.retry_after()), ("invalid_key", None), "{error:?}");
}
