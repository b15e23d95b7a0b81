//! Requests, renewal and rejection of tokens, in virtual time over real sockets. The issuer runs on
//! another runtime, whose time is real.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use scopegate_client::{
    AccessToken, ClientAuthentication, ClientCredentials, ClientCredentialsBuilder, Error,
};
use scopegate_issuer::{ClientConfig, Config, Fault, LocalIssuer, PoolConfig};
use tokio::runtime::{Builder, Runtime};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{advance, pause};

const SCOPE: &str = "orders/read";

/// An issuer on another runtime.
pub(crate) struct Elsewhere {
    pub(crate) issuer: LocalIssuer,
    /// Ends with the test.
    _runtime: Keep,
}

/// A runtime must not be dropped where another one runs.
struct Keep(Option<Runtime>);

impl Drop for Keep {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Elsewhere {
    pub(crate) fn start(lifetime_secs: u64) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let client = ClientConfig::new("report", "s3cret", [SCOPE]).lifetime_secs(lifetime_secs);
        let pool = PoolConfig::new("eu-west-1_Local0001").resource_server("orders", ["read"]).client(client);
        let config = Config::empty().pool(pool);
        let issuer = std::thread::scope(|scope| {
            scope.spawn(|| runtime.block_on(LocalIssuer::start_with(config)).unwrap()).join().unwrap()
        });
        Self { issuer, _runtime: Keep(Some(runtime)) }
    }

    pub(crate) fn credentials(&self, secret: &str) -> ClientCredentialsBuilder {
        let client = ClientAuthentication::client_secret_basic("report", secret);
        ClientCredentials::builder(client).token_endpoint(self.issuer.token_endpoint()).scope(SCOPE)
    }
}

fn requests(credentials: &ClientCredentials) -> u64 {
    let status = credentials.status();
    status.requests_succeeded() + status.requests_failed()
}

/// Waits until this number of requests has ended. It is never idle, because the paused time would
/// jump to the timeouts.
async fn ended(credentials: &ClientCredentials, count: u64) {
    while requests(credentials) < count {
        yield_now().await;
    }
    assert_eq!(requests(credentials), count);
}

/// Starts a caller that waits.
async fn caller(credentials: &ClientCredentials) -> JoinHandle<Result<AccessToken, Error>> {
    let credentials = credentials.clone();
    let caller = tokio::spawn(async move { credentials.token().await });
    yield_now().await;
    caller
}

/// Returns a token without advancing the time.
pub(crate) async fn first(credentials: &ClientCredentials) -> AccessToken {
    let caller = caller(credentials).await;
    while !caller.is_finished() {
        yield_now().await;
    }
    caller.await.unwrap().unwrap()
}

