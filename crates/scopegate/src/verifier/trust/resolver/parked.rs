//! Key sources of evicted issuers, which stay for a short time.
//!
//! A source limits the fetches that tokens cause. An attacker who names real tenants can evict an
//! issuer and name it again. With a new source, the limits would begin anew each time.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::keys::source::KeySource;

/// Maximum number of sources. The oldest is dropped first.
const MAX_PARKED: usize = 1_024;

/// In the order of time, each source once.
#[derive(Default)]
pub(super) struct Parked(VecDeque<(Instant, Arc<KeySource>)>);

impl Parked {
    /// Adds the source of an issuer that was evicted now. Its time begins anew if it is here already:
    /// issuers that evict each other must not displace the sources of others.
    pub(super) fn add(&mut self, source: Arc<KeySource>, now: Instant) -> Option<Arc<KeySource>> {
        if let Some(at) = self.0.iter().position(|(_, parked)| Arc::ptr_eq(parked, &source)) {
            self.0.remove(at);
        }
        self.0.push_back((now, source));
        if self.0.len() > MAX_PARKED { self.0.pop_front().map(|(_, source)| source) } else { None }
    }

    /// Returns when the oldest source was added.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.0.front().map(|(at, _)| *at)
    }

    /// Removes the sources that were added this long ago. The caller drops them without the lock,
    /// which ends their tasks.
    pub(super) fn take_older(&mut self, than: Duration, now: Instant) -> Vec<Arc<KeySource>> {
        let old = self.0.iter().take_while(|(at, _)| now.saturating_duration_since(*at) >= than).count();
        self.0.drain(..old).map(|(_, source)| source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::abort_on_drop::AbortOnDrop;
    use crate::keys::fetched::FetchedKeys;
    use crate::keys::refresh::schedule::{Interval, RefreshConfig};

    fn source() -> Arc<KeySource> {
        const HOUR: Duration = Duration::from_secs(3_600);
        let config = RefreshConfig { interval: Interval::Fixed(HOUR), cooldown: HOUR, max_stale: HOUR };
        let task = AbortOnDrop(tokio::spawn(std::future::pending::<()>()).abort_handle());
        Arc::new(KeySource { keys: Arc::new(FetchedKeys::new(config)), users: Arc::default(), _task: task })
    }

    #[tokio::test(start_paused = true)]
    async fn sources_stay_for_a_time_and_up_to_a_number() {
        let (mut parked, now) = (Parked::default(), Instant::now());
        let second = Duration::from_secs(1);
        for _ in 0..MAX_PARKED {
            assert!(parked.add(source(), now).is_none());
        }
        assert_eq!(parked.oldest(), Some(now));
        assert!(parked.add(source(), now + second).is_some());
        assert_eq!(parked.0.len(), MAX_PARKED);
        assert!(parked.take_older(30 * second, now + 29 * second).is_empty());
        assert_eq!(parked.take_older(30 * second, now + 30 * second).len(), MAX_PARKED - 1);
        assert_eq!(parked.take_older(30 * second, now + 31 * second).len(), 1);
        assert_eq!(parked.oldest(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn sources_that_displace_each_other_displace_no_other() {
        let (mut parked, now, [one, other]) = (Parked::default(), Instant::now(), [source(), source()]);
        let second = Duration::from_secs(1);
        for _ in 0..MAX_PARKED - 2 {
            assert!(parked.add(source(), now).is_none());
        }
        for _ in 0..MAX_PARKED {
            assert!(parked.add(Arc::clone(&one), now + second).is_none());
            assert!(parked.add(Arc::clone(&other), now + 2 * second).is_none());
        }
        assert_eq!((parked.0.len(), Arc::strong_count(&one)), (MAX_PARKED, 2));
        assert_eq!(parked.take_older(30 * second, now + 31 * second).len(), MAX_PARKED - 1);
        assert_eq!(Arc::strong_count(&other), 2, "its time has begun anew");
    }
}
