//! An event under load: callers that never stop, something that happens to the issuer, and what they noticed.
//!
//! It knows tokens and answers, not the resource server between them. What happens is in `rehearsal/event.rs`, how it is
//! shown in `rehearsal/report.rs`.

pub(crate) mod event;
pub(crate) mod report;

use std::fmt;
use std::panic;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Barrier, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use self::event::Event;
use self::report::Report;
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

/// What the callers share.
struct Stage<P> {
    rehearsal: Rehearsal,
    event: Event,
    /// A token that was signed before the event and its preparation.
    earlier: Option<String>,
    is_accepted: P,
    ready: Barrier,
    time: watch::Sender<Time>,
    tally: Mutex<Tally>,
}

#[derive(Clone, Copy, Debug)]
enum Time {
    Before,
    /// Nobody can say whether it has happened yet.
    During,
    After(Instant),
    Over(Instant),
}

impl Time {
    /// How long after the event.
    fn elapsed(self) -> Duration {
        match self {
            Self::Before | Self::During => Duration::ZERO,
            Self::After(begin) | Self::Over(begin) => begin.elapsed(),
        }
    }
}

/// What was answered since the event.
#[derive(Debug, Default)]
struct Tally {
    sent: u64,
    valid_refused: u64,
    first_refused: Option<Duration>,
    last_refused: Option<Duration>,
    /// So many callers are refused with a token of the removed key.
    removed_refused: usize,
    last_removed_refused: Option<Duration>,
}

impl<P, F> Stage<P>
where
    P: Fn(String) -> F,
    F: Future<Output = bool>,
{
    /// One caller.
    async fn call(self: Arc<Self>) {
        let mut time = self.time.subscribe();
        let mut earlier = self.earlier.clone();
        self.ask(&mut earlier).await;
        self.ready.wait().await;
        loop {
            let over = time.wait_for(|time| matches!(time, Time::Over(_)));
            if timeout(self.rehearsal.pause, over).await.is_ok() {
                return;
            }
            self.ask(&mut earlier).await;
        }
    }

    async fn ask(&self, earlier: &mut Option<String>) {
        if let Some(token) = earlier {
            let sent = self.now();
            let accepted = (self.is_accepted)(token.clone()).await;
            if !self.event.removes_a_key() {
                self.valid(accepted);
            } else if matches!(sent, Time::After(_)) && !accepted {
                self.removed_is_refused();
                // It has seen what it was here for; tokens that nobody accepts are another load.
                *earlier = None;
            }
        }
        let minted = self.now();
        let accepted = (self.is_accepted)(self.rehearsal.mint()).await;
        // Its key may have been removed while it was under way.
        if accepted || matches!(minted, Time::After(_)) || !self.event.removes_a_key() {
            self.valid(accepted);
        }
    }

    fn valid(&self, accepted: bool) {
        let now = self.now();
        if matches!(now, Time::Before) {
            return;
        }
        let mut tally = self.tally();
        tally.sent += 1;
        if !accepted {
            tally.valid_refused += 1;
            tally.first_refused.get_or_insert(now.elapsed());
            tally.last_refused = Some(now.elapsed());
        }
    }

    fn removed_is_refused(&self) {
        let mut tally = self.tally();
        tally.removed_refused += 1;
        tally.last_removed_refused = Some(self.now().elapsed());
    }
}

impl<P> Stage<P> {
    fn now(&self) -> Time {
        *self.time.borrow()
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        // Numbers are added under this lock, nothing else.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
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
