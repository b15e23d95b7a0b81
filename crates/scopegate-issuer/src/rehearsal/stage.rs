//! The callers of a rehearsal. Each of them presents tokens until the end, and counts the results.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Barrier, watch};
use tokio::time::{Instant, timeout};

use crate::rehearsal::Rehearsal;
use crate::rehearsal::event::Event;

/// The state that the callers share.
pub(super) struct Stage<P> {
    pub(super) rehearsal: Rehearsal,
    pub(super) event: Event,
    /// A token that was signed before the event and its preparation.
    pub(super) earlier: Option<String>,
    pub(super) is_accepted: P,
    pub(super) ready: Barrier,
    pub(super) time: watch::Sender<Time>,
    pub(super) tally: Mutex<Tally>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Time {
    Before,
    /// The event is being triggered.
    During,
    After(Instant),
    Over(Instant),
}

impl Time {
    /// Returns the time since the event.
    fn elapsed(self) -> Duration {
        match self {
            Self::Before | Self::During => Duration::ZERO,
            Self::After(begin) | Self::Over(begin) => begin.elapsed(),
        }
    }
}

/// The counts since the event.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) valid_rejected: u64,
    pub(super) first_rejected: Option<Duration>,
    pub(super) last_rejected: Option<Duration>,
    /// The number of callers that were rejected with a token of the removed key, or the revoked one.
    pub(super) removed_rejected: usize,
    pub(super) last_removed_rejected: Option<Duration>,
}

impl<P, F> Stage<P>
where
    P: Fn(String) -> F,
    F: Future<Output = bool>,
{
    /// Runs one caller.
    pub(super) async fn call(self: Arc<Self>) {
        let mut time = self.time.subscribe();
        let mut earlier = self.earlier.clone();
        self.ask(&mut earlier).await;
        self.ready.wait().await;
        loop {
            let over = time.wait_for(|time| matches!(time, Time::Over(_)));
            if timeout(self.rehearsal.interval, over).await.is_ok() {
                return;
            }
            self.ask(&mut earlier).await;
        }
    }

    async fn ask(&self, earlier: &mut Option<String>) {
        if let Some(token) = earlier {
            let sent = self.now();
            let accepted = (self.is_accepted)(token.clone()).await;
            if !self.event.ends_earlier_tokens() {
                self.valid(accepted);
            } else if matches!(sent, Time::After(_)) && !accepted {
                self.removed_is_rejected();
                // The result of this caller is known. Further rejected tokens would change the load.
                *earlier = None;
            }
        }
        let minted = self.now();
        let token = self.rehearsal.mint();
        let accepted = (self.is_accepted)(token.clone()).await;
        self.rehearsal.forget(&token);
        // During the event, the key of this token may have been removed, so a rejection is not counted.
        if accepted || matches!(minted, Time::After(_)) || !self.event.ends_earlier_tokens() {
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
            tally.valid_rejected += 1;
            tally.first_rejected.get_or_insert(now.elapsed());
            tally.last_rejected = Some(now.elapsed());
        }
    }

    fn removed_is_rejected(&self) {
        let mut tally = self.tally();
        tally.removed_rejected += 1;
        tally.last_removed_rejected = Some(self.now().elapsed());
    }
}

impl<P> Stage<P> {
    fn now(&self) -> Time {
        *self.time.borrow()
    }

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // Only numbers change under this lock, so a poisoned lock is usable.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
