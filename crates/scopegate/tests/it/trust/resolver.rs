//! Whom does a resolver make the verifier trust?

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use scopegate::{ConfigError, Error, Issuer, Verifier};
use scopegate_issuer::{LocalIssuer, Mint};
use testkit::{CLIENT, LOCAL_CLIENT};

use super::fixture::{Behavior, Tenants, accepts, issuer, key, status, tenant, token};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3_600);

#[tokio::test]
async fn tenant_is_trusted_by_its_first_token() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    // It does not wait, and another call is not needed.
    let error = verifier.verify(token(&a)).unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert_eq!((error.kind().status(), error.kind().as_str()), (503, "issuer_unavailable"));
    for _ in 0..3 {
        assert!(accepts(&verifier, &a).await);
    }
    assert!(verifier.verify(token(&a)).is_ok());
    let error = verifier.verify_or_refresh(token(&tenant("b"))).await.unwrap_err();
    assert!(matches!(error, Error::UnknownIssuer { .. }), "{error}");
    assert!(matches!(verifier.verify(token(&tenant("b"))), Err(Error::UnknownIssuer { .. })));
    assert_eq!(tenants.calls(), 2);
    let status = status(&verifier);
    assert_eq!((status.live_issuers, status.calls, status.failed_calls), (1, 2, 0));
    assert!(verifier.issuer_status(&a).unwrap().usable);
    assert!(verifier.issuer_status(&tenant("b")).is_none());
    assert_eq!((verifier.issuers().count(), verifier.status().issuers().len()), (0, 0));
}

#[tokio::test]
async fn thousand_requests_share_one_call() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    tenants.delay(50);
    let (verifier, token) = (tenants.verifier(), Arc::<str>::from(token(&a)));
    let callers: Vec<_> = (0..1_000)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), Arc::clone(&token));
            tokio::spawn(async move { verifier.verify_or_refresh(&*token).await.is_ok() })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap());
    }
    assert_eq!(tenants.calls(), 1);
}

#[tokio::test]
async fn name_is_compared_character_by_character() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    // A resolver that reads a part of the name only.
    for name in [&a, &format!("{a}/"), &a.to_uppercase(), &format!("{a}?x")] {
        tenants.set(name, Behavior::Returns(Box::new(issuer(&a))));
    }
    let verifier = tenants.verifier();
    for (name, trusted) in [(a.clone(), true), (format!("{a}/"), false), (a.to_uppercase(), false)] {
        let result = verifier.verify_or_refresh(token(&name)).await;
        assert_eq!(result.is_ok(), trusted, "{name}");
        assert!(trusted || matches!(result, Err(Error::UnknownIssuer { .. })));
    }
}

#[tokio::test]
async fn token_that_cannot_be_valid_causes_no_call() {
    let tenants = Tenants::default();
    let filtered = tenants.issuers().filter(|iss| iss.starts_with("https://tenants.example/"));
    let verifier = Verifier::builder().trust_dynamic(filtered).start_lazy().unwrap();
    let mint = |name: &str| Mint::cognito(name, CLIENT).without_claim("token_use");
    let good = token(&tenant("a"));
    for token in [
        mint(&tenant("a")).expired().sign_with(key()),
        mint(&tenant("a")).without_claim("exp").sign_with(key()),
        mint(&tenant("a")).without_claim("iss").sign_with(key()),
        mint(&tenant("a")).claim("iss", 7).sign_with(key()),
        mint(&tenant("a")).alg("none").sign_with(key()),
        mint("https://elsewhere.example/a").sign_with(key()),
        mint("").sign_with(key()),
        mint(&tenant("x".repeat(2_100))).sign_with(key()),
        mint(&tenant("a\nb")).sign_with(key()),
        format!("{good}.x"),
    ] {
        let error = verifier.verify_or_refresh(&token).await.unwrap_err();
        assert_eq!((error.kind().status(), tenants.calls()), (401, 0), "{error}");
    }
    assert!(verifier.verify_or_refresh(&good).await.is_err());
    assert_eq!(tenants.calls(), 1);
}

#[tokio::test]
async fn configured_issuer_wins_over_the_resolver() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await);
    let other = Issuer::from_jwks(&a, &testkit::jwks([key().jwk()])).unwrap().client("another");
    verifier.trust(other).unwrap();
    assert!(matches!(verifier.verify(token(&a)), Err(Error::WrongClient { .. })));
    assert!(verifier.distrust(&a).unwrap());
    assert!(accepts(&verifier, &a).await, "the resolver knows it");
}

#[tokio::test]
async fn name_configured_during_its_call_is_not_resolved() {
    // The filter runs after the look-up of the token's issuer, and before the call.
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = Arc::new(OnceLock::<Verifier>::new());
    let (own, name) = (Arc::clone(&verifier), a.clone());
    let filtered = tenants.issuers().filter(move |_| own.get().unwrap().trust(issuer(&name)).is_ok());
    verifier.set(Verifier::builder().trust_dynamic(filtered).start_lazy().unwrap()).unwrap();
    let verifier = verifier.get().unwrap();
    assert!(verifier.verify_or_refresh(token(&a)).await.is_ok());
    assert_eq!((tenants.calls(), status(verifier).live_issuers), (1, 0));
    assert_eq!(verifier.issuers().collect::<Vec<_>>(), [a]);
}

#[tokio::test]
async fn first_token_waits_for_resolver_and_keys() {
    let local = LocalIssuer::start().await.unwrap();
    let tenants = Tenants::default();
    let pool = Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT);
    tenants.set(local.issuer(), Behavior::Returns(Box::new(pool)));
    tenants.delay(20);
    let verifier = tenants.verifier();
    assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());
    let wrong_client = local.mint().client("local-writer").sign();
    assert!(matches!(verifier.verify_or_refresh(wrong_client).await, Err(Error::WrongClient { .. })));
    assert_eq!((tenants.calls(), local.jwks_fetches()), (1, 1));
}

#[test]
fn settings_outside_their_range_are_config_errors() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _entered = runtime.enter();
    let start = |issuers| Verifier::builder().trust_dynamic(issuers).start_lazy();
    let issuers = || Tenants::default().issuers();
    let over = DAY + SECOND;
    for (out, within) in [
        (issuers().max_issuers(0), issuers().max_issuers(1)),
        (issuers().max_issuers(100_001), issuers().max_issuers(100_000)),
        (issuers().max_calls(0), issuers().max_calls(1)),
        (issuers().max_calls(1_025), issuers().max_calls(1_024)),
        (issuers().lifetime(over), issuers().lifetime(DAY)),
        (issuers().lifetime(SECOND / 2), issuers().lifetime(SECOND)),
        (issuers().unknown_lifetime(SECOND * 3_601), issuers().unknown_lifetime(SECOND * 3_600)),
        (issuers().timeout(SECOND * 31), issuers().timeout(SECOND * 30)),
        (issuers().timeout(SECOND / 11), issuers().timeout(SECOND / 10)),
    ] {
        assert!(matches!(start(out), Err(ConfigError::OutOfRange { .. })));
        assert!(start(within).is_ok());
    }
}

#[test]
fn resolver_without_runtime_is_a_config_error() {
    let builder = || Verifier::builder().trust_dynamic(Tenants::default().issuers());
    assert!(matches!(builder().start_lazy(), Err(ConfigError::NoRuntime)));
    assert!(matches!(builder().build(), Err(ConfigError::NoRuntime)));
    assert!(matches!(Verifier::builder().build(), Err(ConfigError::NoIssuer)));
}
