//! Whom does a resolver make the verifier trust, when, and for how long?

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use scopegate::{ConfigError, Error, Issuer, Issuers, Verifier};
use scopegate_issuer::{LocalIssuer, Mint};
use testkit::{CLIENT, LOCAL_CLIENT, poll_once};
use tokio::time::{advance, sleep};

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

#[tokio::test(start_paused = true)]
async fn failing_resolver_is_503_for_its_issuers_only() {
    let tenants = Tenants::default();
    tenants.sign_up(&tenant("ok"));
    for (name, behavior) in
        [("fails", Behavior::Fails), ("hangs", Behavior::Hangs), ("panics", Behavior::Panics)]
    {
        tenants.set(&tenant(name), behavior);
    }
    let builder = Verifier::builder().trust(issuer(&tenant("configured")));
    let verifier = builder.trust_dynamic(tenants.issuers()).start().await.unwrap();
    for name in ["fails", "panics", "hangs"] {
        let before = tenants.calls();
        for _ in 0..3 {
            let error = verifier.verify_or_refresh(token(&tenant(name))).await.unwrap_err();
            assert!(matches!(error, Error::IssuerUnavailable { .. }), "{name}: {error}");
            assert!(error.to_string().contains(name) && !error.to_string().contains("database"));
        }
        // Once, until the pause is over.
        assert_eq!(tenants.calls(), before + 1, "{name}");
        for name in ["ok", "configured"] {
            assert!(accepts(&verifier, &tenant(name)).await);
        }
    }
    sleep(8 * SECOND).await;
    assert_eq!(status(&verifier).failed_calls, 3);
    for name in ["fails", "panics", "hangs"] {
        tenants.sign_up(&tenant(name));
        assert!(accepts(&verifier, &tenant(name)).await, "{name}");
    }
}

#[tokio::test]
async fn panic_of_the_filter_is_503_for_this_name() {
    let tenants = Tenants::default();
    tenants.sign_up(&tenant("a"));
    let filtered = tenants.issuers().filter(|iss| !iss.ends_with('b') || panic!("a mistake"));
    let verifier = Verifier::builder().trust_dynamic(filtered).start_lazy().unwrap();
    let error = verifier.verify_or_refresh(token(&tenant("b"))).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert!(accepts(&verifier, &tenant("a")).await);
}

#[tokio::test(start_paused = true)]
async fn slow_resolver_delays_request_two_seconds_at_most() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    tenants.delay(3_000);
    let verifier = tenants.verifier();
    let began = tokio::time::Instant::now();
    let error = verifier.verify_or_refresh(token(&a)).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { retry_after: SECOND, .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 2);
    // The call goes on.
    sleep(2 * SECOND).await;
    assert!(verifier.verify(token(&a)).is_ok());
}

#[tokio::test(start_paused = true)]
async fn unknown_name_is_asked_for_again_after_a_minute() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    let verifier = tenants.verifier();
    assert!(!accepts(&verifier, &a).await);
    tenants.sign_up(&a);
    advance(59 * SECOND).await;
    assert!(!accepts(&verifier, &a).await);
    advance(SECOND).await;
    assert!(accepts(&verifier, &a).await);
    assert_eq!(tenants.calls(), 2);
}

#[tokio::test]
async fn sign_up_can_forget_that_a_name_was_unknown() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    let verifier = tenants.verifier();
    assert!(!accepts(&verifier, &a).await);
    tenants.sign_up(&a);
    assert!(!accepts(&verifier, &a).await);
    assert!(!verifier.distrust(&a).unwrap(), "it was not trusted");
    assert!(accepts(&verifier, &a).await);
}

#[tokio::test]
async fn blocked_tenant_is_rejected_at_once() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await && verifier.verify(token(&a)).is_ok());
    tenants.remove(&a);
    assert!(verifier.verify(token(&a)).is_ok());
    assert!(verifier.distrust(&a).unwrap());
    let cached = token(&a);
    assert!(!accepts(&verifier, &a).await);
    assert!(matches!(verifier.verify(cached), Err(Error::UnknownIssuer { .. })));
}

#[tokio::test(start_paused = true)]
async fn answer_from_before_a_block_does_not_count() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.set(&a, Behavior::Returns(Box::new(issuer(&a))));
    let started = Arc::new(AtomicBool::new(false));
    let begun = Arc::clone(&started);
    // Reads first and takes its time then.
    let slow = Issuers::resolver(move |iss| {
        let found = (!begun.swap(true, Ordering::Relaxed)).then(|| issuer(iss));
        async move {
            sleep(SECOND).await;
            Ok::<_, ConfigError>(found)
        }
    });
    let verifier = Verifier::builder().trust_dynamic(slow).start_lazy().unwrap();
    let token = token(&a);
    let mut waits = Box::pin(verifier.verify_or_refresh(&token));
    assert!(poll_once(&mut waits).await.is_none());
    tokio::task::yield_now().await;
    assert!(started.load(Ordering::Relaxed));
    verifier.distrust(&a).unwrap();
    let error = waits.await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    sleep(SECOND).await;
    assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::UnknownIssuer { .. })));
}

