//! What if a resolver fails, hangs or panics?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use scopegate::{Error, Issuer, Issuers, Verifier};
use testkit::Log;
use tokio::time::{Instant, sleep};
use tracing_subscriber::filter::LevelFilter;

use super::fixture::{Behavior, Tenants, accepts, issuer, status, tenant, token};

const SECOND: Duration = Duration::from_secs(1);

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
    let began = Instant::now();
    let error = verifier.verify_or_refresh(token(&a)).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { retry_after: SECOND, .. }), "{error}");
    assert_eq!(began.elapsed().as_secs(), 2);
    // The call goes on.
    sleep(2 * SECOND).await;
    assert!(verifier.verify(token(&a)).is_ok());
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

/// An error of a resolver, whose text cannot be made.
#[derive(Debug)]
struct Unprintable;

impl std::fmt::Display for Unprintable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("a mistake in the error")
    }
}

impl std::error::Error for Unprintable {}

#[tokio::test(start_paused = true)]
async fn panic_of_the_error_is_logged_as_one() {
    let log = Log::of_thread(LevelFilter::WARN);
    let failing = Issuers::resolver(|_| std::future::ready(Err::<Option<Issuer>, _>(Unprintable)));
    let verifier = Verifier::builder().trust_dynamic(failing).start_lazy().unwrap();
    let error = verifier.verify_or_refresh(token(&tenant("a"))).await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert_eq!(status(&verifier).failed_calls, 1);
    let text = log.take();
    assert!(text.contains("the resolver has panicked") && text.contains("a mistake in the error"), "{text}");
}
