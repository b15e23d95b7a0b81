//! A feed of the application's own: a task that fills a source until the store is dropped.

pub(crate) mod claim;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use scopegate_proto::backoff::Backoff;
use tokio::time::{Instant, sleep};

use crate::background::catch_panic::{catch_panic, ignore_panic};
use crate::config_error::ConfigError;
use crate::revocation::Shared;
use crate::revocation::source::{RevocationSource, SourceState};

/// The longest pauses after the first failure and after many of them. A feed is read by each
/// instance of a fleet, and each second without it lets revoked tokens through.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const MAX_PAUSE: Duration = Duration::from_secs(15);

/// A [`RevocationSource`] that does not keep the [`Revocations`](crate::Revocations) alive. Get one
/// from [`RevocationSource::downgrade`].
#[derive(Clone)]
pub struct WeakRevocationSource {
    shared: Weak<Shared>,
    state: Arc<SourceState>,
}

impl WeakRevocationSource {
    /// Returns the source, or `None` if its [`Revocations`](crate::Revocations) were dropped.
    ///
    /// Don't hold it while you wait for entries.
    pub fn upgrade(&self) -> Option<RevocationSource> {
        Some(RevocationSource { shared: self.shared.upgrade()?, state: Arc::clone(&self.state) })
    }
}

impl RevocationSource {
    /// Returns a handle for a task that feeds the source.
    pub fn downgrade(&self) -> WeakRevocationSource {
        WeakRevocationSource { shared: Arc::downgrade(&self.shared), state: Arc::clone(&self.state) }
    }

    /// Feeds the source in a background task, until the last clone of the
    /// [`Revocations`](crate::Revocations) is dropped.
    ///
    /// `attempt` connects, and adds and withdraws entries for as long as it can. It reports each
    /// success with [`synced`](Self::synced). When it returns or panics, the source has
    /// [`failed`](Self::failed), and it is called again after a pause with jitter: at most 250 ms,
    /// doubled after each failure up to 15 s. A success ends the doubling. The task lives on the
    /// runtime that this is called on. If that ends, the source has failed as well.
    ///
    /// ```
    /// use scopegate::{Revocation, Revocations, WeakRevocationSource};
    /// # type Connection = tokio::sync::mpsc::Receiver<Revocation>;
    /// # async fn connect() -> Result<Connection, &'static str> {
    /// #     let (sender, receiver) = tokio::sync::mpsc::channel(1);
    /// #     sender.try_send(Revocation::session("i", "s")).map_err(|_| "closed")?;
    /// #     Ok(receiver)
    /// # }
    ///
    /// async fn read(source: WeakRevocationSource) -> Result<(), &'static str> {
    ///     let mut queue = connect().await?;
    ///     while let Some(revocation) = queue.recv().await {
    ///         let Some(source) = source.upgrade() else { return Ok(()) };
    ///         source.revoke(revocation).map_err(|_| "the store is full")?;
    ///         source.synced();
    ///     }
    ///     Err("the queue has closed the connection")
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let revocations = Revocations::new();
    /// let source = revocations.source("queue")?.with_initial_sync();
    /// source.feed(read)?;
    /// revocations.ready().await;
    /// # assert_eq!(revocations.status().entries, 1);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::OutOfRange`] if a task feeds the source already, and
    /// [`ConfigError::NoRuntime`] outside of a Tokio runtime.
    pub fn feed<F, E>(
        &self,
        attempt: impl FnMut(WeakRevocationSource) -> F + Send + 'static,
    ) -> Result<(), ConfigError>
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        self.claim_feed()?.feed(attempt);
        Ok(())
    }
}

async fn run<F, E>(
    source: WeakRevocationSource,
    mut attempt: impl FnMut(WeakRevocationSource) -> F,
    _ended: FeedEndedGuard,
) where
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    let mut backoff = Backoff::new(FIRST_PAUSE, MAX_PAUSE);
    loop {
        let begun = Instant::now();
        let reason = match catch_panic(async { attempt(source.clone()).await }).await {
            Ok(Ok(())) => "it has ended".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(message) => format!("reading panicked: {message}"),
        };
        let Some(source) = source.upgrade() else { return };
        if source.state.feed().synced_at.is_some_and(|(at, _)| at >= begun) {
            backoff.reset();
        }
        // Subscribers and recorders are the application's. Their panic must not end the task.
        ignore_panic(|| source.failed(reason));
        drop(source);
        sleep(backoff.next_delay(fastrand::f64())).await;
    }
}

