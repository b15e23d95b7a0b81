//! Failed requests: backoff, `Retry-After` and timeouts.

use super::*;

#[tokio::test]
async fn rejected_request_is_not_repeated_for_one_minute() {
    // E15
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("wrong").build().unwrap();
    let waiting = caller(&credentials).await;
    ended(&credentials, 1).await;
    assert!(matches!(waiting.await.unwrap(), Err(Error::Rejected { status: 401, .. })));
    for _ in 0..1_000 {
        assert!(matches!(credentials.token().await, Err(Error::Rejected { status: 401, .. })));
    }
    advance(secs(59)).await;
    assert!(credentials.token().await.is_err());
    assert_eq!(elsewhere.issuer.token_requests(), 1);
    advance(secs(1)).await;
    let waiting = caller(&credentials).await;
    ended(&credentials, 2).await;
    assert!(waiting.await.unwrap().is_err());
    assert_eq!(elsewhere.issuer.token_requests(), 2);
}

#[tokio::test]
async fn outage_is_retried_with_growing_backoff() {
    // E15
    pause();
    for fault in [Fault::Status(500), Fault::Reset, Fault::RetryAfter { status: 429, seconds: 0 }] {
        let elsewhere = Elsewhere::start(3_600);
        let credentials = elsewhere.credentials("s3cret").acquire_timeout(secs(3_600));
        let credentials = credentials.max_backoff_without_token(secs(60)).build().unwrap();
        elsewhere.issuer.set_token_fault(fault.clone());
        let waiting = caller(&credentials).await;
        let mut ends = Vec::new();
        for second in 0..600 {
            let begun = elsewhere.issuer.token_requests();
            // Wait for the end of a request that the caller's timer has started.
            for _ in 0..200 {
                yield_now().await;
            }
            while elsewhere.issuer.token_requests() > requests(&credentials) {
                yield_now().await;
            }
            if elsewhere.issuer.token_requests() > begun {
                ends.push(second);
            }
            advance(secs(1)).await;
        }
        let made = elsewhere.issuer.token_requests();
        // The backoff is 1, 2, 4, … 60 s, multiplied by a random factor, so there are about 15
        // requests.
        assert!((10..60).contains(&made), "{fault:?}: {made} requests in ten minutes: {ends:?}");
        elsewhere.issuer.clear_token_fault();
        while !waiting.is_finished() {
            advance(secs(1)).await;
            for _ in 0..200 {
                yield_now().await;
            }
        }
        assert!(waiting.await.unwrap().is_ok(), "{fault:?}");
    }
}

#[tokio::test]
async fn retry_after_delays_the_next_attempt() {
    // E15
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").acquire_timeout(secs(600)).build().unwrap();
    elsewhere.issuer.fail_next_token(1, Fault::RetryAfter { status: 429, seconds: 120 });
    let waiting = caller(&credentials).await;
    ended(&credentials, 1).await;
    advance(secs(119)).await;
    for _ in 0..1_000 {
        yield_now().await;
    }
    assert_eq!(elsewhere.issuer.token_requests(), 1);
    pass(secs(1)).await;
    ended(&credentials, 2).await;
    assert!(waiting.await.unwrap().is_ok());

    // If `Retry-After` exceeds the acquire timeout, the caller does not wait.
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    elsewhere.issuer.fail_next_token(1, Fault::RetryAfter { status: 503, seconds: 120 });
    let waiting = caller(&credentials).await;
    ended(&credentials, 1).await;
    match waiting.await.unwrap() {
        Err(Error::Unavailable { retry_after, .. }) => assert_eq!(retry_after, secs(120)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn missing_response_times_out_and_is_retried() {
    // E15
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    elsewhere.issuer.fail_next_token(1, Fault::Drip);
    let waiting = caller(&credentials).await;
    while elsewhere.issuer.token_requests() < 1 {
        yield_now().await;
    }
    pass(secs(5)).await;
    ended(&credentials, 1).await;
    assert!(credentials.status().last_failure().is_some());
    pass(secs(1)).await;
    ended(&credentials, 2).await;
    assert!(waiting.await.unwrap().is_ok());
}

#[tokio::test]
async fn acquire_timeout_ends_the_wait() {
    // E15
    pause();
    let elsewhere = Elsewhere::start(3_600);
    elsewhere.issuer.set_token_fault(Fault::Drip);
    let credentials = elsewhere.credentials("s3cret").acquire_timeout(secs(2)).build().unwrap();
    let waiting = caller(&credentials).await;
    pass(secs(2)).await;
    assert!(matches!(waiting.await.unwrap(), Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn acquire_timeout_defaults_to_10_seconds() {
    // E15, FR-E4
    pause();
    let elsewhere = Elsewhere::start(3_600);
    elsewhere.issuer.set_token_fault(Fault::Drip);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let waiting = caller(&credentials).await;
    pass(secs(9)).await;
    assert!(!waiting.is_finished());
    pass(secs(1)).await;
    assert!(matches!(waiting.await.unwrap(), Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn backoff_without_token_stays_within_cap() {
    // FR-D8: calls with an acquire timeout of 10 s do not fail at once.
    pause();
    let elsewhere = Elsewhere::start(3_600);
    for (cap, expected) in [(None, 5.0), (Some(secs(2)), 2.0)] {
        let credentials = elsewhere.credentials("s3cret").acquire_timeout(secs(0));
        let credentials = match cap {
            Some(cap) => credentials.max_backoff_without_token(cap).build().unwrap(),
            None => credentials.build().unwrap(),
        };
        elsewhere.issuer.set_token_fault(Fault::Status(503));
        let mut longest = Duration::ZERO;
        for made in 1..=40 {
            assert!(credentials.current().is_none());
            ended(&credentials, made).await;
            let Err(Error::Unavailable { retry_after, .. }) = credentials.token().await else {
                panic!("no token")
            };
            longest = longest.max(retry_after);
            pass(retry_after).await;
        }
        assert!(longest <= Duration::from_secs_f64(expected), "{longest:?}");
        assert!(longest > Duration::from_secs_f64(expected * 0.6), "{longest:?}: drawn 40 times");
    }
}

#[tokio::test]
async fn panicking_clock_is_a_failed_request() {
    // E17
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let (broken, now) = (Arc::new(AtomicBool::new(true)), SystemTime::now());
    let seen = Arc::clone(&broken);
    let clock = move || if seen.load(Ordering::Relaxed) { panic!("a broken clock") } else { now };
    let credentials = elsewhere.credentials("s3cret").clock(clock).build().unwrap();
    let waiting = caller(&credentials).await;
    ended(&credentials, 1).await;
    broken.store(false, Ordering::Relaxed);
    pass(secs(1)).await;
    ended(&credentials, 2).await;
    assert!(waiting.await.unwrap().is_ok());
}
