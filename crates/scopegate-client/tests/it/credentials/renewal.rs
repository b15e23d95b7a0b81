//! Requests, renewal and rejection of tokens, in virtual time over real sockets. The issuer runs on
//! another runtime, whose time is real.

mod retries;
mod runtimes;

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
