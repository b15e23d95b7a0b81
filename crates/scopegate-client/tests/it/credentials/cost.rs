//! The number of requests for many callers and during an outage, and allocations per call.
#![allow(clippy::print_stdout, reason = "it shows the counts")]

use std::time::Duration;

use scopegate_issuer::Fault;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, pause};

use crate::credentials::renewal::{Elsewhere, first};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cold_start_of_10000_callers_sends_one_request() {
    // E16
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let callers: Vec<_> = (0..10_000)
        .map(|_| {
            let credentials = credentials.clone();
            tokio::spawn(async move { credentials.token().await.map(|token| token.secret().to_owned()) })
        })
        .collect();
    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(caller.await.unwrap().unwrap());
    }
    assert_eq!(tokens.len(), 10_000);
    assert!(tokens.iter().all(|token| *token == tokens[0]));
    assert_eq!(elsewhere.issuer.token_requests(), 1);
}

#[tokio::test]
async fn cached_token_allocates_nothing() {
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let token = credentials.token().await.unwrap();
    let cost = allocation_counter::measure(|| {
        for _ in 0..1_000 {
            let current = credentials.current().unwrap();
            assert_eq!(current.secret().len(), token.secret().len());
            drop(current.header_value());
        }
    });
    assert_eq!(cost.count_total, 0);
}

#[tokio::test]
async fn five_minutes_of_outage_fail_no_call() {
    // E16: the outage begins at the earliest possible time of the first renewal.
    pause();
    for lifetime in [3_600, 1_800] {
        let elsewhere = Elsewhere::start(lifetime);
        let credentials = elsewhere.credentials("s3cret").build().unwrap();
        let (begins, ends) = (lifetime * 675 / 1_000, lifetime * 675 / 1_000 + 300);
        let (mut calls, mut failed) = (0_u64, 0_u64);
        early_renewal();
        first(&credentials).await;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(3_600) {
            let second = start.elapsed().as_secs();
            if start.elapsed().subsec_millis() == 0 && second == begins {
                elsewhere.issuer.set_token_fault(Fault::Reset);
            }
            if start.elapsed().subsec_millis() == 0 && second == ends {
                elsewhere.issuer.clear_token_fault();
            }
            for _ in 0..100 {
                calls += 1;
                failed += u64::from(credentials.token().await.is_err());
            }
            // Wait for the end of a request that was started, without advancing the time.
            while credentials.status().renews_in() == Some(Duration::ZERO) {
                yield_now().await;
            }
            advance(Duration::from_millis(100)).await;
        }
        let status = credentials.status();
        println!(
            "tokens of {lifetime} s: {calls} calls, {failed} failed; {} token requests, of which {} in the outage failed",
            elsewhere.issuer.token_requests(),
            status.requests_failed()
        );
        assert_eq!(calls, 3_600_000);
        assert_eq!(failed, 0);
        assert!(status.requests_failed() > 0, "requests failed during the outage");
        assert_eq!(status.requests_succeeded(), if lifetime == 3_600 { 2 } else { 3 });
        assert_eq!(elsewhere.issuer.token_requests(), status.requests_succeeded() + status.requests_failed());
    }
}

/// Seeds the generator so that the first token is renewed early. All code runs on this thread, so
/// the next random number is the jitter of the first token.
fn early_renewal() {
    let seed = (0..1_000).find(|seed| fastrand::Rng::with_seed(*seed).f64() < 0.3);
    fastrand::seed(seed.unwrap());
}
