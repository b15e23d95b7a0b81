//! Are the keys of a transmitter fetched, and shared with the issuers of the verifier?

use std::time::Duration;

use scopegate::{Issuer, Received, Revocations, SecurityEvents, Transmitter};
use scopegate_issuer::{Fault, LocalIssuer, Mint};
use serde_json::json;
use testkit::builder_trusting;

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
