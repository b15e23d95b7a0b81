//! How long are keys used if no fetch succeeds, and what if the clock changes?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scopegate::Error;
use scopegate_issuer::LocalIssuer;
use testkit::builder_trusting;

use crate::keys::refresh::fixture::token_of_unknown_key;

#[tokio::test]
async fn keys_expire_at_the_stale_limit() {
    // B24
    let local = LocalIssuer::start().await.unwrap();
    let now = Arc::new(AtomicU64::new(0));
    let clock = {
        let now = Arc::clone(&now);
        move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed))
    };
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.store(start, Ordering::Relaxed);
    let verifier = builder_trusting(&local).clock(clock).start().await.unwrap();
    let token = local.mint().lifetime(7 * 86_400).sign();
    now.store(start + 86_399, Ordering::Relaxed);
    assert!(verifier.verify(&token).is_ok());
    now.store(start + 86_400, Ordering::Relaxed);
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
}

#[tokio::test]
async fn keys_expired_by_clock_change_are_refetched() {
    // B24: it recovers in the background
    // The clock was wrong when the service started, and is corrected.
    let local = LocalIssuer::start().await.unwrap();
    let ahead = Arc::new(AtomicU64::new(0));
    let clock = {
        let ahead = Arc::clone(&ahead);
        move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed))
    };
    let verifier = builder_trusting(&local).clock(clock).start().await.unwrap();
    let token = local.mint().lifetime(7 * 86_400).sign();
    // An attacker has used up the budget of unknown keys.
    assert!(verifier.verify(token_of_unknown_key(&local, "no such key")).is_err());
    while local.jwks_fetches() < 2 {
        tokio::task::yield_now().await;
    }
    ahead.store(2 * 86_400, Ordering::Relaxed);
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
    verifier.ready().await;
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn keys_fetched_in_the_future_are_refetched() {
    // B24: otherwise they would be used until the stale limit after that future time
    for (ahead_at_start, kept) in [(2 * 86_400, false), (43_200, true)] {
        let local = LocalIssuer::start().await.unwrap();
        let ahead = Arc::new(AtomicU64::new(ahead_at_start));
        let clock = {
            let ahead = Arc::clone(&ahead);
            move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed))
        };
        let verifier = builder_trusting(&local).clock(clock).start().await.unwrap();
        let token = local.mint().lifetime(7 * 86_400).sign();
        assert!(verifier.verify(&token).is_ok());
        ahead.store(0, Ordering::Relaxed);
        let result = verifier.verify(&token);
        if kept {
            assert!(result.is_ok(), "{result:?}");
        } else {
            assert!(matches!(result, Err(Error::KeysUnavailable { .. })), "{result:?}");
        }
        verifier.ready().await;
        assert!(verifier.verify(&token).is_ok());
        assert_eq!(local.jwks_fetches(), if kept { 1 } else { 2 });
    }
}
