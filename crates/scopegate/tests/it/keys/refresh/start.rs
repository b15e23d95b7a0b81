//! When are keys available: at the start, from a static JWKS, or after the first successful fetch?

use std::time::Duration;

use scopegate::{Error, Issuer, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{LOCAL_CLIENT, builder_trusting};

use crate::keys::refresh::fixture::token_of_unknown_key;

#[tokio::test]
async fn keys_are_fetched_once_at_start() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    for _ in 0..100 {
        assert!(verifier.verify(local.mint().sign()).is_ok());
    }
    assert_eq!(local.jwks_fetches(), 1);
}

#[tokio::test]
async fn static_keys_are_ready_and_never_fetched() {
    let local = LocalIssuer::start().await.unwrap();
    let given = Issuer::from_jwks(local.issuer(), &local.default_pool().jwks()).unwrap().client(LOCAL_CLIENT);
    let verifier = Verifier::builder().trust(given).build().unwrap();
    verifier.ready().await;
    assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
    let error = verifier.verify_or_refresh(&token_of_unknown_key(&local, "no such key")).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    let status = verifier.status();
    assert!(status.is_ready());
    assert_eq!((status.issuers()[0].key_ids.len(), status.issuers()[0].next_fetch_in), (2, None));
    assert_eq!(local.jwks_fetches(), 0);
}

#[tokio::test]
async fn verifier_started_before_its_issuer_becomes_ready() {
    // B25
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(503));
    let verifier = builder_trusting(&local).start_lazy().unwrap();
    let token = local.mint().sign();
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
    while verifier.status().issuers()[0].fetches_failed == 0 {
        tokio::task::yield_now().await;
    }
    let status = verifier.status();
    assert!(!status.is_ready());
    assert_eq!(status.issuers()[0].last_failure.as_deref(), Some("expected status 200, found 503"));
    assert_eq!((status.issuers()[0].fetched_at, status.issuers()[0].key_ids.len()), (None, 0));

    local.clear_fault();
    verifier.ready().await;
    assert!(verifier.verify(&token).is_ok());
    let status = verifier.status();
    let issuer = &status.issuers()[0];
    assert!(status.is_ready() && issuer.usable);
    assert_eq!((issuer.issuer.as_str(), issuer.last_failure.as_deref()), (local.issuer(), None));
    assert!(issuer.key_ids.contains(&local.default_pool().signing_key().kid().to_owned()));
    assert!(issuer.age.unwrap() < Duration::from_secs(60) && issuer.fetched_at.is_some());
    assert!(issuer.next_fetch_in.unwrap() > Duration::from_secs(420));
    assert_eq!(issuer.fetches_succeeded, 1);
    assert!(issuer.fetches_failed >= 1);
}
