//! The API of these rehearsals: an axum router on a socket, whose verifier uses tokio's clock.
//! Tests can advance it by hours.
//!
//! A paused clock jumps to the next timeout whenever the runtime is idle, and the runtime counts as
//! idle while it waits for a socket. So the clock runs normally during requests, and is advanced
//! only between them.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::routing::get;
use reqwest::{Client, Response};
use scopegate::IssuerStatus;
use scopegate_axum::{Issuer, RequireToken, Verifier};
use scopegate_issuer::{Event, LocalIssuer, Rehearsal, Report};
use testkit::serve;
use tokio::task::yield_now;
use tokio::time::{self, Instant};

use crate::api::READER;

const CALLERS: usize = 8;

pub(crate) struct ProtectedApi {
    issuer: LocalIssuer,
    verifier: Verifier,
    url: Arc<str>,
    http: Client,
    clock: VirtualClock,
    seen: Arc<Seen>,
}

/// The responses that callers got.
#[derive(Default)]
struct Seen {
    under_way: AtomicUsize,
    answered: AtomicU64,
    rejected_with: Mutex<BTreeSet<u16>>,
}

/// The current time, which advances with tokio's clock.
#[derive(Clone, Copy)]
struct VirtualClock {
    day: SystemTime,
    begin: Instant,
}

impl ProtectedApi {
    pub(crate) async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let clock = VirtualClock { day: SystemTime::now(), begin: Instant::now() };
        let trusted = Issuer::cognito_at(issuer.issuer()).unwrap().client(READER.0);
        let builder = Verifier::builder().trust(trusted).clock(move || clock.now());
        let verifier = builder.start().await.unwrap();
        let router = Router::new().route("/", get(async || "ok")).layer(RequireToken::new(&verifier));
        let url = serve(router).await.into();
        let http = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { issuer, verifier, url, http, clock, seen: Arc::default() }
    }

    pub(crate) fn rehearsal(&self) -> Rehearsal {
        Rehearsal::new(&self.issuer).callers(CALLERS)
    }

    /// Returns a function that sends a request with a token, as a caller does.
    pub(crate) fn is_accepted(&self) -> impl Fn(String) -> Accepted + Send + Sync + use<> + 'static {
        let (url, http, seen) = (Arc::clone(&self.url), self.http.clone(), Arc::clone(&self.seen));
        move |token| {
            let (request, seen) = (http.get(&*url).bearer_auth(token), Arc::clone(&seen));
            Box::pin(async move {
                seen.under_way.fetch_add(1, Ordering::SeqCst);
                let answer = request.send().await.unwrap();
                let accepted = seen.note(&answer);
                // Read completely, so that the connection can be reused.
                answer.bytes().await.unwrap();
                seen.answered.fetch_add(1, Ordering::SeqCst);
                seen.under_way.fetch_sub(1, Ordering::SeqCst);
                accepted
            })
        }
    }

    /// Returns the statuses of rejections.
    pub(crate) fn rejected_with(&self) -> Vec<u16> {
        self.seen.rejected_with.lock().unwrap().iter().copied().collect()
    }

    /// Plays an event in virtual time. The clock is advanced as soon as the API, its callers and
    /// its issuer are done. It is stopped before each fetch, and after each step.
    pub(crate) async fn play(&self, event: Event, rehearsal: &Rehearsal, step: Duration) -> Report {
        tokio::select! {
            // The event is triggered when all callers are ready. Only then may the clock advance.
            biased;
            report = rehearsal.play(event, self.is_accepted()) => report,
            never = self.let_time_pass(step, event == Event::SlowDrip) => never,
        }
    }

    async fn let_time_pass<T>(&self, step: Duration, drips: bool) -> T {
        let answered = self.seen.answered.load(Ordering::SeqCst);
        while self.seen.answered.load(Ordering::SeqCst) < answered + CALLERS as u64 {
            yield_now().await;
        }
        loop {
            let status = self.status();
            let next_fetch = status.next_fetch_in.unwrap();
            let ended = status.fetches_succeeded + status.fetches_failed;
            if !next_fetch.is_zero() && self.seen.under_way.load(Ordering::SeqCst) == 0 {
                self.skip(next_fetch.min(step)).await;
            } else if drips && status.fetches_failed == 0 && self.issuer.jwks_fetches() > ended {
                // Only this fetch ends by a timeout instead of a response.
                self.skip(Duration::from_secs(1)).await;
            } else {
                yield_now().await;
            }
        }
    }

    /// Advances the clock to `before` the next fetch.
    pub(crate) async fn skip_to_the_next_fetch_but(&self, before: Duration) {
        self.skip(self.status().next_fetch_in.unwrap().checked_sub(before).unwrap()).await;
    }

    async fn skip(&self, duration: Duration) {
        time::pause();
        time::advance(duration).await;
        time::resume();
        let now = self.clock.now().duration_since(UNIX_EPOCH).unwrap();
        self.issuer.set_now(now.as_secs());
        // Wakes tasks that were sleeping until now.
        for _ in 0..4 {
            yield_now().await;
        }
    }

    fn status(&self) -> IssuerStatus {
        self.verifier.status().issuers()[0].clone()
    }
}

type Accepted = Pin<Box<dyn Future<Output = bool> + Send>>;

impl Seen {
    /// Returns whether the request was accepted. Also checks that a rejection follows RFC 6750 and
    /// RFC 9110.
    fn note(&self, answer: &Response) -> bool {
        let (status, headers) = (answer.status(), answer.headers());
        if status == 200 {
            return true;
        }
        match status.as_u16() {
            401 => assert!(headers["www-authenticate"].to_str().unwrap().contains("invalid_token")),
            503 => assert!((1..=60).contains(&headers["retry-after"].to_str().unwrap().parse().unwrap())),
            other => panic!("nobody expects {other}"),
        }
        self.rejected_with.lock().unwrap().insert(status.as_u16());
        false
    }
}

impl VirtualClock {
    fn now(self) -> SystemTime {
        self.day + self.begin.elapsed()
    }
}