async fn yields(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

/// Advances the time past a timer, which counts whole milliseconds and may be late by one.
async fn pass(time: Duration) {
    advance(time + Duration::from_millis(2)).await;
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test]
async fn renewal_runs_in_background_and_serves_old_token() {
    // E16
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let old = first(&credentials).await;
    advance(secs(2_430 - 1)).await;
    assert_eq!(credentials.current().unwrap().secret(), old.secret());
    assert_eq!(requests(&credentials), 1, "not before 67.5 % of its lifetime");
    advance(secs(542)).await;
    for _ in 0..100 {
        assert_eq!(credentials.token().await.unwrap().secret(), old.secret(), "no caller waits");
    }
    ended(&credentials, 2).await;
    let new = credentials.current().unwrap();
    assert_ne!(new.secret(), old.secret());
    assert_eq!(elsewhere.issuer.token_requests(), 2);
}

#[tokio::test]
async fn failed_renewals_serve_old_token_until_expiry() {
    // E16
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").acquire_timeout(secs(5)).build().unwrap();
    let old = first(&credentials).await;
    elsewhere.issuer.set_token_fault(Fault::Status(503));
    advance(secs(2_971)).await;
    let mut requests_made = 1;
    for _ in (2_971..3_589).step_by(1) {
        assert_eq!(credentials.token().await.unwrap().secret(), old.secret());
        // Wait for the end of a request that was started.
        while credentials.status().renews_in() == Some(Duration::ZERO) {
            yield_now().await;
        }
        requests_made = requests(&credentials);
        advance(secs(1)).await;
    }
    assert!((10..40).contains(&requests_made), "{requests_made} requests in ten minutes");
    advance(secs(2)).await;
    assert!(credentials.current().is_none(), "the token has ended");
    elsewhere.issuer.clear_token_fault();
    let waiting = caller(&credentials).await;
    advance(secs(60)).await;
    let made = requests(&credentials);
    ended(&credentials, made + u64::from(credentials.current().is_none())).await;
    // The wait may have been longer than the acquire timeout of that caller.
    let _ = waiting.await.unwrap();
    assert_ne!(first(&credentials).await.secret(), old.secret());
}

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
async fn canceled_caller_does_not_cancel_the_request() {
    // E17
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let leaves = caller(&credentials).await;
    let stays = caller(&credentials).await;
    leaves.abort();
    assert!(leaves.await.unwrap_err().is_cancelled());
    ended(&credentials, 1).await;
    assert!(stays.await.unwrap().is_ok());
    assert_eq!(elsewhere.issuer.token_requests(), 1);
}

#[test]
fn ended_runtime_fails_its_request() {
    // E17
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    elsewhere.issuer.set_token_fault(Fault::Drip);
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        drop(caller(&credentials).await);
    });
    drop(runtime);
    assert_eq!(requests(&credentials), 1, "the request has failed");
    elsewhere.issuer.clear_token_fault();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(credentials.token()).is_ok());
}

#[test]
fn missing_runtime_is_an_error_without_panic() {
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let mut waiting = pin!(credentials.token());
    let Poll::Ready(Err(failure)) = waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("there is nothing to wait for");
    };
    assert!(matches!(failure, Error::Unavailable { .. }));
    let reason = std::error::Error::source(&failure).unwrap().to_string();
    assert_eq!(reason, "no Tokio runtime is running");
    for _ in 0..10 {
        assert!(credentials.current().is_none());
    }
    assert_eq!(requests(&credentials), 0, "no request was sent, so none has failed");

    // A caller with a runtime is not affected.
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(first(&credentials));
    assert_eq!(requests(&credentials), 1);
}

#[test]
fn stalled_runtime_does_not_block_other_runtimes() {
    // E17, FR-D10: the request was started by a caller that waits, or by a caller that does not
    // wait.
    for waits in [true, false] {
        let elsewhere = Elsewhere::start(3_600);
        let credentials = elsewhere.credentials("s3cret").build().unwrap();
        elsewhere.issuer.set_token_fault(Fault::Drip);
        let standing = Builder::new_current_thread().enable_all().build().unwrap();
        let abandoned = standing.block_on(async {
            if waits {
                return Some(caller(&credentials).await);
            }
            assert!(credentials.current().is_none());
            None
        });
        elsewhere.issuer.clear_token_fault();
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let waiting = caller(&credentials).await;
            assert_eq!(requests(&credentials), 0, "there is one request for all");
            // Within a second, the caller detects that the other runtime does not run.
            pass(secs(1)).await;
            ended(&credentials, 1).await;
            let token = waiting.await.unwrap().unwrap();
            // The end of the first request comes too late and changes nothing.
            drop(abandoned);
            std::thread::scope(|scope| scope.spawn(|| drop(standing)).join().unwrap());
            assert_eq!(requests(&credentials), 2);
            assert_eq!(credentials.current().unwrap().secret(), token.secret());
            assert!(credentials.status().last_failure().is_none(), "the last request did not fail");
        });
    }
}