#[tokio::test(start_paused = true)]
async fn issuer_in_use_is_renewed_without_a_wait() {
    let tenants = Tenants::default();
    let (busy, idle) = (tenant("busy"), tenant("idle"));
    tenants.sign_up(&busy);
    tenants.sign_up(&idle);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &busy).await && accepts(&verifier, &idle).await);
    let (of_busy, of_idle) = (token(&busy), token(&idle));
    for _ in 0..120 {
        assert!(verifier.verify(&of_busy).is_ok());
        sleep(15 * SECOND).await;
    }
    // In half an hour each answer was used for 7 to 9 minutes.
    assert!((5..=7).contains(&tenants.calls()), "{}", tenants.calls());
    assert_eq!(status(&verifier).live_issuers, 1);
    let error = verifier.verify(&of_idle).unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert!(accepts(&verifier, &idle).await);
}

#[tokio::test(start_paused = true)]
async fn panic_of_the_clock_does_not_end_renewals() {
    // Each second reading of a minute in which the issuer is renewed.
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let (armed, readings) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let panics = Arc::clone(&armed);
    let clock = move || {
        if panics.load(Ordering::Relaxed) {
            assert!(readings.fetch_add(1, Ordering::Relaxed) % 2 == 0, "a broken clock");
        }
        SystemTime::now()
    };
    let verifier = Verifier::builder().clock(clock).trust_dynamic(tenants.issuers()).start_lazy().unwrap();
    assert!(accepts(&verifier, &a).await);
    let token = token(&a);
    sleep(Duration::from_secs(400)).await;
    armed.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(90)).await;
    armed.store(false, Ordering::Relaxed);
    sleep(Duration::from_secs(300)).await;
    assert!(verifier.verify(&token).is_ok(), "{:?}", status(&verifier));
    assert!(tenants.calls() >= 2);
}

#[tokio::test(start_paused = true)]
async fn removed_tenant_ends_within_its_lifetime() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await);
    let token = token(&a);
    tenants.remove(&a);
    let began = tokio::time::Instant::now();
    while verifier.verify(&token).is_ok() {
        assert!(began.elapsed() <= Duration::from_secs(600));
        sleep(5 * SECOND).await;
    }
    assert!(began.elapsed() > Duration::from_secs(400), "{:?}", began.elapsed());
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownIssuer { .. })));
}

#[tokio::test(start_paused = true)]
async fn tenants_are_served_while_the_resolver_fails_for_minutes() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await);
    let token = token(&a);
    sleep(Duration::from_secs(400)).await;
    assert!(verifier.verify(&token).is_ok());
    tenants.set(&a, Behavior::Fails);
    // The rest of the lifetime, and then its tokens are undecided.
    sleep(Duration::from_secs(180)).await;
    assert!(verifier.verify(&token).is_ok() && status(&verifier).failed_calls > 1);
    sleep(Duration::from_secs(40)).await;
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    tenants.sign_up(&a);
    sleep(2 * SECOND).await;
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
}

#[tokio::test]
async fn lifetime_ends_by_the_wall_clock_too() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let ahead = Arc::new(AtomicBool::new(false));
    let clock = Arc::clone(&ahead);
    let clock = move || {
        let ahead = if clock.load(Ordering::Relaxed) { Duration::from_secs(601) } else { Duration::ZERO };
        SystemTime::now() + ahead
    };
    let verifier = Verifier::builder().clock(clock).trust_dynamic(tenants.issuers()).start_lazy().unwrap();
    assert!(accepts(&verifier, &a).await && accepts(&verifier, &a).await);
    tenants.remove(&a);
    ahead.store(true, Ordering::Relaxed);
    assert!(!accepts(&verifier, &a).await);
    assert_eq!(tenants.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn changed_rules_of_tenant_replace_its_rules() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await);
    let token = token(&a);
    let address = || verifier.verify(&token).map(|claims| claims.client_id().unwrap().as_ptr());
    let cached = address().unwrap();
    sleep(Duration::from_secs(560)).await;
    assert_eq!((tenants.calls(), address().unwrap()), (2, cached), "the same rules");
    let other = Issuer::from_jwks(&a, &testkit::jwks([key().jwk()])).unwrap().client("another");
    tenants.set(&a, Behavior::Returns(Box::new(other)));
    sleep(Duration::from_secs(560)).await;
    assert!(matches!(address(), Err(Error::WrongClient { .. })));
}

#[tokio::test]
async fn invalid_issuer_of_resolver_is_503() {
    let tenants = Tenants::default();
    let set = |name: &str, issuer: Issuer| tenants.set(&tenant(name), Behavior::Returns(Box::new(issuer)));
    set("leeway", issuer(&tenant("leeway")).leeway(Duration::from_secs(999)));
    set("unnamed", issuer(&tenant("unnamed")).allow_missing_iss());
    let verifier = tenants.verifier();
    for name in ["leeway", "unnamed"] {
        let error = verifier.verify_or_refresh(token(&tenant(name))).await.unwrap_err();
        assert!(matches!(error, Error::IssuerUnavailable { .. }), "{name}: {error}");
    }
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

#[test]
fn end_of_the_runtime_ends_the_wait() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.set(&a, Behavior::Hangs);
    let verifier = runtime.block_on(async { tenants.verifier() });
    assert!(matches!(verifier.verify(token(&a)), Err(Error::IssuerUnavailable { .. })));
    runtime.shutdown_timeout(10 * SECOND);
    let other = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let began = std::time::Instant::now();
    for name in [&a, &tenant("b")] {
        let error = other.block_on(verifier.verify_or_refresh(token(name))).unwrap_err();
        assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    }
    assert!(began.elapsed() < SECOND);
}
