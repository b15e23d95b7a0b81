//! What do issuers whose resolver fails or hangs cost the other ones?

use std::time::Duration;

use scopegate::{Error, Verifier};
use tokio::time::{Instant, sleep};

use super::fixture::{Behavior, Tenants, accepts, status, tenant, token};

const SECOND: Duration = Duration::from_secs(1);

async fn with_one_call_at_a_time(tenants: &Tenants) -> Verifier {
    let issuers = tenants.issuers().max_calls(1).timeout(30 * SECOND);
    Verifier::builder().trust_dynamic(issuers).start().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn hanging_renewals_do_not_stop_other_issuers() {
    let tenants = Tenants::default();
    let hanging: Vec<String> = (0..40).map(|n| tenant(format_args!("hangs-{n}"))).collect();
    let healthy = tenant("healthy");
    tenants.sign_up(&healthy);
    for name in &hanging {
        tenants.sign_up(name);
    }
    let verifier = with_one_call_at_a_time(&tenants).await;
    for name in hanging.iter().chain([&healthy]) {
        assert!(accepts(&verifier, name).await);
    }
    for name in &hanging {
        tenants.set(name, Behavior::Hangs);
    }
    // Each hanging renewal holds the only permit for 30 s, so 40 of them outlive the lifetime.
    let token = token(&healthy);
    for _ in 0..360 {
        let began = Instant::now();
        assert!(verifier.verify_or_refresh(&token).await.is_ok(), "{:?}", status(&verifier));
        assert!(began.elapsed() < SECOND);
        sleep(5 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn names_that_failed_do_not_delay_new_tenants() {
    let tenants = Tenants::default();
    let hanging: Vec<String> = (0..5).map(|n| tenant(format_args!("hangs-{n}"))).collect();
    for name in &hanging {
        tenants.set(name, Behavior::Hangs);
    }
    let verifier = with_one_call_at_a_time(&tenants).await;
    let name_all = || assert!(hanging.iter().all(|name| verifier.verify(token(name)).is_err()));
    name_all();
    // Each has failed once.
    sleep(151 * SECOND).await;
    assert_eq!(status(&verifier).failed_calls, 5);
    sleep(60 * SECOND).await;
    name_all();
    assert_eq!(status(&verifier).pending_calls, 5);
    tenants.sign_up(&tenant("new"));
    assert!(accepts(&verifier, &tenant("new")).await);
    // They are called still.
    sleep(151 * SECOND).await;
    assert_eq!(status(&verifier).failed_calls, 10);
}

#[tokio::test(start_paused = true)]
async fn pause_grows_while_a_name_fails() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.set(&a, Behavior::Fails);
    let verifier = tenants.verifier();
    let (token, mut longest) = (token(&a), Duration::ZERO);
    let began = Instant::now();
    while began.elapsed() < 120 * SECOND {
        match verifier.verify_or_refresh(&token).await {
            Err(Error::IssuerUnavailable { retry_after, .. }) => longest = longest.max(retry_after),
            other => panic!("{other:?}"),
        }
        sleep(SECOND / 2).await;
    }
    // After 2, 4, 8, 16, 30 and 30 s.
    assert_eq!((tenants.calls(), longest), (7, 30 * SECOND));
    // A success begins anew.
    tenants.sign_up(&a);
    sleep(30 * SECOND).await;
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    tenants.set(&a, Behavior::Fails);
    verifier.distrust(&a).unwrap();
    let before = tenants.calls();
    for _ in 0..5 {
        assert!(verifier.verify_or_refresh(&token).await.is_err());
        sleep(SECOND / 2).await;
    }
    assert_eq!(tenants.calls(), before + 2);
}

#[tokio::test(start_paused = true)]
async fn renewals_that_fail_back_off() {
    let (tenants, a) = (Tenants::default(), tenant("a"));
    tenants.sign_up(&a);
    let verifier = tenants.verifier();
    assert!(accepts(&verifier, &a).await);
    tenants.set(&a, Behavior::Fails);
    // It is live until the 600th second, and its use is read every 15 s.
    sleep(599 * SECOND).await;
    assert!(verifier.verify(token(&a)).is_ok());
    let failed = status(&verifier).failed_calls;
    assert!((3..=4).contains(&failed), "{failed}");
}
