//! For how long does the result of a resolver count?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use scopegate::{ConfigError, Error, Issuer, Issuers, Verifier};
use testkit::poll_once;
use tokio::time::{Instant, advance, sleep};

use super::fixture::{Behavior, Tenants, accepts, issuer, key, status, tenant, token};

const SECOND: Duration = Duration::from_secs(1);

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
    // The wait goes on with a second call, which begins at once.
    let forgotten = Instant::now();
    let error = waits.await.unwrap_err();
    assert!(matches!(error, Error::UnknownIssuer { .. }), "{error}");
    assert_eq!(forgotten.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn trust_during_a_call_ends_its_wait() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.set(&a, Behavior::Hangs);
    let verifier = tenants.verifier();
    let token = token(&a);
    let mut waits = Box::pin(verifier.verify_or_refresh(&token));
    assert!(poll_once(&mut waits).await.is_none());
    sleep(SECOND).await;
    assert_eq!((tenants.calls(), poll_once(&mut waits).await.is_none()), (1, true));
    let began = Instant::now();
    verifier.trust(issuer(&a)).unwrap();
    assert!(waits.await.is_ok());
    assert_eq!((began.elapsed(), tenants.calls()), (Duration::ZERO, 1));
}

#[tokio::test(start_paused = true)]
async fn distrust_during_a_call_does_not_prolong_its_wait() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.set(&a, Behavior::Hangs);
    let (verifier, token, began) = (tenants.verifier(), token(&a), Instant::now());
    let mut waits = Box::pin(verifier.verify_or_refresh(&token));
    for _ in 0..3 {
        assert!(poll_once(&mut waits).await.is_none());
        sleep(SECOND / 2).await;
        verifier.distrust(&a).unwrap();
    }
    let error = waits.await.unwrap_err();
    assert!(matches!(error, Error::IssuerUnavailable { .. }), "{error}");
    assert_eq!((began.elapsed().as_secs(), tenants.calls()), (2, 4));
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
async fn removed_tenant_ends_within_its_lifetime() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await);
    let token = token(&a);
    tenants.remove(&a);
    let began = Instant::now();
    while verifier.verify(&token).is_ok() {
        assert!(began.elapsed() <= Duration::from_secs(600));
        sleep(5 * SECOND).await;
    }
    assert!(began.elapsed() > Duration::from_secs(400), "{:?}", began.elapsed());
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownIssuer { .. })));
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
