//! Rehearsals: the effects of key rotations and outages on callers.
//!
//! A rehearsal sees tokens and responses only, so it works with any resource server.

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

/// Plays an [`Event`] while callers send requests to a resource server, and reports its effects.
///
/// Use it to test how your API behaves when its issuer rotates its keys, withdraws a key, or is
/// unavailable. You pass a function that presents a token and returns whether it was accepted. The
/// API can be a router in this process or a service on a socket.
///
/// 1. Each caller presents a new token. If the event changes keys or revokes tokens, it also presents
///    an earlier token.
/// 2. When each caller has its responses, the event happens. Later responses are counted.
/// 3. The callers continue for the [duration](Self::duration), with an [interval](Self::interval)
///    between requests. Then the rehearsal waits for open requests, so give your client a timeout.
///
/// A request is valid if its token is signed by the current signing key, or by a key that was not
/// removed, and if the issuer has not revoked it. If a key is removed during a request, the response
/// to its token is not counted.
///
/// ```
/// use scopegate_issuer::{Event, LocalIssuer, Rehearsal};
///
/// # mod my {
/// #     // It looks each key id up in the current set: no request is rejected, at a price.
/// #     pub async fn api(jwks_uri: String) -> String {
/// #         use axum::http::{HeaderMap, StatusCode};
/// #         use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
/// #         let respond = async move |headers: HeaderMap| {
/// #             let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
/// #             let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
/// #             let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
/// #             let jwks = reqwest::get(&jwks_uri).await.unwrap().text().await.unwrap();
/// #             let known = jwks.contains(header["kid"].as_str().unwrap());
/// #             if known { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
/// #         };
/// #         let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
/// #         let url = format!("http://{}", listener.local_addr().unwrap());
/// #         let router = axum::Router::new().fallback(respond);
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
///     async move { request.send().await.is_ok_and(|response| response.status().is_success()) }
/// };
/// let report = Rehearsal::new(&issuer).play(Event::RotateWithOverlap, is_accepted).await;
/// println!("{}\n{report}", scopegate_issuer::Report::HEADER);
/// assert_eq!(report.valid_rejected, 0);
/// # Ok(()) }
/// ```
///
/// # DPoP
///
/// If the API requires proofs, bind the tokens to a key, and let `is_accepted` sign a proof for each
/// of them:
///
/// ```
/// # use scopegate_issuer::{Algorithm, DpopProof, LocalIssuer, Rehearsal, SigningKey};
/// # async fn rehearse(issuer: LocalIssuer) {
/// let key = SigningKey::generate(Algorithm::ES256);
/// let proof = DpopProof::new(&key, "GET", "https://api.example/orders");
/// let is_accepted = move |token: String| {
///     let headers = [("authorization", format!("DPoP {token}")), ("dpop", proof.clone().token(&token).sign())];
///     async move {
///         // … send a request with these headers
///         # let _ = headers; true
///     }
/// };
/// let rehearsal = Rehearsal::new(&issuer).token(move |mint| mint.with_dpop_key(&key));
/// # rehearsal.play(scopegate_issuer::Event::Outage, is_accepted).await; }
/// ```
///
/// # Introspection
///
/// If the API asks the issuer about each token (RFC 7662), let the callers send [opaque
/// tokens](Self::opaque_tokens):
///
/// ```
/// # use scopegate_issuer::{Event, LocalIssuer, Rehearsal};
/// # async fn rehearse(issuer: LocalIssuer, is_accepted: impl Fn(String) -> std::future::Ready<bool> + Send + Sync + Clone + 'static) {
/// for event in Event::INTROSPECTION {
///     let report = Rehearsal::new(&issuer).opaque_tokens().play(event, is_accepted.clone()).await;
///     println!("{report}");
///     issuer.trigger(Event::IntrospectionRecovery);
/// }
/// # }
/// ```
///
/// Each request has a new token, which the API cannot have cached. With
/// [`TokenRevoked`](Event::TokenRevoked), the report has the time until the API rejects the revoked
/// token.
///
/// # Caveats
///
/// A resource server fetches keys on its own schedule. To observe a fault or a removed key,
/// configure a short refresh interval, and make the rehearsal longer than this interval. You can
/// also use tokio's virtual time, because a rehearsal reads no other clock.
///
/// Most resource servers limit how often an unknown key triggers a fetch. Events within that time
/// affect each other, so start a new resource server for each event.
#[derive(Clone)]
#[must_use = "a rehearsal does nothing until it is played"]
pub struct Rehearsal {
    pool: Pool,
    name: Option<String>,
    callers: usize,
    interval: Duration,
    duration: Duration,
    token: Arc<dyn Fn(Mint) -> Mint + Send + Sync>,
    form: Form,
}

/// The form of the callers' tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Jwt,
    Opaque,
}