impl RevocationSource {
    /// Claims sources for one feed that lasts until the guards are dropped. `reason` says how it
    /// ends. The settings and the failure of an earlier feed are forgotten.
    ///
    /// # Errors
    /// Returns the first source that another feed has. Then none is claimed.
    pub(crate) fn claim_all<'a>(
        sources: impl Iterator<Item = &'a Self>,
        reason: &'static str,
    ) -> Result<Vec<FeedEndedGuard>, &'a Self> {
        let mut claimed = Vec::new();
        for source in sources {
            let Some(follower) = source.state.follow() else {
                for (source, follower) in claimed {
                    let source: &Self = source;
                    source.state.unfollow(follower);
                }
                return Err(source);
            };
            claimed.push((source, follower));
        }
        let guards = claimed.into_iter().map(|(source, follower)| {
            source.begin_anew();
            FeedEndedGuard::new(source, follower, reason)
        });
        Ok(guards.collect())
    }
}

/// Reports the end of a feed: of its task with its runtime, or of the application's handle.
pub(crate) struct FeedEndedGuard {
    shared: Weak<Shared>,
    state: Arc<SourceState>,
    /// The feed's number: an aborted task ends when another may follow the source already.
    follower: u64,
    reason: &'static str,
}

impl FeedEndedGuard {
    /// Guards a task that reads the source.
    pub(in crate::revocation) fn of_task(source: &RevocationSource, follower: u64) -> Self {
        Self::new(source, follower, "the task that reads it has ended")
    }

    /// Guards a feed that has this number. `reason` says how it ends.
    pub(crate) fn new(source: &RevocationSource, follower: u64, reason: &'static str) -> Self {
        let (shared, state) = (Arc::downgrade(&source.shared), Arc::clone(&source.state));
        Self { shared, state, follower, reason }
    }
}

impl Drop for FeedEndedGuard {
    fn drop(&mut self) {
        // It was not abandoned, and the store is not gone.
        if self.state.unfollow(self.follower)
            && let Some(shared) = self.shared.upgrade()
        {
            let source = RevocationSource { shared, state: Arc::clone(&self.state) };
            ignore_panic(|| source.failed(self.reason));
        }
    }
}

impl fmt::Debug for WeakRevocationSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakRevocationSource").field("name", &self.state.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::revocation::Revocations;
    use crate::revocation::revoked::Revocation;

    fn failure(revocations: &Revocations) -> Option<String> {
        revocations.status().sources.into_iter().next()?.last_failure
    }

    #[tokio::test(start_paused = true)]
    async fn failed_attempt_is_repeated_after_growing_pauses() {
        let revocations = Revocations::new();
        let source = revocations.source("queue").unwrap().with_initial_sync();
        let attempts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&attempts);
        let feed = move |source: WeakRevocationSource| {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                assert!(number != 1, "the second one panics");
                if number == 40 {
                    source.upgrade().unwrap().synced();
                    std::future::pending::<()>().await;
                }
                Err::<(), _>(format!("attempt {number}"))
            }
        };
        source.feed(feed).unwrap();
        assert!(matches!(source.feed(async |_| Ok::<_, &str>(())), Err(ConfigError::OutOfRange { .. })));
        let begun = Instant::now();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(failure(&revocations).unwrap(), "attempt 0");
        while failure(&revocations).unwrap() == "attempt 0" {
            sleep(Duration::from_millis(1)).await;
        }
        let failure_of_panic = failure(&revocations).unwrap();
        assert!(failure_of_panic.starts_with("reading panicked: "), "{failure_of_panic}");
        revocations.ready().await;
        assert_eq!(attempts.load(Ordering::Relaxed), 41);
        // Each pause is at most 15 s.
        assert!(begun.elapsed() > Duration::from_secs(20) && begun.elapsed() < Duration::from_secs(40 * 15));
        assert_eq!(failure(&revocations), None);
    }

    #[tokio::test]
    async fn feed_ends_with_its_store() {
        let revocations = Revocations::new();
        let held = Arc::new(());
        let in_task = Arc::clone(&held);
        let feed = move |source: WeakRevocationSource| {
            let held = Arc::clone(&in_task);
            async move {
                source.upgrade().unwrap().revoke(Revocation::session("i", "s")).unwrap();
                source.upgrade().unwrap().synced();
                std::future::pending::<()>().await;
                drop(held);
                Ok::<_, &str>(())
            }
        };
        revocations.source("queue").unwrap().with_initial_sync().feed(feed).unwrap();
        revocations.ready().await;
        assert_eq!(revocations.status().entries, 1);
        drop(revocations);
        tokio::task::yield_now().await;
        assert_eq!(Arc::strong_count(&held), 1, "the task has ended");
    }

    #[test]
    fn end_of_the_runtime_is_a_failure() {
        let revocations = Revocations::new();
        let source = revocations.source("queue").unwrap();
        let waiting = async |_| std::future::pending::<Result<(), &str>>().await;
        assert!(matches!(source.feed(waiting), Err(ConfigError::NoRuntime)));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { source.feed(waiting).unwrap() });
        assert_eq!(failure(&revocations), None);
        drop(runtime);
        assert_eq!(failure(&revocations).unwrap(), "the task that reads it has ended");
    }
}
