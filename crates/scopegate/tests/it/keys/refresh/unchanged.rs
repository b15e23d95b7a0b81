//! What happens if the JWKS is unchanged (`ETag`, status 304)?

use std::time::{Duration, SystemTime};

use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{builder_trusting, pass};

#[tokio::test]
async fn unchanged_jwks_is_not_sent_again() {
    // B21
    let local = LocalIssuer::start().await.unwrap();
    local.enable_etags();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    for fetches in 2..=4 {
        pass(Duration::from_secs(530)).await;
        while verifier.status().issuers()[0].fetches_succeeded < fetches {
            tokio::task::yield_now().await;
        }
        assert_eq!(local.jwks_not_modified(), fetches - 1);
        assert!(verifier.verify(&token).is_ok());
    }
    local.rotate();
    assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
    assert_eq!((local.jwks_fetches(), local.jwks_not_modified()), (5, 3));
}

#[tokio::test]
async fn unchanged_jwks_renews_the_keys() {
    // B21: it renews the time that the keys may be used for, past the stale limit of the first
    // response
    let local = LocalIssuer::start().await.unwrap();
    local.enable_etags();
    let started = tokio::time::Instant::now();
    let clock = move || SystemTime::now() + started.elapsed();
    let verifier =
        builder_trusting(&local).clock(clock).max_stale(Duration::from_secs(700)).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    for fetches in 2..=4 {
        pass(Duration::from_secs(300)).await;
        while verifier.status().issuers()[0].fetches_succeeded < fetches {
            tokio::task::yield_now().await;
        }
        assert!(verifier.verify(&token).is_ok());
    }
    // FR-A9: once per stale limit, the whole set is requested.
    assert_eq!(local.jwks_not_modified(), 2);
}

#[tokio::test]
async fn etag_of_rejected_jwks_is_not_sent() {
    let local = LocalIssuer::start().await.unwrap();
    local.enable_etags();
    local.set_fault(Fault::EmptySet);
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    while verifier.status().issuers()[0].fetches_failed == 0 {
        tokio::task::yield_now().await;
    }
    pass(Duration::from_secs(1)).await;
    while verifier.status().issuers()[0].fetches_failed == 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(local.jwks_not_modified(), 0);
    local.clear_fault();
    pass(Duration::from_secs(2)).await;
    verifier.ready().await;
    assert!(verifier.verify(local.mint().sign()).is_ok());
}
