//! Entries on their way into the store. Their number is bounded, however many are given.

use crate::revocation::store::{Placed, Store, normalize};

/// Entries that will be added together.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(super) placed: Vec<Placed>,
    limit: usize,
    omitted: usize,
}

/// Sorting so few entries now and then would cost more than it saves.
const MIN_LIMIT: usize = 1_024;

impl Collected {
    /// It holds at most twice as many entries as the store.
    pub(crate) fn new(store: &Store) -> Self {
        Self { placed: Vec::new(), limit: store.capacity().max(MIN_LIMIT), omitted: 0 }
    }

    pub(crate) fn push(&mut self, placed: Placed) {
        let held = self.placed.len();
        if held == self.placed.capacity() {
            // Without the excess of a growing vector.
            self.placed.reserve_exact(held.max(64).min(2 * self.limit - held));
        }
        self.placed.push(placed);
        if self.placed.len() >= 2 * self.limit {
            normalize(&mut self.placed);
            // The rest fills the store in any case.
            self.omitted += self.placed.len().saturating_sub(self.limit);
            self.placed.truncate(self.limit);
        }
    }

    /// How many were left out. Then there are more than the store can hold.
    pub(crate) fn omitted(&self) -> usize {
        self.omitted
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.placed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::kind::Kind;
    use crate::revocation::revoked::Target;

    fn placed(store: &Store, name: usize) -> Placed {
        let name = name.to_string();
        let target = Target {
            kind: Kind::Token,
            issuer: "i".into(),
            name: name.into(),
            issued_before: None,
            ends_at: None,
        };
        store.place(&target, 0)
    }

    #[test]
    fn entries_beyond_the_capacity_are_counted_and_not_held() {
        assert_eq!(2 * size_of::<Placed>(), 64);
        let store = Store::new(10);
        let mut collected = Collected::new(&store);
        for name in 0..100_000 {
            collected.push(placed(&store, name));
            assert!(collected.len() < 2 * MIN_LIMIT && collected.placed.capacity() <= 2 * MIN_LIMIT);
        }
        assert_eq!(collected.len() + collected.omitted(), 100_000);
        assert!(collected.len() >= MIN_LIMIT);
    }

    #[test]
    fn entries_beyond_any_capacity_are_counted() {
        // Twice these capacities is a little more than a power of two.
        for capacity in [1_025, 1_050, 16_400, 131_100] {
            let store = Store::new(capacity);
            let mut collected = Collected::new(&store);
            for name in 0..=2 * capacity {
                collected.push(placed(&store, name));
                assert!(collected.placed.capacity() <= 2 * capacity);
            }
            assert_eq!((collected.len(), collected.omitted()), (capacity + 1, capacity), "{capacity}");
        }
    }

    #[test]
    fn repeated_entries_are_never_left_out() {
        let store = Store::new(10);
        let mut collected = Collected::new(&store);
        for round in 0..100_000 {
            collected.push(placed(&store, round % 10));
        }
        assert_eq!(collected.omitted(), 0);
        normalize(&mut collected.placed);
        assert_eq!(collected.len(), 10);
    }
}
