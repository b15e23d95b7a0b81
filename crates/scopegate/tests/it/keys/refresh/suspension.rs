//! What happens after the process was suspended, or the clock was set? The monotonic clock stops in
//! a suspended process. The wall clock may be set back.

use std::time::Duration;

use scopegate::Error;
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{builder_trusting, pass, poll_once};

use crate::keys::refresh::fixture::{JumpingClock, token_of_unknown_key, until};

const HOUR: i64 = 3_600;

#[tokio::test]
async fn first_request_after_suspension_waits_for_the_fetch() {
    // FR-A7: a key that was withdrawn in the meantime is rejected, although its token is cached.
    let local = LocalIssuer::start().await.unwrap();
    let clock = JumpingClock::default();
    let verifier = builder_trusting(&local).clock(clock.read()).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    local.rotate_without_overlap();
    let fresh = local.mint().lifetime(86_400).sign();
    // Within a period, no fetch is needed.
    clock.set_ahead(600);
    assert!(poll_once(verifier.verify_or_refresh(&token)).await.unwrap().is_ok());
    clock.set_ahead(23 * HOUR);
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    assert!(verifier.verify_or_refresh(&fresh).await.is_ok());
    // One fetch for the elapsed time, and at most two for a key that has become unknown.
    assert!((2..=4).contains(&local.jwks_fetches()));
}

#[tokio::test]
async fn call_without_wait_makes_fetch_due() {
    // FR-A7
    let local = LocalIssuer::start().await.unwrap();
    let clock = JumpingClock::default();
    let verifier = builder_trusting(&local).clock(clock.read()).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    local.rotate_without_overlap();
    clock.set_ahead(23 * HOUR);
    assert!(verifier.verify(&token).is_ok());
    until(&verifier, |status| status.fetches_succeeded == 2).await;
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownKey { .. })));
}

#[tokio::test]
async fn suspension_past_the_stale_limit_costs_no_request() {
    // FR-A7: the first request waits for the fetch, instead of 503, 503, 200.
    let local = LocalIssuer::start().await.unwrap();
    let clock = JumpingClock::default();
    let verifier = builder_trusting(&local).clock(clock.read()).start().await.unwrap();
    let token = local.mint().lifetime(7 * 86_400).sign();
    clock.set_ahead(48 * HOUR);
    for _ in 0..3 {
        let result = verifier.verify_or_refresh(&token).await;
        assert!(result.is_ok(), "{result:?}");
    }
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn keys_are_used_after_suspension_if_issuer_fails() {
    // FR-A7: one request waits for the fetch that fails, and later requests do not.
    let local = LocalIssuer::start().await.unwrap();
    let clock = JumpingClock::default();
    let verifier = builder_trusting(&local).clock(clock.read()).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    local.set_fault(Fault::Status(500));
    clock.set_ahead(HOUR);
    assert!(poll_once(verifier.verify_or_refresh(&token)).await.is_none());
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    for _ in 0..3 {
        assert!(poll_once(verifier.verify_or_refresh(&token)).await.unwrap().is_ok());
    }
    // FR-A5: the issuer may have published an unknown key in the meantime.
    let unknown = token_of_unknown_key(&local, "no such key");
    let error = verifier.verify_or_refresh(&unknown).await.unwrap_err();
    assert!(matches!(error, Error::KeysUnavailable { .. }), "{error}");
    // Suspended again, like a function between two invocations: keys are fetched again.
    clock.set_ahead(2 * HOUR);
    assert!(poll_once(verifier.verify_or_refresh(&token)).await.is_none());
    local.clear_fault();
    local.rotate_without_overlap();
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
}

#[tokio::test]
async fn keys_are_used_after_suspension_if_issuer_hangs() {
    // FR-A7: the wait is 2 s, once.
    let local = LocalIssuer::start().await.unwrap();
    let clock = JumpingClock::default();
    let verifier = builder_trusting(&local).clock(clock.read()).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    local.set_fault(Fault::Drip);
    clock.set_ahead(HOUR);
    tokio::time::pause();
    let asked = tokio::time::Instant::now();
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    assert!((2_000..2_100).contains(&asked.elapsed().as_millis()), "{:?}", asked.elapsed());
    assert!(poll_once(verifier.verify_or_refresh(&token)).await.unwrap().is_ok());
}

#[tokio::test]
async fn clock_set_back_does_not_prolong_stale_limit() {
    // FR-A9: the monotonic clock counts too.
    let local = LocalIssuer::start().await.unwrap();
    let clock = JumpingClock::default();
    let verifier = builder_trusting(&local).clock(clock.read()).start().await.unwrap();
    let token = local.mint().issued_at(1_700_000_000).lifetime(1_000_000_000).sign();
    local.set_fault(Fault::Status(500));
    clock.set_ahead(-23 * HOUR);
    for minute in 1..=24 * 60 {
        assert!(verifier.verify(&token).is_ok(), "{minute}");
        let failed = verifier.status().issuers()[0].fetches_failed;
        pass(Duration::from_secs(60)).await;
        if minute > 9 {
            until(&verifier, |status| status.fetches_failed > failed).await;
        }
    }
    until(&verifier, |status| !status.usable).await;
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
}

#[tokio::test]
async fn unknown_key_after_suspension_is_found_again() {
    // FR-A7: the key was published since, and its fetch does not use the budget of unknown keys.
    let local = LocalIssuer::start().await.unwrap();
    let clock = JumpingClock::default();
    let verifier = builder_trusting(&local).clock(clock.read()).start().await.unwrap();
    assert!(verifier.verify_or_refresh(&token_of_unknown_key(&local, "invented")).await.is_err());
    local.rotate();
    clock.set_ahead(HOUR);
    let token = local.mint().lifetime(86_400).sign();
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
}