impl Rehearsal {
    /// Creates a rehearsal with 8 callers for 2 seconds, an interval of 1 ms, and tokens as
    /// [`Pool::mint`] makes them.
    ///
    /// A [`LocalIssuer`](crate::LocalIssuer) stands for its default pool:
    /// `Rehearsal::new(&issuer)`.
    pub fn new(pool: &Pool) -> Self {
        Self {
            pool: pool.clone(),
            name: None,
            callers: 8,
            interval: Duration::from_millis(1),
            duration: Duration::from_secs(2),
            token: Arc::new(|mint| mint),
            form: Form::Jwt,
        }
    }

    /// Sets the name of the report. Defaults to the name of the event.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the number of concurrent callers. Default: 8. Minimum: 1.
    pub fn callers(mut self, callers: usize) -> Self {
        self.callers = callers.max(1);
        self
    }

    /// Sets the pause of each caller between a response and its next request.
    ///
    /// Default: 1 ms. On a single-threaded runtime, the pause lets other tasks run even if the
    /// resource server never waits.
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long the callers continue after the event. Default: 2 s.
    pub fn duration(mut self, duration: Duration) -> Self {
        self.duration = duration;
        self
    }

    /// Sets a function that changes the callers' tokens. Use it if the resource server requires
    /// another client or other scopes than [`Pool::mint`] sets.
    pub fn token(mut self, token: impl Fn(Mint) -> Mint + Send + Sync + 'static) -> Self {
        self.token = Arc::new(token);
        self
    }

    /// Makes the callers present [opaque tokens](Pool::opaque_token) instead of JWTs. A new token is
    /// forgotten by the issuer after its response.
    pub fn opaque_tokens(mut self) -> Self {
        self.form = Form::Opaque;
        self
    }

    /// Plays the event. `is_accepted` presents a token to the resource server, and returns whether
    /// it was accepted.
    ///
    /// # Panics
    ///
    /// Panics if `is_accepted` panics, with the same payload.
    pub async fn play<P, F>(&self, event: Event, is_accepted: P) -> Report
    where
        P: Fn(String) -> F + Send + Sync + 'static,
        F: Future<Output = bool> + Send + 'static,
    {
        let has_earlier = event.changes_keys() || event.ends_earlier_tokens();
        let earlier = has_earlier.then(|| self.mint());
        self.prepare(event).await;
        let stage = Arc::new(Stage {
            rehearsal: self.clone(),
            event,
            earlier: earlier.clone(),
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
        let introspections_before = self.pool.introspection_requests();
        stage.time.send_replace(Time::During);
        match (event, &earlier) {
            (Event::TokenRevoked, Some(token)) => self.pool.revoke_token(token),
            _ => self.pool.trigger(event),
        }
        let begin = Instant::now();
        stage.time.send_replace(Time::After(begin));
        unless_one_panics(&mut callers, sleep(self.duration)).await;
        stage.time.send_replace(Time::Over(begin));
        while let Some(ended) = callers.join_next().await {
            ended.unwrap_or_else(pass_on);
        }

        let tally = stage.tally();
        let all_rejected = tally.removed_rejected == self.callers;
        Report {
            name: self.name.clone().unwrap_or_else(|| event.to_string()),
            event,
            sent: tally.sent,
            valid_rejected: tally.valid_rejected,
            first_rejected_after: tally.first_rejected,
            last_rejected_after: tally.last_rejected,
            fetches: self.pool.jwks_fetches() - fetches_before,
            introspections: self.pool.introspection_requests() - introspections_before,
            removed_key_rejected_after: tally.last_removed_rejected.filter(|_| all_rejected),
        }
    }

    /// Prepares the event on a blocking thread, because making keys is slow.
    async fn prepare(&self, event: Event) {
        let pool = self.pool.clone();
        tokio::task::spawn_blocking(move || pool.prepare(event)).await.unwrap_or_else(pass_on);
    }

    fn mint(&self) -> String {
        let mint = (self.token)(self.pool.mint());
        match self.form {
            Form::Jwt => mint.sign(),
            Form::Opaque => self.pool.opaque_token(&mint),
        }
    }

    /// Forgets an opaque token, because a pool has room for 10,000.
    fn forget(&self, token: &str) {
        if self.form == Form::Opaque {
            self.pool.forget_opaque_token(token);
        }
    }
}

impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal")
            .field("pool", &self.pool)
            .field("callers", &self.callers)
            .field("interval", &self.interval)
            .field("duration", &self.duration)
            .finish_non_exhaustive()
    }
}

/// Waits for `this`, or for the first caller that panics. Callers don't end otherwise.
async fn unless_one_panics<T>(callers: &mut JoinSet<()>, this: impl Future<Output = T>) -> T {
    tokio::select! {
        done = this => done,
        Some(Err(error)) = callers.join_next() => pass_on(error),
    }
}

/// Resumes the panic of a task in the task that waits for it.
fn pass_on<T>(error: JoinError) -> T {
    match error.try_into_panic() {
        Ok(reason) => panic::resume_unwind(reason),
        Err(cancelled) => unreachable!("no task of a rehearsal is cancelled before its end: {cancelled}"),
    }
}
