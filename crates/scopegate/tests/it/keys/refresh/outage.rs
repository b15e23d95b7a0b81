//! What happens to tokens while the issuer is unreachable, and how often are its keys requested?

use std::time::Duration;

use scopegate::Error;
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{builder_trusting, pass};

use crate::keys::refresh::fixture::token_of_unknown_key;

#[tokio::test]
async fn outage_affects_tokens_of_unknown_keys_only() {
    // B23, D21, W7, FR-A5: after a period without a success, the issuer may have published the key.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let good = local.mint().lifetime(86_400).sign();
    local.set_fault(Fault::Status(500));
    for _ in 0..2 {
        let error =
            verifier.verify_or_refresh(&token_of_unknown_key(&local, "no such key")).await.unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
        assert!(verifier.verify(&good).is_ok());
    }
    assert_eq!(local.jwks_fetches(), 2, "a failed fetch counts against the cooldown");
    pass(Duration::from_secs(600)).await;
    while verifier.status().issuers()[0].fetches_failed < 2 {
        tokio::task::yield_now().await;
    }
    for _ in 0..2 {
        let error =
            verifier.verify_or_refresh(&token_of_unknown_key(&local, "no such key")).await.unwrap_err();
        assert!(
            matches!(error, Error::KeysUnavailable { retry_after, .. } if retry_after >= Duration::from_secs(1))
        );
        assert!(verifier.verify(&good).is_ok());
    }
    assert_eq!(local.jwks_fetches(), 4, "a failed fetch counts against the cooldown");
}

#[tokio::test]
async fn fetches_continue_at_intervals_during_outage() {
    // W16
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Status(500));
    for minute in 1..=30 {
        pass(Duration::from_secs(600)).await;
        let failed = || verifier.status().issuers()[0].fetches_failed;
        while failed() < minute {
            tokio::task::yield_now().await;
        }
        assert_eq!(failed(), minute, "one attempt is due, however late it is noticed");
    }
    local.clear_fault();
    pass(Duration::from_secs(60)).await;
    while verifier.status().issuers()[0].last_failure.is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(local.jwks_fetches(), 32);
}
