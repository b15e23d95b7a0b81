//! Which of several resolvers decides about an issuer?

use std::time::Duration;

use scopegate::{Error, Issuer, Verifier};
use testkit::jwks;

use super::fixture::{Behavior, Tenants, accepts, key, status, tenant, token};

/// Two lists of tenants, each with a resolver, in this order.
fn two() -> (Tenants, Tenants, Verifier) {
    let (first, second) = (Tenants::default(), Tenants::default());
    let builder = Verifier::builder().trust_dynamic(first.issuers()).trust_dynamic(second.issuers());
    let verifier = builder.start_lazy().unwrap();
    (first, second, verifier)
}

#[tokio::test]
async fn later_resolver_is_asked_if_the_first_rejects_a_name() {
    let (first, second, verifier) = two();
    let (a, b) = (tenant("a"), tenant("b"));
    first.sign_up(&a);
    second.sign_up(&b);
    // Within one request.
    assert!(accepts(&verifier, &a).await && accepts(&verifier, &b).await);
    assert!(verifier.verify(token(&a)).is_ok() && verifier.verify(token(&b)).is_ok());
    assert_eq!((first.calls(), second.calls()), (2, 1));
    let sum = status(&verifier);
    assert_eq!((sum.live_issuers, sum.calls, sum.failed_calls), (2, 3, 0));
    for _ in 0..2 {
        let error = verifier.verify_or_refresh(token(&tenant("c"))).await.unwrap_err();
        assert!(matches!(error, Error::UnknownIssuer { .. }), "{error}");
    }
    assert_eq!((first.calls(), second.calls()), (3, 2));
}

#[tokio::test]
async fn first_resolver_with_an_issuer_wins() {
    let (first, second, verifier) = two();
    let a = tenant("a");
    let other = Issuer::from_jwks(&a, &jwks([key().jwk()])).unwrap().client("another");
    first.set(&a, Behavior::Returns(Box::new(other)));
    second.sign_up(&a);
    let error = verifier.verify_or_refresh(token(&a)).await.unwrap_err();
    assert!(matches!(error, Error::WrongClient { .. }), "{error}");
    assert_eq!((first.calls(), second.calls()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn first_resolver_that_fails_is_503() {
    let (first, second, verifier) = two();
    let a = tenant("a");
    second.sign_up(&a);
    for behavior in [Behavior::Fails, Behavior::Hangs, Behavior::Panics] {
        first.set(&a, behavior);
        let error = verifier.verify_or_refresh(token(&a)).await.unwrap_err();
        assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    assert_eq!((first.calls(), second.calls()), (3, 0));
    first.remove(&a);
    assert!(accepts(&verifier, &a).await);
    assert_eq!((first.calls(), second.calls()), (4, 1));
}

#[tokio::test(start_paused = true)]
async fn requests_wait_two_seconds_for_all_resolvers() {
    let (first, second, verifier) = two();
    second.sign_up(&tenant("a"));
    first.delay(1_500);
    second.delay(1_500);
    let began = tokio::time::Instant::now();
    let error = verifier.verify_or_refresh(token(&tenant("a"))).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert_eq!(began.elapsed(), Duration::from_secs(2));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(verifier.verify(token(&tenant("a"))).is_ok());
}

#[tokio::test]
async fn distrusted_name_is_forgotten_by_each_resolver() {
    let (first, second, verifier) = two();
    let a = tenant("a");
    second.sign_up(&a);
    assert!(accepts(&verifier, &a).await);
    second.remove(&a);
    assert!(verifier.distrust(&a).unwrap());
    assert!(!accepts(&verifier, &a).await);
    assert_eq!((first.calls(), second.calls()), (2, 2));
    first.sign_up(&a);
    assert!(!verifier.distrust(&a).unwrap(), "it was unknown");
    assert!(accepts(&verifier, &a).await);
    assert_eq!((first.calls(), second.calls()), (3, 2));
}
