//! The SETs that have no result yet, and since when. The transmitter sends them again.

use std::collections::HashMap;

use tokio::time::Instant;

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

    /// Returns whether a SET was held, because its key is not published.
    pub(super) fn is_held(&self, id: &str) -> bool {
        self.by_id.get(id).is_some_and(|waiting| waiting.is_held)
    }

    /// Adds a SET that cannot be processed now.
    pub(super) fn add(&mut self, id: String, arrived: Instant) {
        self.by_id.insert(id, Waiting { arrived, is_held: false });
    }

    /// Adds a SET whose key is not published.
    pub(super) fn hold(&mut self, id: String, arrived: Instant) {
        self.held += 1;
        self.by_id.insert(id, Waiting { arrived, is_held: true });
    }

    /// The number of held SETs.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}
