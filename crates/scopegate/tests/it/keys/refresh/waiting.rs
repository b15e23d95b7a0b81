//! How many requests wait for one fetch, how long, and what if one is canceled?

use std::sync::Arc;
use std::time::Duration;

use scopegate::Error;
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{builder_trusting, poll_once};

use crate::keys::refresh::fixture::token_of_unknown_key;

#[tokio::test]
async fn thousand_requests_for_new_key_share_one_fetch() {
    // B16: single flight, and no request is rejected
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.rotate_without_overlap();
    let token: Arc<str> = local.mint().sign().into();
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), Arc::clone(&token));
            tokio::spawn(async move { verifier.verify_or_refresh(&*token).await.is_ok() })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn waiting_requests_per_key_are_limited_to_1024() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Drip);
    local.rotate();
    let token = local.mint().sign();
    let mut waiting: Vec<_> = (0..1_024).map(|_| Box::pin(verifier.verify_or_refresh(&token))).collect();
    for caller in &mut waiting {
        assert!(poll_once(caller).await.is_none());
    }
    let one_more = poll_once(verifier.verify_or_refresh(&token)).await.expect("it does not wait");
    // FR-A5: the last success is less than a period ago, so this is not a 503. There is room for
    // other keys.
    assert!(matches!(one_more, Err(Error::UnknownKey { .. })), "{one_more:?}");
    let others = (0..10).map(|n| token_of_unknown_key(&local, &format!("other {n}")));
    let mut waits = 0;
    for other in others {
        waits += usize::from(poll_once(verifier.verify_or_refresh(&other)).await.is_none());
    }
    assert!(waits >= 5, "a key shares its count with few others: {waits}");
    waiting.pop();
    assert!(poll_once(verifier.verify_or_refresh(&token)).await.is_none(), "a place is free again");
}

#[tokio::test]
async fn first_keys_are_awaited_by_4096_requests() {
    // FR-A7: at a cold start, most callers name the issuer's one key.
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    let token = local.mint().sign();
    // However long it takes to begin them all, they have 2 s.
    tokio::time::pause();
    let mut waiting: Vec<_> = (0..4_096).map(|_| Box::pin(verifier.verify_or_refresh(&token))).collect();
    for caller in &mut waiting {
        assert!(poll_once(caller).await.is_none());
    }
    let one_more = poll_once(verifier.verify_or_refresh(&token)).await.expect("it does not wait");
    assert!(matches!(one_more, Err(Error::KeysUnavailable { .. })), "{one_more:?}");
    tokio::time::resume();
    for caller in waiting {
        assert!(caller.await.is_ok());
    }
    assert_eq!(local.jwks_fetches(), 1);
}

#[tokio::test]
async fn key_limit_holds_once_keys_have_arrived() {
    // FR-A5, FR-A7
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    let invented = token_of_unknown_key(&local, "no such key");
    let mut waiting: Vec<_> = (0..2_000).map(|_| Box::pin(verifier.verify_or_refresh(&invented))).collect();
    for caller in &mut waiting {
        assert!(poll_once(caller).await.is_none());
    }
    verifier.ready().await;
    let mut left = 0;
    for caller in &mut waiting {
        // Tokio's budget for one task would leave the later ones pending.
        match poll_once(tokio::task::unconstrained(caller)).await {
            None => left += 1,
            Some(result) => assert!(matches!(result, Err(Error::UnknownKey { .. })), "{result:?}"),
        }
    }
    assert_eq!(left, 1_024);
}

#[tokio::test]
async fn slow_issuer_delays_request_two_seconds_at_most() {
    // W3
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Drip);
    let token = token_of_unknown_key(&local, "no such key");
    tokio::time::pause();
    let asked = tokio::time::Instant::now();
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    assert!(asked.elapsed() < Duration::from_millis(2_100), "{:?}", asked.elapsed());
    // FR-A5: a period later, the issuer may have published it.
    tokio::time::advance(Duration::from_secs(600)).await;
    let asked = tokio::time::Instant::now();
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    let Error::KeysUnavailable { retry_after, .. } = error else { panic!("{error}") };
    assert_eq!(
        retry_after,
        Duration::from_secs(1),
        "the fetch is under way, and the next regular one far off"
    );
    assert!(asked.elapsed() < Duration::from_millis(2_100), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn canceled_request_does_not_affect_others() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.rotate();
    let token = local.mint().sign();
    for _ in 0..2_000 {
        // The request begins, and is dropped while it waits.
        let waits = verifier.verify_or_refresh(&token);
        assert!(poll_once(waits).await.is_none());
    }
    assert!(verifier.verify_or_refresh(&token).await.is_ok(), "and no place among the waiting is lost");
    assert_eq!(local.jwks_fetches(), 2);
}
