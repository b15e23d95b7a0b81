//! How do keys get there, how do they change, and how often are they asked for? Over real sockets, against
//! the local issuer.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic is the test's failure"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scopegate::{Error, Issuer, Verifier, VerifierBuilder};
use scopegate_issuer::{Fault, LocalIssuer};

const CLIENT: &str = "local-reader";

fn trusting(local: &LocalIssuer) -> VerifierBuilder {
    Verifier::builder().trust(Issuer::cognito_at(local.issuer()).unwrap().client(CLIENT))
}

/// A token that names a key that does not exist.
fn of_no_key(local: &LocalIssuer, kid: &str) -> String {
    local.mint().header("kid", kid).sign()
}

#[tokio::test]
async fn keys_are_fetched_at_the_start_and_not_for_each_token() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    for _ in 0..100 {
        assert!(verifier.verify(&local.mint().sign()).is_ok());
    }
    assert_eq!(local.jwks_fetches(), 1);
}

#[tokio::test]
async fn a_new_key_is_fetched_when_a_token_first_names_it() {
    // B15
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let before = local.mint().sign();
    local.rotate();
    let after = local.mint().sign();
    assert!(matches!(verifier.verify(&after), Err(Error::UnknownKey { .. })));
    assert!(verifier.verify_or_refresh(&after).await.is_ok());
    assert!(verifier.verify(&before).is_ok(), "the old key is still published");
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_after_the_next_fetch() {
    // B19, W5
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let before = local.mint().sign();
    local.rotate_without_overlap();
    assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
    assert!(matches!(verifier.verify(&before), Err(Error::UnknownKey { .. })));
}

#[tokio::test]
async fn a_thousand_callers_with_a_new_key_cause_one_fetch() {
    // B16: single flight, and nobody is refused
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
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
async fn invented_key_ids_cause_one_fetch_in_each_cooldown() {
    // B16, B18, W2
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    for n in 0..200 {
        // Two at a time, like requests that come while a fetch is under way.
        let (one, other) = (of_no_key(&local, &format!("a{n}")), of_no_key(&local, &format!("b{n}")));
        let refused = tokio::join!(verifier.verify_or_refresh(&one), verifier.verify_or_refresh(&other));
        assert!(matches!(refused, (Err(Error::UnknownKey { .. }), Err(Error::UnknownKey { .. }))));
    }
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn invented_key_ids_cause_no_more_fetches_in_an_outage() {
    // B18: failed attempts count
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Status(500));
    let good = local.mint().sign();
    for n in 0..1_000 {
        let refused = verifier.verify_or_refresh(&of_no_key(&local, &format!("a{n}"))).await;
        assert!(matches!(refused, Err(Error::KeysUnavailable { .. })), "{refused:?}");
    }
    assert!(verifier.verify(&good).is_ok());
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn the_cooldown_is_30_seconds_unless_changed() {
    // B16
    for (cooldown, just_before, seconds) in [(None, 25, 30), (Some(100), 90, 100)] {
        let local = LocalIssuer::start().await.unwrap();
        let builder = trusting(&local);
        let builder = match cooldown {
            Some(cooldown) => builder.with_refresh_cooldown(Duration::from_secs(cooldown)),
            None => builder,
        };
        let verifier = builder.start().await.unwrap();
        local.rotate();
        assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
        local.rotate();
        let token = local.mint().sign();
        pass(Duration::from_secs(just_before)).await;
        assert!(matches!(verifier.verify_or_refresh(&token).await, Err(Error::UnknownKey { .. })));
        pass(Duration::from_secs(seconds - just_before)).await;
        assert!(verifier.verify_or_refresh(&token).await.is_ok());
        assert_eq!(local.jwks_fetches(), 3);
    }
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_given_up_after_5_seconds() {
    // B22
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Drip);
    let verifier = trusting(&local).start_without_keys().unwrap();
    while local.jwks_fetches() == 0 {
        tokio::task::yield_now().await;
    }
    pass(Duration::from_secs(4)).await;
    assert_eq!(verifier.status().issuers()[0].fetches_failed, 0);
    pass(Duration::from_secs(2)).await;
    while verifier.status().issuers()[0].fetches_failed == 0 {
        tokio::task::yield_now().await;
    }
    let failure = verifier.status().issuers()[0].last_failure.clone();
    assert_eq!(failure.as_deref(), Some("no complete answer within 5 s"));
}

#[tokio::test]
async fn one_invented_key_id_causes_one_fetch_more_because_it_might_be_published_late() {
    // B16
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let token = of_no_key(&local, "no such key");
    for _ in 0..200 {
        let error = verifier.verify_or_refresh(&token).await.unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    }
    assert_eq!(local.jwks_fetches(), 3);
}

#[tokio::test]
async fn a_key_that_is_published_up_to_a_second_late_refuses_nobody() {
    // B15
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    local.rotate_unpublished();
    let token = local.mint().sign();
    let publish = async {
        // It is published when the first fetch for it has come back without it.
        while verifier.status().issuers()[0].fetches_succeeded < 2 {
            tokio::task::yield_now().await;
        }
        local.publish();
    };
    let (outcome, ()) = tokio::join!(verifier.verify_or_refresh(&token), publish);
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(local.jwks_fetches(), 3);
}

#[tokio::test]
async fn bad_signatures_cause_no_fetch() {
    // B17, W1
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let forged = local.mint().bad_signature().sign();
    for _ in 0..1_000 {
        let error = verifier.verify_or_refresh(&forged).await.unwrap_err();
        assert!(matches!(error, Error::BadSignature { .. }), "{error}");
    }
    assert_eq!(local.jwks_fetches(), 1);
}

#[tokio::test]
async fn unknown_issuers_cause_no_fetch() {
    // C11
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let other = local.pool("eu-west-1_Local0002").unwrap();
    let error = verifier.verify_or_refresh(&other.mint().sign()).await.unwrap_err();
    assert!(matches!(error, Error::UnknownIssuer { .. }), "{error}");
    assert_eq!((local.jwks_fetches(), other.jwks_fetches()), (1, 0));
}

#[tokio::test]
async fn an_unknown_key_during_an_outage_is_undecided_and_known_keys_go_on() {
    // B23, D21, W7
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let good = local.mint().sign();
    local.set_fault(Fault::Status(500));
    for _ in 0..2 {
        let error = verifier.verify_or_refresh(&of_no_key(&local, "no such key")).await.unwrap_err();
        assert!(
            matches!(error, Error::KeysUnavailable { retry_after, .. } if retry_after >= Duration::from_secs(1))
        );
        assert!(verifier.verify(&good).is_ok());
    }
    assert_eq!(local.jwks_fetches(), 2, "a failed fetch counts against the cooldown");
}

#[tokio::test]
async fn a_bad_answer_never_replaces_good_keys() {
    // B22, B23
    let elsewhere = LocalIssuer::start().await.unwrap();
    let set = |keys: &[&str]| Fault::Body(format!(r#"{{"keys":[{}]}}"#, keys.join(",")));
    for fault in [
        Fault::EmptySet,
        Fault::Html,
        Fault::Truncated,
        Fault::Reset,
        Fault::Status(404),
        Fault::Oversized(10 * 1024 * 1024),
        Fault::Gzip(10 * 1024 * 1024),
        Fault::Redirect(elsewhere.jwks_uri()),
        Fault::Redirect("http://issuer.example/keys".to_owned()),
        Fault::Body("null".to_owned()),
        Fault::Body(r#"{"keys":{}}"#.to_owned()),
        Fault::Body(r#"{"keys":[{"kty":"RSA""#.to_owned()),
        // None of these is a key; and of these there are more than anybody has.
        set(&[r#"{"kty":"oct","k":"AQAB"}"#, r#"{"kty":"EC"}"#, "null"]),
        set(&vec!["{}"; 10_000]),
    ] {
        let local = LocalIssuer::start().await.unwrap();
        let verifier = trusting(&local).start().await.unwrap();
        let good = local.mint().sign();
        local.set_fault(fault.clone());
        assert!(verifier.verify_or_refresh(&of_no_key(&local, "no such key")).await.is_err());
        assert_eq!(local.jwks_fetches(), 2);
        assert!(verifier.verify(&good).is_ok(), "{fault:?}");
        assert_eq!(verifier.status().issuers()[0].fetches_failed, 1, "{fault:?}");
    }
    assert_eq!(elsewhere.jwks_fetches(), 0);
}

#[tokio::test]
async fn a_slow_issuer_holds_a_request_for_two_seconds_at_most() {
    // W3
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Drip);
    let (asked, token) = (tokio::time::Instant::now(), of_no_key(&local, "no such key"));
    tokio::time::pause();
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
async fn keys_that_expire_before_their_time_are_fetched_at_once() {
    // B24: it recovers by itself
    // The clock was wrong when the service started, and is set right.
    let local = LocalIssuer::start().await.unwrap();
    let ahead = Arc::new(AtomicU64::new(0));
    let clock = {
        let ahead = Arc::clone(&ahead);
        move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed))
    };
    let verifier = trusting(&local).with_clock(clock).start().await.unwrap();
    let token = local.mint().lifetime(7 * 86_400).sign();
    // Somebody has used up what unknown keys may cause.
    assert!(verifier.verify(&of_no_key(&local, "no such key")).is_err());
    while local.jwks_fetches() < 2 {
        tokio::task::yield_now().await;
    }
    ahead.store(2 * 86_400, Ordering::Relaxed);
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
    verifier.ready().await;
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn keys_from_a_future_that_the_clock_has_taken_back_are_fetched_at_once() {
    // B24: or they would be used until that future has come, and the stale limit with it
    for (ahead_at_start, kept) in [(2 * 86_400, false), (43_200, true)] {
        let local = LocalIssuer::start().await.unwrap();
        let ahead = Arc::new(AtomicU64::new(ahead_at_start));
        let clock = {
            let ahead = Arc::clone(&ahead);
            move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed))
        };
        let verifier = trusting(&local).with_clock(clock).start().await.unwrap();
        let token = local.mint().lifetime(7 * 86_400).sign();
        assert!(verifier.verify(&token).is_ok());
        ahead.store(0, Ordering::Relaxed);
        let result = verifier.verify(&token);
        if kept {
            assert!(result.is_ok(), "{result:?}");
        } else {
            assert!(matches!(result, Err(Error::KeysUnavailable { .. })), "{result:?}");
        }
        verifier.ready().await;
        assert!(verifier.verify(&token).is_ok());
        assert_eq!(local.jwks_fetches(), if kept { 1 } else { 2 });
    }
}

/// Lets virtual time pass while nothing else happens, and real sockets work in between.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

#[tokio::test]
async fn an_unchanged_set_is_not_sent_again() {
    // B21
    let local = LocalIssuer::start().await.unwrap();
    local.enable_etags();
    let verifier = trusting(&local).start().await.unwrap();
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
async fn an_unchanged_set_is_as_good_as_a_new_one() {
    // B21: it renews the time that the keys may be used for
    let local = LocalIssuer::start().await.unwrap();
    local.enable_etags();
    let started = tokio::time::Instant::now();
    let clock = move || SystemTime::now() + started.elapsed();
    let verifier =
        trusting(&local).with_clock(clock).with_stale_limit(Duration::from_secs(700)).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    for fetches in 2..=4 {
        pass(Duration::from_secs(400)).await;
        while verifier.status().issuers()[0].fetches_succeeded < fetches {
            tokio::task::yield_now().await;
        }
        assert!(verifier.verify(&token).is_ok());
    }
    assert_eq!(local.jwks_not_modified(), 3);
}

#[tokio::test]
async fn a_set_that_was_not_accepted_is_not_what_unchanged_refers_to() {
    let local = LocalIssuer::start().await.unwrap();
    local.enable_etags();
    local.set_fault(Fault::EmptySet);
    let verifier = trusting(&local).start_without_keys().unwrap();
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
    assert!(verifier.verify(&local.mint().sign()).is_ok());
}

#[tokio::test]
async fn the_issuers_advice_about_freshness_is_followed() {
    // B20
    let local = LocalIssuer::start().await.unwrap();
    let next = async |value, period: Option<u64>| {
        local.set_cache_control(Some(value)).unwrap();
        let builder = match period {
            Some(period) => trusting(&local).with_refresh_period(Duration::from_secs(period)),
            None => trusting(&local),
        };
        builder.start().await.unwrap().status().issuers()[0].next_fetch_in.unwrap().as_secs()
    };
    for (value, at_least, at_most) in [
        ("max-age=3600", 2_591, 3_168),
        ("max-age=300", 215, 264),
        ("max-age=0", 42, 53),
        ("max-age=1", 42, 53),
        ("no-store", 42, 53),
        ("max-age=3600, max-age=300", 215, 264),
        ("max-age=3600, no-store", 42, 53),
        ("max-age=-1", 431, 528),
        ("max-age=garbage", 431, 528),
        ("max-age=1000000000", 31_103, 38_016),
        ("public", 431, 528),
    ] {
        let seconds = next(value, None).await;
        assert!((at_least..=at_most).contains(&seconds), "{value}: {seconds}");
    }
    let seconds = next("max-age=3600", Some(100)).await;
    assert!((71..=88).contains(&seconds), "the operator has the last word: {seconds}");
}

#[tokio::test]
async fn good_keys_are_used_whatever_stands_beside_them() {
    // B02
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::UnusableAmongGood);
    let verifier = trusting(&local).start().await.unwrap();
    assert!(verifier.verify(&local.mint().sign()).is_ok());
}

#[tokio::test]
async fn redirects_and_compressed_answers_are_failures() {
    // B22
    let local = LocalIssuer::start().await.unwrap();
    let elsewhere = local.pool("eu-west-1_Local0002").unwrap();
    for fault in [Fault::Redirect(elsewhere.jwks_uri()), Fault::Gzip(64 * 1024 * 1024)] {
        local.set_fault(fault.clone());
        assert!(trusting(&local).start().await.is_err(), "{fault:?}");
    }
    assert_eq!(elsewhere.jwks_fetches(), 0);
}

#[tokio::test]
async fn a_withdrawn_key_dies_by_time_alone() {
    // B19, W5
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let token = local.mint().lifetime(86_400).sign();
    local.rotate_without_overlap();
    assert!(verifier.verify(&token).is_ok());
    pass(Duration::from_secs(530)).await;
    while verifier.status().issuers()[0].fetches_succeeded < 2 {
        tokio::task::yield_now().await;
    }
    assert!(matches!(verifier.verify(&token), Err(Error::UnknownKey { .. })));
}

#[tokio::test]
async fn fetches_go_on_through_an_outage_and_not_too_often() {
    // W16
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Status(500));
    for minute in 1..=30 {
        pass(Duration::from_secs(600)).await;
        let failed = || verifier.status().issuers()[0].fetches_failed;
        while failed() < minute {
            tokio::task::yield_now().await;
        }
        assert_eq!(failed(), minute, "one attempt is due, however late it is noticed");
    }
    local.clear_fault();
    pass(Duration::from_secs(60)).await;
    while verifier.status().issuers()[0].last_failure.is_some() {
        tokio::task::yield_now().await;
    }
    assert_eq!(local.jwks_fetches(), 32);
}

#[tokio::test]
async fn only_so_many_callers_wait() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    local.set_fault(Fault::Drip);
    local.rotate();
    let token = local.mint().sign();
    let mut waiting: Vec<_> = (0..1_024).map(|_| Box::pin(verifier.verify_or_refresh(&token))).collect();
    for caller in &mut waiting {
        assert!(poll_once(caller).await.is_none());
    }
    let one_more = poll_once(verifier.verify_or_refresh(&token)).await.expect("it does not wait");
    assert!(
        matches!(one_more, Err(Error::KeysUnavailable { retry_after, .. }) if retry_after.as_secs() == 1)
    );
    waiting.pop();
    assert!(poll_once(verifier.verify_or_refresh(&token)).await.is_none(), "a place is free again");
}

#[test]
fn a_runtime_without_timers_is_an_error_and_not_a_silence() {
    let local_runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let local = local_runtime.block_on(LocalIssuer::start()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(trusting(&local).start()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("the background task has ended"), "{cause}");
}

#[test]
fn a_runtime_that_is_gone_can_be_seen() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gone = runtime.handle().clone();
    drop(runtime);
    let _entered = gone.enter();
    let issuer = Issuer::cognito_at("http://127.0.0.1:1/pool").unwrap().client(CLIENT);
    let verifier = Verifier::builder().trust(issuer).start_without_keys().unwrap();
    let failure = verifier.status().issuers()[0].last_failure.clone().unwrap();
    assert!(failure.contains("the background task has ended"), "{failure}");
}

#[tokio::test]
async fn keys_are_used_for_the_stale_limit_and_not_longer() {
    // B24
    let local = LocalIssuer::start().await.unwrap();
    let now = Arc::new(AtomicU64::new(0));
    let clock = {
        let now = Arc::clone(&now);
        move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed))
    };
    let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    now.store(start, Ordering::Relaxed);
    let verifier = trusting(&local).with_clock(clock).start().await.unwrap();
    let token = local.mint().lifetime(7 * 86_400).sign();
    now.store(start + 86_399, Ordering::Relaxed);
    assert!(verifier.verify(&token).is_ok());
    now.store(start + 86_400, Ordering::Relaxed);
    assert!(matches!(verifier.verify(&token), Err(Error::KeysUnavailable { .. })));
}

#[tokio::test]
async fn a_verifier_can_start_before_its_issuer_and_becomes_ready_by_itself() {
    // B25
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(503));
    let verifier = trusting(&local).start_without_keys().unwrap();
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

#[tokio::test]
async fn given_keys_are_ready_at_once_and_never_fetched() {
    let local = LocalIssuer::start().await.unwrap();
    let given = Issuer::from_jwks(local.issuer(), &local.default_pool().jwks()).unwrap().client(CLIENT);
    let verifier = Verifier::builder().trust(given).build().unwrap();
    verifier.ready().await;
    assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
    let error = verifier.verify_or_refresh(&of_no_key(&local, "no such key")).await.unwrap_err();
    assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    let status = verifier.status();
    assert!(status.is_ready());
    assert_eq!((status.issuers()[0].key_ids.len(), status.issuers()[0].next_fetch_in), (2, None));
    assert_eq!(local.jwks_fetches(), 0);
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_nobody_with_it() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    local.rotate();
    let token = local.mint().sign();
    for _ in 0..2_000 {
        // Begun, and dropped while it waits.
        let waits = verifier.verify_or_refresh(&token);
        assert!(poll_once(waits).await.is_none());
    }
    assert!(verifier.verify_or_refresh(&token).await.is_ok(), "and no place among the waiting is lost");
    assert_eq!(local.jwks_fetches(), 2);
}

/// Polls a future once.
async fn poll_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        std::task::Poll::Ready(match future.as_mut().poll(cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test]
async fn a_thousand_verifiers_come_and_go_and_leave_nothing_behind() {
    // B26
    let local = LocalIssuer::start().await.unwrap();
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..1_000 {
        let verifier = trusting(&local).start_without_keys().unwrap();
        let clone = verifier.clone();
        drop(verifier);
        drop(clone);
    }
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_last_clone_keeps_the_keys_coming() {
    // B26
    let local = LocalIssuer::start().await.unwrap();
    let verifier = trusting(&local).start().await.unwrap();
    let clone = verifier.clone();
    drop(verifier);
    local.rotate();
    assert!(clone.verify_or_refresh(&local.mint().sign()).await.is_ok());
}

#[test]
fn both_kinds_of_runtime_will_do() {
    let current = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for runtime in [current, several] {
        runtime.block_on(async {
            let local = LocalIssuer::start().await.unwrap();
            let verifier = trusting(&local).start().await.unwrap();
            local.rotate();
            assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
        });
    }
}

#[test]
fn a_verifier_outlives_its_runtime_until_its_keys_are_stale() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (verifier, token) = runtime.block_on(async {
        let local = LocalIssuer::start().await.unwrap();
        (trusting(&local).start().await.unwrap(), local.mint().sign())
    });
    drop(runtime);
    assert!(verifier.verify(&token).is_ok());
}
