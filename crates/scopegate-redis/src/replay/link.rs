//! The connection of a store, which all requests share, and which is replaced when it fails.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use scopegate::ReplayStoreError;
use scopegate_proto::backoff::Backoff;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::connection::Redis;
use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::replay::reason;
use crate::replay::server::check_eviction;

/// A connection that is younger is not replaced for a slow response: the server is slow.
const MIN_AGE: Duration = Duration::from_secs(1);

/// Delays between attempts to connect. The longest one is the `Retry-After` of the responses.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));

pub(super) struct Link {
    pub(super) redis: Redis,
    allows_eviction: bool,
    /// Whether a warning about eviction was logged.
    has_warned: AtomicBool,
    state: watch::Sender<State>,
}

enum State {
    /// The last attempt has failed for this reason.
    Closed {
        reason: ReplayStoreError,
        retry_at: Instant,
        backoff: Backoff,
    },
    /// One task opens a connection.
    Opening(Backoff),
    Open(Arc<Opened>),
}

/// A connection to a server that has responded.
pub(super) struct Opened {
    pub(super) connection: Connection,
    opened_at: Instant,
}

impl Opened {
    /// Connects, logs in, and checks whether the server evicts keys.
    pub(super) async fn open(link: &Link) -> Result<Self, RedisError> {
        let mut connection = Connection::open(&link.redis).await?;
        check_eviction(&mut connection, link.allows_eviction, &link.has_warned).await?;
        Ok(Self { connection, opened_at: Instant::now() })
    }

    /// Waits for a response as long as for that of opening a connection.
    pub(super) async fn within_limit<T>(
        &self,
        link: &Link,
        response: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let limit = link.redis.response_limit();
        let waited = timeout(limit, response).await;
        waited.unwrap_or_else(|_| Err(RedisError::Timeout { address: link.address().to_owned(), limit }))
    }
}

impl Link {
    pub(super) fn new(redis: &Redis, allows_eviction: bool) -> Arc<Self> {
        let reason = ReplayStoreError::new("not connected");
        let closed = State::Closed { reason, retry_at: Instant::now(), backoff: BACKOFF };
        let (redis, has_warned) = (redis.clone(), AtomicBool::new(false));
        Arc::new(Self { redis, allows_eviction, has_warned, state: watch::Sender::new(closed) })
    }

    pub(super) fn address(&self) -> &str {
        self.redis.address()
    }

    pub(super) fn set(&self, opened: Arc<Opened>) {
        self.state.send_replace(State::Open(opened));
    }

    /// Returns the connection. Opens one if there is none, and waits for it.
    ///
    /// # Errors
    /// Returns the reason of the last failure, if the next attempt is not due.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Arc<Opened>, ReplayStoreError> {
        self.open_if(|state| match state {
            State::Closed { retry_at, backoff, .. } if *retry_at <= Instant::now() => Some(backoff.clone()),
            _ => None,
        });
        let mut states = self.state.subscribe();
        let state = states.wait_for(|state| !matches!(state, State::Opening(_))).await;
        match state.as_deref() {
            Ok(State::Open(opened)) => Ok(Arc::clone(opened)),
            Ok(State::Closed { reason, .. }) => Err(reason.clone()),
            // The sender is a field of this value.
            Ok(State::Opening(_)) | Err(_) => Err(ReplayStoreError::new("not connected")),
        }
    }

    /// Replaces a connection that has failed. Other requests may have replaced it before.
    pub(super) fn replace(self: &Arc<Self>, failed: &Arc<Opened>) {
        self.open_if(|state| match state {
            State::Open(opened) if Arc::ptr_eq(opened, failed) => Some(BACKOFF),
            _ => None,
        });
    }

    /// Replaces a connection without responses, at most once a second.
    pub(super) fn replace_stalled(self: &Arc<Self>, stalled: &Arc<Opened>) {
        if stalled.opened_at.elapsed() >= MIN_AGE {
            self.replace(stalled);
        }
    }

    /// Opens a connection in a task of its own, because a request may give up meanwhile.
    fn open_if(self: &Arc<Self>, is_due: impl Fn(&State) -> Option<Backoff>) {
        let is_opening = self.state.send_if_modified(|state| match is_due(state) {
            Some(backoff) => {
                *state = State::Opening(backoff);
                true
            }
            None => false,
        });
        if is_opening {
            let attempt = Attempt { link: Arc::clone(self), is_done: false };
            tokio::spawn(attempt.run());
        }
    }

    fn close(&self, reason: ReplayStoreError) {
        self.state.send_modify(|state| {
            if let State::Opening(backoff) = state {
                let mut backoff = backoff.clone();
                let retry_at = Instant::now() + backoff.next_delay(fastrand::f64());
                *state = State::Closed { reason, retry_at, backoff };
            }
        });
    }
}

/// The attempt to open a connection. It ends, even if its runtime does first.
struct Attempt {
    link: Arc<Link>,
    is_done: bool,
}

impl Attempt {
    async fn run(mut self) {
        let opened = Opened::open(&self.link).await;
        self.is_done = true;
        match opened {
            Ok(opened) => self.link.set(Arc::new(opened)),
            Err(error) => self.link.close(reason(error)),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_done {
            self.link.close(ReplayStoreError::new("the runtime ended while a connection was opened"));
        }
    }
}
