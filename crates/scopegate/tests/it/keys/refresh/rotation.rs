//! What happens when the issuer publishes a new key, or withdraws an old one?

use std::time::Duration;

use scopegate::Error;
use scopegate_issuer::LocalIssuer;
use testkit::{builder_trusting, pass};

#[tokio::test]
async fn new_key_is_fetched_on_first_use() {
    // B15
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let before = local.mint().sign();
    local.rotate();
    let after = local.mint().sign();
    assert!(matches!(verifier.verify(&after), Err(Error::UnknownKey { .. })));
    assert!(verifier.verify_or_refresh(&after).await.is_ok());
    assert!(verifier.verify(&before).is_ok(), "the old key is still published");
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn key_published_a_second_late_is_found() {
    // B15
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.rotate_unpublished();
    let token = local.mint().sign();
    let publish = async {
        // It is published after the first fetch for it has returned a set without it.
        while verifier.status().issuers()[0].fetches_succeeded < 2 {
            tokio::task::yield_now().await;
        }
        local.publish();
    };
    let (outcome, ()) = tokio::join!(verifier.verify_or_refresh(&token), publish);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(local.jwks_fetches(), 3);
}

#[tokio::test]
async fn withdrawn_key_is_rejected_after_next_fetch() {
    // B19, W5
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let before = local.mint().sign();
    local.rotate_without_overlap();
    assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
    assert!(matches!(verifier.verify(&before), Err(Error::UnknownKey { .. })));
}

#[tokio::test]
async fn withdrawn_key_is_dropped_by_scheduled_fetch() {
    // B19, W5
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    local.rotate_without_overlap();
    assert!(verifier.verify(&token).is_ok());
    pass(Duration::from_secs(530)).await;
    while verifier.status().issuers()[0].fetches_succeeded < 2 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownKey { .. })));
}