#[test]
fn running_runtime_keeps_its_request() {
    // FR-D10: the counterpart. For this reason, a caller of another runtime does not start a
    // request at once.
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    elsewhere.issuer.set_token_fault(Fault::Drip);
    let busy = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    busy.block_on(async {
        drop(caller(&credentials).await);
        while elsewhere.issuer.token_requests() == 0 {
            yield_now().await;
        }
    });
    elsewhere.issuer.clear_token_fault();
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let waiting = caller(&credentials).await;
        // A stalled request would be abandoned after one second. More turns would take real time,
        // and the request in flight ends after five seconds of it.
        for _ in 0..2 {
            // The waiting caller spawns a task on the other runtime, which runs before ours.
            yields(10).await;
            let turn = busy.spawn(async {});
            while !turn.is_finished() {
                yield_now().await;
            }
            yields(10).await;
            pass(secs(1)).await;
        }
        let failure = credentials.status().last_failure().map(ToString::to_string);
        assert_eq!(requests(&credentials), 0, "the callers still wait for the first request: {failure:?}");
        busy.shutdown_background();
        ended(&credentials, 1).await;
        let failure = credentials.status().last_failure().map(ToString::to_string);
        assert!(
            failure.is_some_and(|failure| failure.contains("unavailable")),
            "the request in flight has failed"
        );
        waiting.abort();
    });
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

#[tokio::test]
async fn token_of_five_seconds_is_served_and_renewed() {
    // E11
    pause();
    let elsewhere = Elsewhere::start(5);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let old = first(&credentials).await;
    advance(secs(3)).await;
    assert_eq!(credentials.current().unwrap().secret(), old.secret());
    advance(Duration::from_millis(1_300)).await;
    assert_eq!(credentials.current().unwrap().secret(), old.secret(), "renewed now");
    ended(&credentials, 2).await;
    assert_ne!(credentials.current().unwrap().secret(), old.secret());
}

#[tokio::test]
async fn token_expired_on_arrival_is_an_invalid_response() {
    // E11
    pause();
    let elsewhere = Elsewhere::start(1);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let waiting = caller(&credentials).await;
    advance(Duration::from_millis(950)).await;
    ended(&credentials, 1).await;
    assert!(matches!(waiting.await.unwrap(), Err(Error::InvalidResponse { .. })));
    assert!(matches!(credentials.token().await, Err(Error::InvalidResponse { .. })));
    assert_eq!(elsewhere.issuer.token_requests(), 1);
    // A token that arrives in time is used.
    advance(secs(1)).await;
    assert!(!first(&credentials).await.expires_in().is_zero());
}

#[tokio::test]
async fn only_the_rejected_token_is_discarded_per_cooldown() {
    // E18
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = elsewhere.credentials("s3cret").build().unwrap();
    let old = first(&credentials).await;
    credentials.reject(&old);
    let new = first(&credentials).await;
    assert_ne!(new.secret(), old.secret());
    for _ in 0..100 {
        credentials.reject(&old);
        credentials.reject(&new);
    }
    assert_eq!(first(&credentials).await.secret(), new.secret());
    assert_eq!(elsewhere.issuer.token_requests(), 2);
    // The new token was rejected, too, so the cooldown is twice as long (FR-D1).
    advance(secs(30)).await;
    credentials.reject(&new);
    assert!(credentials.current().is_some(), "the cooldown is not over");
    advance(secs(30)).await;
    credentials.reject(&old);
    assert!(credentials.current().is_some(), "another token stays");
    credentials.reject(&new);
    assert_ne!(first(&credentials).await.secret(), new.secret());
    assert_eq!(elsewhere.issuer.token_requests(), 3);
}

#[tokio::test]
async fn clones_and_equal_scopes_share_one_token() {
    // E16: the cache key is (issuer, client, scopes, resource)
    pause();
    let elsewhere = Elsewhere::start(3_600);
    let credentials = Arc::new(elsewhere.credentials("s3cret").build().unwrap());
    let token = first(&credentials).await;
    let clone = ClientCredentials::clone(&credentials);
    assert_eq!(clone.current().unwrap().secret(), token.secret());
    let same = credentials.for_scopes([SCOPE]).unwrap();
    assert_eq!(same.current().unwrap().secret(), token.secret());
    let none = credentials.for_scopes::<&str>([]).unwrap();
    assert_ne!(first(&none).await.secret(), token.secret());
    assert_eq!(elsewhere.issuer.token_requests(), 2);
}
