//! What do 10,000 issuers take? The guide has the figures.
//!
//! One process for each kind, because a second kind would take over the memory of the first:
//!
//! - `cargo test --release -p scopegate --test it -- --ignored --nocapture ten_thousand_configured`
//! - `cargo test --release -p scopegate --test it -- --ignored --nocapture ten_thousand_resolved`

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use scopegate::{ConfigError, Issuer, Issuers, Verifier, VerifierBuilder};
use scopegate_issuer::Mint;
use testkit::{CLIENT, jwks, serve};
use tokio::runtime::Handle;

use super::fixture::{accepts, key, tenant, token};

const ISSUERS: usize = 10_000;

/// A server of key sets that counts its requests. Each has a connection of its own.
#[derive(Clone, Default)]
struct KeySets {
    open: Arc<AtomicUsize>,
    most_open: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl KeySets {
    async fn serve(&self) -> String {
        let (counts, set) = (self.clone(), jwks([key().jwk()]));
        serve(Router::new().fallback(move || {
            let (counts, set) = (counts.clone(), set.clone());
            async move {
                counts.requests.fetch_add(1, Ordering::Relaxed);
                let open = counts.open.fetch_add(1, Ordering::Relaxed) + 1;
                counts.most_open.fetch_max(open, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(2)).await;
                counts.open.fetch_sub(1, Ordering::Relaxed);
                set
            }
        }))
        .await
    }
}

fn fetched(url: &str, name: &str) -> Issuer {
    let path = name.rsplit('/').next().unwrap_or_default();
    let issuer = Issuer::from_jwks_uri(name, &format!("{url}/{path}")).unwrap().client(CLIENT);
    issuer.algorithms([scopegate::Algorithm::ES256])
}

/// Memory of the process in bytes.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or_default() * 4_096
}

/// The time to reject an expired token: to read it, and to find its issuer and its key.
fn look_up(verifier: &Verifier, issuers: usize) -> Duration {
    let expired = |n: usize| {
        let name = tenant(n * 7 % issuers);
        Mint::cognito(&name, CLIENT).without_claim("token_use").expired().sign_with(key())
    };
    let tokens: Vec<String> = (0..1_000).map(expired).collect();
    let rounds = (0..20).map(|_| {
        let began = Instant::now();
        for token in &tokens {
            assert!(verifier.verify(token).is_err());
        }
        began.elapsed() / 1_000
    });
    rounds.min().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn ten_thousand_configured_issuers_are_measured() {
    let sets = KeySets::default();
    let url = sets.serve().await;
    measure(&sets, &url, "configured", configured(&url), |verifier, name| {
        verifier.trust(fetched(&url, name)).unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn ten_thousand_resolved_issuers_are_measured() {
    let sets = KeySets::default();
    let url = sets.serve().await;
    measure(&sets, &url, "resolved", resolved(&url), |_, _| ()).await;
}

async fn configured(url: &str) -> Verifier {
    let trust = |builder: VerifierBuilder, n| builder.trust(fetched(url, &tenant(n)));
    (0..ISSUERS).fold(Verifier::builder(), trust).cache_capacity(0).start().await.unwrap()
}

async fn resolved(url: &str) -> Verifier {
    let url = url.to_owned();
    let issuers = Issuers::resolver(move |iss| {
        let issuer = fetched(&url, iss);
        async move { Ok::<_, ConfigError>(Some(issuer)) }
    });
    let issuers = issuers.max_issuers(ISSUERS);
    let verifier = Verifier::builder().trust_dynamic(issuers).cache_capacity(0).start().await.unwrap();
    for n in 0..ISSUERS {
        assert!(accepts(&verifier, &tenant(n)).await);
    }
    verifier
}

#[allow(clippy::print_stderr, reason = "the documentation has these figures")]
async fn measure(
    sets: &KeySets,
    url: &str,
    kind: &str,
    start: impl Future<Output = Verifier>,
    sign_up: impl Fn(&Verifier, &str),
) {
    let one = Verifier::builder().trust(fetched(url, &tenant(0))).cache_capacity(0).start().await.unwrap();
    let of_one = look_up(&one, 1);
    let (tasks, before) = (Handle::current().metrics().num_alive_tasks(), resident());
    sets.most_open.store(0, Ordering::Relaxed);
    let began = Instant::now();
    let verifier = start.await;
    let started = began.elapsed();
    let tasks = Handle::current().metrics().num_alive_tasks() - tasks;
    let memory = resident().saturating_sub(before) / ISSUERS;
    let many = look_up(&verifier, ISSUERS);
    let mut times = Vec::new();
    for n in 0..20 {
        let name = tenant(ISSUERS + n);
        let token = token(&name);
        let began = Instant::now();
        sign_up(&verifier, &name);
        assert!(verifier.verify_or_refresh(&token).await.is_ok());
        times.push(began.elapsed());
    }
    times.sort_unstable();
    let open = sets.most_open.load(Ordering::Relaxed);
    assert!(open <= 96, "{open} connections");
    eprintln!(
        "{ISSUERS} {kind} issuers: ready after {started:?}; {memory} bytes each; look-up {many:?}, with one issuer \
         {of_one:?}; {tasks} tasks; {open} connections at most; sign-up {:?} median, {:?} at most",
        times[10], times[19]
    );
}
