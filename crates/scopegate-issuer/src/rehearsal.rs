//! What do callers notice when something happens to an issuer's keys, or to the way to them?
//!
//! A rehearsal knows tokens and responses, not the resource server between them.

pub(crate) mod event;
pub(crate) mod report;
mod stage;

use std::fmt;
use std::panic;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Barrier, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

use self::event::Event;
use self::report::Report;
use self::stage::{Stage, Time};
use crate::mint::Mint;
use crate::pool::Pool;

/// Plays an [`Event`] while callers keep asking a resource server, and reports what they noticed.
///
/// Reach for it to find out what your own API does when its issuer rotates its keys, withdraws one, or cannot be
/// reached. It knows nothing of that API but a function that presents a token and says whether it was accepted; so
/// the API may be a router in this process, a service on a socket, or anything that judges tokens.
///
/// 1. Each caller presents a new token, and where the event is about keys also one that was signed before it.
/// 2. When each of them has had its answers, the event happens. What is answered from then on is counted.
/// 3. They go on [for a time](Self::lasting), each with a [pause](Self::with_pause) between its requests; then the
///    requests under way are waited for. So let your client have a timeout.
///
/// A request is valid when its token is signed by the key that the issuer signs with, or by one that it did not
/// remove. A token whose key is removed while its request is under way may be accepted or refused, and is not
/// counted.
///
/// ```
/// use scopegate_issuer::{Event, LocalIssuer, Rehearsal};
///
/// # mod my {
/// #     // It looks each key id up in the set as it is now: nobody is refused, at a price.
/// #     pub async fn api(jwks_uri: String) -> String {
/// #         use axum::http::{HeaderMap, StatusCode};
/// #         use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
/// #         let answer = async move |headers: HeaderMap| {
/// #             let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
/// #             let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
/// #             let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
/// #             let jwks = reqwest::get(&jwks_uri).await.unwrap().text().await.unwrap();
/// #             let known = jwks.contains(header["kid"].as_str().unwrap());
/// #             if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
/// #         };
/// #         let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
/// #         let url = format!("http://{}", listener.local_addr().unwrap());
/// #         let router = axum::Router::new().fallback(answer);
/// #         tokio::spawn(async move { axum::serve(listener, router).await });
/// #         url
/// #     }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let issuer = LocalIssuer::start().await?;
/// let url = my::api(issuer.jwks_uri()).await;
///
/// let http = reqwest::Client::new();
/// let is_accepted = move |token| {
///     let request = http.get(&url).bearer_auth::<String>(token);
///     async move { request.send().await.is_ok_and(|answer| answer.status().is_success()) }
/// };
/// let report = Rehearsal::new(&issuer.default_pool()).play(Event::RotateWithOverlap, is_accepted).await;
/// println!("{}\n{report}", scopegate_issuer::Report::HEADER);
/// assert_eq!(report.valid_refused, 0);
/// # Ok(()) }
/// ```
///
/// # Caveats
///
/// A resource server fetches keys in its own time. To see a fault met, or a removed key refused, let the rehearsal
/// last longer than its refresh period, and configure a short one; or rehearse in virtual time, which is tokio's:
/// it is the only clock that is read here.
///
/// Most resource servers bound how often an unknown key makes them fetch. Events that follow each other within that
/// time affect each other, so start a new one for each event.
#[derive(Clone)]
#[must_use = "a rehearsal does nothing until it is played"]
pub struct Rehearsal {
    pool: Pool,
    name: Option<String>,
    callers: usize,
    pause: Duration,
    lasting: Duration,
    token: Arc<dyn Fn(Mint) -> Mint + Send + Sync>,
}

impl Rehearsal {
    /// With 8 callers for 2 seconds, each with a pause of 1 ms, and with tokens as [`Pool::mint`] makes them.
    pub fn new(pool: &Pool) -> Self {
        Self {
            pool: pool.clone(),
            name: None,
            callers: 8,
            pause: Duration::from_millis(1),
            lasting: Duration::from_secs(2),
            token: Arc::new(|mint| mint),
        }
    }

