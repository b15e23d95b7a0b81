//! The callers of a rehearsal: each presents tokens until it is over, and counts the verdicts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Barrier, watch};
use tokio::time::{Instant, timeout};

use crate::rehearsal::Rehearsal;
use crate::rehearsal::event::Event;

/// What the callers share.
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
pub(super) struct Tally {
    pub(super) sent: u64,
    pub(super) valid_refused: u64,
    pub(super) first_refused: Option<Duration>,
    pub(super) last_refused: Option<Duration>,
    /// So many callers are refused with a token of the removed key.
    pub(super) removed_refused: usize,
    pub(super) last_removed_refused: Option<Duration>,
}

impl<P, F> Stage<P>
where
    P: Fn(String) -> F,
    F: Future<Output = bool>,
{
    /// One caller.
    pub(super) async fn call(self: Arc<Self>) {
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

    pub(super) fn tally(&self) -> MutexGuard<'_, Tally> {
        // Numbers are added under this lock, nothing else.
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
