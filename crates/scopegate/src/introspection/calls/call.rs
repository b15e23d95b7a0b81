//! One call of the endpoint, and the requests that wait for its outcome.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::introspection::calls::class::Class;
use crate::introspection::responses::outcome::Outcome;

/// Maximum number of requests of one issuer that wait, for each [`Class`] of tokens. Each holds a
/// connection and some kilobytes.
const MAX_WAITING: usize = 4_096;

/// Maximum number of requests that wait for one call, so that a caller who repeats one token leaves
/// room for other tokens.
const MAX_WAITING_PER_CALL: usize = 1_024;

/// A call that runs or is queued. Every request with its token shares it.
pub(crate) struct Call {
    class: Class,
    outcome: watch::Sender<Option<Outcome>>,
}

/// The number of requests that wait for calls of each class. Requests with invented tokens must not
/// take the room of others.
#[derive(Default)]
pub(crate) struct Waiting {
    known: AtomicUsize,
    unseen: AtomicUsize,
}

impl Waiting {
    fn of(&self, class: Class) -> &AtomicUsize {
        match class {
            Class::Known => &self.known,
            Class::Unseen => &self.unseen,
        }
    }

    /// Returns the number of requests that wait.
    pub(crate) fn requests(&self) -> usize {
        self.known.load(Ordering::Relaxed).saturating_add(self.unseen.load(Ordering::Relaxed))
    }
}

impl Call {
    pub(crate) fn new(class: Class) -> Self {
        Self { class, outcome: watch::Sender::new(None) }
    }

    /// Waits for the outcome until the deadline. Returns at once if too many requests wait already.
    pub(crate) async fn settled(&self, waiting: &Waiting, deadline: Instant) -> Result<Outcome, Unsettled> {
        let waiting = waiting.of(self.class);
        let _permit = WaitPermit(waiting);
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        if before >= MAX_WAITING || self.outcome.receiver_count() >= MAX_WAITING_PER_CALL {
            return Err(Unsettled::TooManyWaiting);
        }
        let mut receiver = self.outcome.subscribe();
        let waited = timeout_at(deadline, receiver.wait_for(Option::is_some)).await;
        waited.ok().and_then(Result::ok).and_then(|outcome| outcome.clone()).ok_or(Unsettled::TimedOut)
    }

    pub(crate) fn settle(&self, outcome: Outcome) {
        self.outcome.send_replace(Some(outcome));
    }
}

/// The reason why a request does not wait, or no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsettled {
    TooManyWaiting,
    TimedOut,
}

impl Unsettled {
    /// Returns the label in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::TooManyWaiting => "too_many_waiting",
            Self::TimedOut => "timed_out",
        }
    }
}

/// Dropping it, also by a client that disconnected, ends the wait.
struct WaitPermit<'w>(&'w AtomicUsize);

impl Drop for WaitPermit<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use testkit::poll_once;

    use super::*;
    use crate::introspection::responses::outcome::Rejection;

    fn deadline() -> Instant {
        Instant::now() + Duration::from_secs(2)
    }

    #[tokio::test(start_paused = true)]
    async fn all_waiting_requests_get_the_outcome() {
        // IN14
        let (call, waiting) = (Call::new(Class::Known), Waiting::default());
        let (mut first, mut second) =
            (Box::pin(call.settled(&waiting, deadline())), Box::pin(call.settled(&waiting, deadline())));
        assert!(poll_once(&mut first).await.is_none() && poll_once(&mut second).await.is_none());
        drop(first);
        assert_eq!(waiting.requests(), 1);
        call.settle(Outcome::Rejected(Rejection::Inactive));
        assert!(matches!(second.await, Ok(Outcome::Rejected(Rejection::Inactive))));
        let late = call.settled(&waiting, deadline()).await;
        assert!(matches!(late, Ok(Outcome::Rejected(Rejection::Inactive))));
        assert_eq!(waiting.requests(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_at_the_deadline() {
        // IN15
        let (call, waiting, begin) = (Call::new(Class::Known), Waiting::default(), Instant::now());
        assert!(matches!(call.settled(&waiting, deadline()).await, Err(Unsettled::TimedOut)));
        assert_eq!(begin.elapsed(), Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_requests_are_bounded_per_call_and_class() {
        // IN14
        let waiting = Waiting::default();
        let calls: Vec<Call> = (0..5).map(|_| Call::new(Class::Unseen)).collect();
        let mut waits = Vec::new();
        for (number, call) in calls.iter().enumerate() {
            let room = if number < 4 { MAX_WAITING_PER_CALL } else { 0 };
            for _ in 0..room {
                let mut wait = Box::pin(call.settled(&waiting, deadline()));
                assert!(poll_once(&mut wait).await.is_none());
                waits.push(wait);
            }
            let further = poll_once(call.settled(&waiting, deadline())).await;
            assert!(matches!(further, Some(Err(Unsettled::TooManyWaiting))), "call {number}");
        }
        assert_eq!(waiting.requests(), MAX_WAITING);
        let known = Call::new(Class::Known);
        let mut wait = Box::pin(known.settled(&waiting, deadline()));
        assert!(poll_once(&mut wait).await.is_none(), "IN13: a known token has room of its own");
        drop((wait, waits));
        assert_eq!(waiting.requests(), 0);
    }
}
