//! The connection of a store, which all requests share, and which is replaced when it fails.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use scopegate::ReplayStoreError;
use scopegate_proto::backoff::Backoff;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::connection::Redis;
use crate::connection::open::Connection;
use crate::error::RedisError;
use crate::replay::opened::{BACKOFF, Opened, Stalled};
use crate::replay::reason;
use crate::replay::server::check_eviction;

/// A connection that is younger is not replaced for a late response: the server is slow.
const MIN_AGE: Duration = Duration::from_secs(1);

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
    /// One task opens a connection. Until then, requests use the stalled one.
    Opening {
        stalled: Option<Stalled>,
    },
    Open {
        opened: Arc<Opened>,
        since: Instant,
    },
}

impl State {
    fn closed(reason: ReplayStoreError, mut backoff: Backoff) -> Self {
        let retry_at = Instant::now() + backoff.next_delay(fastrand::f64());
        Self::Closed { reason, retry_at, backoff }
    }

    fn open(opened: Arc<Opened>) -> Self {
        Self::Open { opened, since: Instant::now() }
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

    /// Connects, logs in, and checks whether the server evicts keys.
    pub(super) async fn open(&self, backoff: Backoff) -> Result<Opened, RedisError> {
        let mut connection = Connection::open(&self.redis).await?;
        check_eviction(&mut connection, self.allows_eviction, &self.has_warned).await?;
        Ok(Opened::new(connection, backoff))
    }

    pub(super) fn set(&self, opened: Arc<Opened>) {
        self.state.send_replace(State::open(opened));
    }

    /// Returns the connection. Opens one if there is none, and waits for it.
    ///
    /// # Errors
    /// Returns the reason of the last failure, if the next attempt is not due.
    pub(super) async fn get(self: &Arc<Self>) -> Result<Arc<Opened>, ReplayStoreError> {
        let mut due = None;
        self.state.send_if_modified(|state| match state {
            State::Closed { retry_at, backoff, .. } if *retry_at <= Instant::now() => {
                due = Some(backoff.clone());
                *state = State::Opening { stalled: None };
                true
            }
            _ => false,
        });
        if let Some(backoff) = due {
            self.start(backoff);
        }
        self.when(|state| match state {
            State::Opening { stalled } => stalled.as_ref().map(|stalled| Arc::clone(&stalled.opened)),
            State::Open { opened, .. } => Some(Arc::clone(opened)),
            State::Closed { .. } => None,
        })
        .await
    }

    /// Waits for the connection that replaces a stalled one.
    ///
    /// # Errors
    /// Returns the reason of the last failure.
    pub(super) async fn after(&self, stalled: &Arc<Opened>) -> Result<Arc<Opened>, ReplayStoreError> {
        self.when(|state| match state {
            State::Open { opened, .. } if !Arc::ptr_eq(opened, stalled) => Some(Arc::clone(opened)),
            _ => None,
        })
        .await
    }

    /// Waits for a state with a connection, or for a failure.
    async fn when(
        &self,
        connection: impl Fn(&State) -> Option<Arc<Opened>>,
    ) -> Result<Arc<Opened>, ReplayStoreError> {
        let mut states = self.state.subscribe();
        let is_decided = |state: &State| matches!(state, State::Closed { .. }) || connection(state).is_some();
        match states.wait_for(is_decided).await.as_deref() {
            Ok(State::Closed { reason, .. }) => Err(reason.clone()),
            // The sender is a field of this value, so it exists.
            other => other.ok().and_then(&connection).ok_or_else(|| ReplayStoreError::new("not connected")),
        }
    }

    /// Replaces a connection that has failed. Other requests may have replaced it before.
    ///
    /// If it was never of use, another one may fail in the same way. So the next attempt follows
    /// after a delay.
    pub(super) fn replace(self: &Arc<Self>, failed: &Arc<Opened>, error: &RedisError) {
        let mut opens = false;
        self.state.send_if_modified(|state| {
            *state = match state {
                State::Open { opened, .. } if Arc::ptr_eq(opened, failed) => {
                    opens = failed.uses() > 0;
                    if opens {
                        State::Opening { stalled: None }
                    } else {
                        State::closed(reason(error), failed.backoff())
                    }
                }
                State::Opening { stalled: Some(stalled) } if Arc::ptr_eq(&stalled.opened, failed) => {
                    State::Opening { stalled: None }
                }
                _ => return false,
            };
            true
        });
        if opens {
            self.start(BACKOFF);
        }
    }

    /// Starts to replace a connection without responses, at most once a second. Returns whether
    /// there is, or may be, another connection.
    pub(super) fn replace_stalled(self: &Arc<Self>, late: &Arc<Opened>) -> bool {
        let (mut opens, mut is_young) = (false, false);
        self.state.send_if_modified(|state| {
            if let State::Open { opened, since } = state
                && Arc::ptr_eq(opened, late)
            {
                is_young = since.elapsed() < MIN_AGE;
                opens = !is_young;
            }
            if opens {
                *state = State::Opening { stalled: Some(Stalled::new(late)) };
            }
            opens
        });
        if opens {
            self.start(late.backoff());
        }
        !is_young
    }

    /// Opens a connection in a task of its own, because a request may give up meanwhile.
    fn start(self: &Arc<Self>, backoff: Backoff) {
        let attempt = Attempt { link: Arc::clone(self), backoff, is_done: false };
        tokio::spawn(attempt.run());
    }

    /// Ends an attempt that has failed.
    fn close(&self, reason: ReplayStoreError, backoff: &Backoff) {
        self.state.send_if_modified(|state| {
            let State::Opening { stalled } = state else { return false };
            *state = match stalled.take() {
                Some(stalled) if stalled.is_of_use() => State::open(stalled.opened),
                _ => State::closed(reason, backoff.clone()),
            };
            true
        });
    }
}

/// The attempt to open a connection. It ends, even if its runtime does first.
struct Attempt {
    link: Arc<Link>,
    backoff: Backoff,
    is_done: bool,
}

impl Attempt {
    async fn run(mut self) {
        let opened = self.link.open(self.backoff.clone()).await;
        self.is_done = true;
        match opened {
            Ok(opened) => self.link.set(Arc::new(opened)),
            Err(error) => self.link.close(reason(&error), &self.backoff),
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.is_done {
            let reason = ReplayStoreError::new("the runtime ended while a connection was opened");
            self.link.close(reason, &self.backoff);
        }
    }
}
