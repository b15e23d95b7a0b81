//! The SETs that have no result yet, and since when.
//!
//! A SET without a result is sent again. If its key is not published, the SET is held for a refresh
//! period, because the transmitter may have signed it before it published the key.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// How many SETs with an unpublished key are held: half of the SETs of a request. The
/// other half stays free for valid ones.
pub(super) const MAX_HELD: usize = 50;

/// The SETs of the last response that have no result. A response has at most 256.
#[derive(Debug, Default)]
pub(super) struct WaitingSets {
    by_id: HashMap<String, Waiting>,
    held: usize,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    /// When the SET came first.
    arrived: Instant,
    is_held: bool,
}

impl WaitingSets {
    /// Returns when a SET came first, if it had no result.
    pub(super) fn arrival(&self, id: &str) -> Option<Instant> {
        self.by_id.get(id).map(|waiting| waiting.arrived)
    }

    /// Returns whether a SET was held.
    pub(super) fn is_held(&self, id: &str) -> bool {
        self.by_id.get(id).is_some_and(|waiting| waiting.is_held)
    }

    /// Adds a SET that cannot be processed now.
    pub(super) fn add(&mut self, id: String, arrived: Instant) {
        self.by_id.insert(id, Waiting { arrived, is_held: false });
    }

    /// Adds a SET whose key is not published. Returns its id if it was held for long enough, or if
    /// too many are held.
    pub(super) fn hold(&mut self, id: String, arrived: Instant, period: Duration) -> Result<(), String> {
        if arrived.elapsed() >= period || self.held >= MAX_HELD {
            return Err(id);
        }
        self.held += 1;
        self.by_id.insert(id, Waiting { arrived, is_held: true });
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn set_is_held_for_one_period() {
        let (mut sets, period) = (WaitingSets::default(), Duration::from_secs(600));
        let arrived = Instant::now();
        assert_eq!(sets.hold("a".to_owned(), arrived, period), Ok(()));
        assert!(sets.is_held("a") && sets.arrival("a") == Some(arrived) && !sets.is_held("b"));
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(sets.hold("b".to_owned(), arrived, period), Ok(()));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(sets.hold("c".to_owned(), arrived, period), Err("c".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn number_of_held_sets_is_bounded() {
        let (mut sets, period) = (WaitingSets::default(), Duration::from_secs(600));
        for n in 0..MAX_HELD {
            // Others do not count.
            sets.add(format!("other {n}"), Instant::now());
            assert!(sets.hold(n.to_string(), Instant::now(), period).is_ok());
        }
        assert!(sets.hold("one more".to_owned(), Instant::now(), period).is_err());
        assert!(!sets.is_empty() && sets.arrival("one more").is_none());
    }
}
