//! The whole way: a local issuer, its fetched keys and its status list.

use std::time::Duration;

use scopegate::{Error, Issuer, StatusList, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{LOCAL_CLIENT, pass};

fn issuer(local: &LocalIssuer) -> Issuer {
    Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT).status_list(StatusList::required())
}

#[tokio::test]
async fn changed_status_rejects_cached_token_after_refresh() {
    // SL08, SL17
    let local = LocalIssuer::start().await.unwrap();
    let verifier = Verifier::builder().trust(issuer(&local)).start().await.unwrap();
    let (token, other) = (local.mint().status_index(7).sign(), local.mint().status_index(8).sign());
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    assert!(verifier.verify(&other).is_ok() && verifier.verify(&token).is_ok());
    local.set_status(7, 2);
    assert!(verifier.verify(&token).is_ok());
    pass(Duration::from_secs(265)).await;
    while verifier.verify(&token).is_ok() {
        tokio::task::yield_now().await;
    }
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::InvalidStatus { found: Some(2), index: 7, .. }), "{error:?}");
    assert!(verifier.verify(&other).is_ok());
    assert_eq!(local.status_list_fetches(), 2);
    let status = verifier.status();
    let list = &status.issuers()[0].status_lists[0];
    assert_eq!((list.url.as_str(), list.usable, list.bytes), (&*local.status_list_uri(), true, 1_024));
    assert!(list.fetched_at.is_some() && list.last_failure.is_none());
}

#[tokio::test]
async fn list_signed_with_new_key_waits_for_the_key() {
    // SL08
    let local = LocalIssuer::start().await.unwrap();
    let verifier = Verifier::builder().trust(issuer(&local)).start().await.unwrap();
    let token = local.mint().status_index(7).sign();
    local.rotate();
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    assert_eq!((local.jwks_fetches(), local.status_list_fetches()), (2, 1));
}

#[tokio::test]
async fn first_token_waits_for_keys_and_list() {
    // SL15
    let local = LocalIssuer::start().await.unwrap();
    let verifier = Verifier::builder().trust(issuer(&local)).start_lazy().unwrap();
    let token = local.mint().status_index(7).sign();
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    local.set_fault(Fault::Status(500));
    let without_keys = Verifier::builder().trust(issuer(&local)).start_lazy().unwrap();
    let error = without_keys.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::KeysUnavailable { .. }), "{error:?}");
    assert_eq!(local.status_list_fetches(), 1);
}