    /// What the report is called: like the event unless changed.
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many callers ask at the same time; at least one does.
    pub fn with_callers(mut self, callers: usize) -> Self {
        self.callers = callers.max(1);
        self
    }

    /// How long each caller rests after its answer. Not quite nothing unless changed, so that a resource server that
    /// answers without ever waiting leaves room for others on a runtime of one thread.
    pub fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// How long the callers go on after the event.
    pub fn lasting(mut self, time: Duration) -> Self {
        self.lasting = time;
        self
    }

    /// What tokens the resource server accepts, where the pool's own are not good enough: of another client, or
    /// with other scopes.
    pub fn with_token(mut self, token: impl Fn(Mint) -> Mint + Send + Sync + 'static) -> Self {
        self.token = Arc::new(token);
        self
    }

    /// Plays the event. `is_accepted` presents a token to the resource server and says whether it was accepted.
    ///
    /// # Panics
    ///
    /// When `is_accepted` does, with its own panic.
    pub async fn play<P, F>(&self, event: Event, is_accepted: P) -> Report
    where
        P: Fn(String) -> F + Send + Sync + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let earlier = event.changes_keys().then(|| self.mint());
        self.prepare(event).await;
        let stage = Arc::new(Stage {
            rehearsal: self.clone(),
            event,
            earlier,
            is_accepted,
            ready: Barrier::new(self.callers + 1),
            time: watch::Sender::new(Time::Before),
            tally: Mutex::default(),
        });
        let mut callers = JoinSet::new();
        for _ in 0..self.callers {
            callers.spawn(Arc::clone(&stage).call());
        }

        unless_one_panics(&mut callers, stage.ready.wait()).await;
        let fetches_before = self.pool.jwks_fetches();
        stage.time.send_replace(Time::During);
        self.pool.play(event);
        let begin = Instant::now();
        stage.time.send_replace(Time::After(begin));
        unless_one_panics(&mut callers, sleep(self.lasting)).await;
        stage.time.send_replace(Time::Over(begin));
        while let Some(ended) = callers.join_next().await {
            ended.unwrap_or_else(pass_on);
        }

        let tally = stage.tally();
        let all_refused = tally.removed_refused == self.callers;
        Report {
            name: self.name.clone().unwrap_or_else(|| event.to_string()),
            event,
            sent: tally.sent,
            valid_refused: tally.valid_refused,
            first_refused_after: tally.first_refused,
            last_refused_after: tally.last_refused,
            fetches: self.pool.jwks_fetches() - fetches_before,
            removed_key_refused_after: tally.last_removed_refused.filter(|_| all_refused),
        }
    }

    /// On another thread: new keys take time, in which this one may have other things to do.
    async fn prepare(&self, event: Event) {
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || pool.prepare(event)).await.unwrap_or_else(pass_on);
    }

    fn mint(&self) -> String {
        (self.token)(self.pool.mint()).sign()
    }
}

impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("pool", &self.pool)
            .field("callers", &self.callers)
            .field("pause", &self.pause)
            .field("lasting", &self.lasting)
            .finish_non_exhaustive()
    }
}

/// Waits for this; for the callers only if one of them panics meanwhile, since none of them ends otherwise.
async fn unless_one_panics<T>(callers: &mut JoinSet<()>, this: impl Future<Output = T>) -> T {
    tokio::select! {
        done = this => done,
        Some(Err(error)) = callers.join_next() => pass_on(error),
    }
}

/// A task's panic goes on where it is waited for.
fn pass_on<T>(error: JoinError) -> T {
    match error.try_into_panic() {
        Ok(reason) => panic::resume_unwind(reason),
        Err(cancelled) => unreachable!("no task of a rehearsal is cancelled before its end: {cancelled}"),
    }
}
