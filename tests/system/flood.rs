//! Effects of a flood of invented key ids on the issuers and on valid requests.
//!
//! The flood is sent through the router in process, so it is as fast as the server. Valid requests
//! are sent over a socket by a separate thread. The tests assert the number of fetches only,
//! because times depend on the machine. To print the times, and a comparison that takes a minute,
//! run `cargo test --release --test system flood -- --include-ignored --nocapture
//! --test-threads=1`.
#![allow(clippy::print_stdout, reason = "the times are printed for manual runs")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate_axum::{Issuer, RequireToken, Verifier};
use scopegate_issuer::{LocalIssuer, Pool};
use testkit::{bearer, serve};
use tower::ServiceExt as _;

const TOKENS: usize = 100_000;

/// The number of simulated connections. Each sends one request after the other.
const CONNECTIONS: usize = 8;

/// The default cooldown. During a fetch, requests wait for it, which slows down the flood.
const COOLDOWN: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invented_key_ids_cause_one_fetch_per_cooldown() {
    // B16
    let attacked = Attacked::start().await;
    let quiet = attacked.caller().after(Duration::from_secs(1)).await;
    let (caller, began) = (attacked.caller(), Instant::now());
    attacked.send(Traffic::Invented, None).await;
    let took = began.elapsed();
    let fetches = attacked.pools.iter().map(Pool::jwks_fetches);
    let fetches: Vec<_> = fetches.collect();
    let flooded = caller.after(Duration::ZERO).await;

    println!("{TOKENS} invented key ids in {took:?}; fetches of each issuer: {fetches:?}");
    println!("a good request without them: {quiet}; meanwhile: {flooded}");
    // One at the start, two when the flood begins, and two after each cooldown (FR-A4).
    let most = 3 + 2 * u64::from(u32::try_from(took.as_secs() / COOLDOWN.as_secs()).unwrap());
    for fetches in fetches {
        assert!((2..=most).contains(&fetches), "{fetches} fetches in {took:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute and measures time; run by hand, see the head of this file"]
async fn valid_requests_during_flood_are_timed() {
    let attacked = Attacked::start().await;
    let pace = Duration::from_secs(1) / 10_000;
    for round in 1..=3 {
        let quiet = attacked.caller().after(Duration::from_secs(3)).await;
        println!("round {round}, nothing else: {quiet}");
        for traffic in [Traffic::Good, Traffic::Invented] {
            let caller = attacked.caller();
            attacked.send(traffic, Some(pace)).await;
            println!("round {round}, beside {traffic:?}: {}", caller.after(Duration::ZERO).await);
        }
    }
}

/// The traffic besides the measured valid requests.
#[derive(Clone, Copy, Debug)]
enum Traffic {
    /// Tokens that are accepted.
    Good,
    /// Tokens of both issuers in turn, each with another key id that does not exist.
    Invented,
}

/// An API that trusts two issuers.
struct Attacked {
    pools: Vec<Pool>,
    router: Router,
    url: String,
}

impl Attacked {
    async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let pools: Vec<_> = issuer.pools().take(2).cloned().collect();
        let verifier = pools.iter().fold(Verifier::builder(), |builder, pool| {
            builder.trust(Issuer::cognito_at(pool.issuer()).unwrap().client(pool.clients()[0].id()))
        });
        let verifier = verifier.refresh_cooldown(COOLDOWN).start().await.unwrap();
        let router = Router::new().route("/", get(async || "ok").layer(RequireToken::new(&verifier)));
        let url = serve(router.clone()).await;
        Self { pools, router, url }
    }

    /// Sends all tokens as fast as possible, or one per `pace`.
    async fn send(&self, traffic: Traffic, pace: Option<Duration>) {
        let good: Arc<[String]> = self.pools.iter().map(|pool| pool.mint().sign()).collect();
        let (sent, began) = (Arc::new(AtomicUsize::new(0)), Instant::now());
        let connections: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (good, sent, router) = (Arc::clone(&good), Arc::clone(&sent), self.router.clone());
                tokio::spawn(async move {
                    loop {
                        let n = sent.fetch_add(1, Ordering::Relaxed);
                        if n >= TOKENS {
                            return;
                        }
                        if let Some(pace) = pace {
                            let at = began + pace * u32::try_from(n).unwrap();
                            tokio::time::sleep_until(at.into()).await;
                        }
                        let good = &good[n % good.len()];
                        let (token, expected) = match traffic {
                            Traffic::Good => (good.clone(), StatusCode::OK),
                            Traffic::Invented => (of_no_key(good, n), StatusCode::UNAUTHORIZED),
                        };
                        let request = Request::get("/").header("authorization", bearer(&token));
                        let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await;
                        assert_eq!(response.unwrap().status(), expected);
                        // A real connection would read its next request here.
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for connection in connections {
            connection.await.unwrap();
        }
    }

    fn caller(&self) -> Caller {
        Caller::start(self.url.strip_prefix("http://").unwrap(), &self.pools[0].mint().sign())
    }
}

/// Returns the token with another key id. Its signature is not checked, because no key has this id.
pub(crate) fn of_no_key(token: &str, n: usize) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    let header = format!(r#"{{"kid":"invented {n}","alg":"RS256"}}"#);
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))
}

/// A caller with a valid token and one connection, in its own thread. It sends about 500 requests
/// per second.
struct Caller {
    over: Arc<AtomicBool>,
    thread: JoinHandle<Vec<Duration>>,
}

impl Caller {
    fn start(address: &str, token: &str) -> Self {
        let request =
            format!("GET / HTTP/1.1\r\nhost: {address}\r\nauthorization: {}\r\n\r\n", bearer(token));
        let mut connection = TcpStream::connect(address).unwrap();
        connection.set_nodelay(true).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let (mut times, mut answer) = (Vec::new(), [0; 1024]);
            while !until.load(Ordering::Relaxed) {
                let asked = Instant::now();
                connection.write_all(request.as_bytes()).unwrap();
                let length = connection.read(&mut answer).unwrap();
                times.push(asked.elapsed());
                assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK"));
                assert!(answer[..length].ends_with(b"\r\n\r\nok"), "the answer came in one piece");
                thread::sleep(Duration::from_millis(2).saturating_sub(asked.elapsed()));
            }
            times
        });
        Self { over, thread }
    }

    /// Continues for `more` time, and returns the response times.
    async fn after(self, more: Duration) -> Quantiles {
        tokio::time::sleep(more).await;
        self.over.store(true, Ordering::Relaxed);
        let mut times = tokio::task::spawn_blocking(|| self.thread.join().unwrap()).await.unwrap();
        times.sort_unstable();
        Quantiles(times)
    }
}

struct Quantiles(Vec<Duration>);

impl std::fmt::Display for Quantiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |percent: usize| self.0[(self.0.len() - 1) * percent / 100];
        write!(f, "p50 {:?}, p99 {:?} of {}", at(50), at(99), self.0.len())
    }
}
