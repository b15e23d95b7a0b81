//! The right to feed a source, which one task has at a time.

use std::fmt;
use std::future::Future;
use std::sync::PoisonError;

use tokio::runtime::Handle;

use crate::background::abort_on_drop::AbortOnDrop;
use crate::config_error::ConfigError;
use crate::revocation::feed::{FeedEndedGuard, WeakRevocationSource, run};
use crate::revocation::source::RevocationSource;

/// The right to feed a source. Get one from [`RevocationSource::claim_feed`].
///
/// Use it if a feed changes its source before its task runs, for example with a first read that the
/// application waits for. Dropping it allows another feed.
#[must_use = "dropping it allows another feed"]
pub struct FeedClaim {
    source: RevocationSource,
    runtime: Handle,
    /// `None` if a task has it.
    follower: Option<u64>,
}

impl RevocationSource {
    /// Claims the right to feed the source, and changes nothing else.
    ///
    /// ```
    /// use scopegate::{Revocation, RevocationSource, Revocations};
    ///
    /// # async fn load() -> Result<Vec<Revocation>, &'static str> { Ok(Vec::new()) }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let source = Revocations::new().source("queue")?;
    /// let claim = source.claim_feed()?;
    /// assert!(source.claim_feed().is_err());
    /// // After an error, another feed is possible.
    /// source.replace_all(load().await?)?;
    /// claim.feed(async |_| Err("the queue has closed the connection"));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::OutOfRange`] if a task feeds the source already, and
    /// [`ConfigError::NoRuntime`] outside of a Tokio runtime.
    pub fn claim_feed(&self) -> Result<FeedClaim, ConfigError> {
        let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let Some(follower) = self.state.follow() else {
            let (setting, expected) = ("revocation feed", "one feed for each source");
            return Err(ConfigError::OutOfRange { setting, expected, found: self.name().to_owned() });
        };
        Ok(FeedClaim { source: self.clone(), runtime, follower: Some(follower) })
    }
}

impl FeedClaim {
    /// Feeds the source in a background task, like [`RevocationSource::feed`]. The task lives on the
    /// runtime that the source was claimed on.
    pub fn feed<F, E>(mut self, attempt: impl FnMut(WeakRevocationSource) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: fmt::Display + 'static,
    {
        let Some(follower) = self.follower.take() else { return };
        let source = &self.source;
        let ended = FeedEndedGuard::of_task(source, follower);
        let task = self.runtime.spawn(run(source.downgrade(), attempt, ended));
        let mut feeds = source.shared.adding.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.push(AbortOnDrop(task.abort_handle()));
    }
}

impl Drop for FeedClaim {
    fn drop(&mut self) {
        if let Some(follower) = self.follower {
            self.source.state.unfollow(follower);
        }
    }
}

impl fmt::Debug for FeedClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FeedClaim").field("source", &self.source.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::Revocations;

    #[tokio::test]
    async fn dropped_claim_allows_another_feed() {
        let revocations = Revocations::new();
        let source = revocations.source("queue").unwrap();
        let claim = source.claim_feed().unwrap();
        assert!(matches!(source.claim_feed(), Err(ConfigError::OutOfRange { .. })));
        let ended = async |_| Err::<(), _>("closed");
        assert!(source.feed(ended).is_err());
        drop(claim);
        assert_eq!(revocations.status().sources[0].last_failure, None, "a claim changes nothing");

        source.claim_feed().unwrap().feed(ended);
        assert!(source.claim_feed().is_err(), "the task has it");
        tokio::task::yield_now().await;
        assert_eq!(revocations.status().sources[0].last_failure.as_deref(), Some("closed"));
    }
}
