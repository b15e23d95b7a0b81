//! Entries on their way into the store. Their number is bounded, however many are given.

use crate::revocation::store::entry::Entry;
use crate::revocation::store::{Placed, Store, normalize};
use crate::token::numeric_date::NumericDate;

/// Entries of one source that will be added together.
#[derive(Debug)]
pub(crate) struct Collected {
    pub(super) placed: Vec<Placed>,
    limit: usize,
    omitted: usize,
    now: NumericDate,
    /// The dropped entry with the latest end.
    dropped: Option<Entry>,
}

/// Sorting so few entries now and then would cost more than it saves.
const MIN_LIMIT: usize = 1_024;

impl Collected {
    /// It holds at most twice as many entries as the store. If there are more, ended entries are
    /// dropped first.
    pub(crate) fn new(store: &Store, now: NumericDate) -> Self {
        let limit = store.capacity().max(MIN_LIMIT);
        Self { placed: Vec::new(), limit, omitted: 0, now, dropped: None }
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
            if self.placed.len() > self.limit {
                self.drop_ended();
            }
            // The rest fills the store in any case.
            self.omitted += self.placed.len().saturating_sub(self.limit);
            self.placed.truncate(self.limit);
        }
    }

    fn drop_ended(&mut self) {
        let (now, dropped) = (self.now, &mut self.dropped);
        self.placed.retain(|Placed { entry, .. }| {
            let has_ended = entry.terms().has_ended(now);
            if has_ended && dropped.is_none_or(|last| last.terms().end() < entry.terms().end()) {
                *dropped = Some(*entry);
            }
            !has_ended
        });
    }

    /// How many were left out. Then the store cannot hold all entries in force.
    pub(crate) fn omitted(&self) -> usize {
        self.omitted
    }

    /// Returns the dropped entry with the latest end. It is missing if the clock is set back.
    pub(super) fn dropped(&self) -> Option<&Entry> {
        self.dropped.as_ref()
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

    fn date(seconds: u64) -> NumericDate {
        (std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).into()
    }

    fn placed(store: &Store, name: usize) -> Placed {
        ending(store, name, None)
    }

    fn ending(store: &Store, name: usize, ends_at: Option<u64>) -> Placed {
        let name = name.to_string();
        let target = Target {
            kind: Kind::Token,
            issuer: "i".into(),
            name: name.into(),
            issued_before: None,
            ends_at: ends_at.map(date),
        };
        store.place(&target, 0)
    }

    #[test]
    fn entries_beyond_the_capacity_are_counted_and_not_held() {
        assert_eq!(2 * size_of::<Placed>(), 64);
        let store = Store::new(10);
        let mut collected = Collected::new(&store, date(0));
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
            let mut collected = Collected::new(&store, date(0));
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
        let mut collected = Collected::new(&store, date(0));
        for round in 0..100_000 {
            collected.push(placed(&store, round % 10));
        }
        assert_eq!(collected.omitted(), 0);
        normalize(&mut collected.placed);
        assert_eq!(collected.len(), 10);
    }

    #[test]
    fn ended_entries_are_dropped_before_others() {
        // RV04
        for (now, omitted, dropped) in
            [(1_601, 0, Some(1_601)), (1_600, 1_000, Some(1_600)), (1_599, 2_000, None)]
        {
            let store = Store::new(2_000);
            let mut collected = Collected::new(&store, date(now));
            for name in 0..4_000 {
                collected.push(match name % 4 {
                    // They end at 1,601 and 1,600.
                    0 => ending(&store, name, Some(1_001)),
                    1 => ending(&store, name, Some(1_000)),
                    _ => placed(&store, name),
                });
            }
            collected.push(placed(&store, 4_000));
            let found = collected.dropped().and_then(|entry| entry.terms().end());
            assert_eq!((collected.omitted(), found), (omitted, dropped), "{now}");
        }
    }

    #[test]
    fn ended_entries_are_held_while_there_is_room() {
        // RV04
        let store = Store::new(2_000);
        // The clock may be ahead.
        let mut collected = Collected::new(&store, date(1_600));
        (0..3_999).for_each(|name| collected.push(ending(&store, name, Some(1_000))));
        assert_eq!((collected.len(), collected.dropped()), (3_999, None));
        collected.push(ending(&store, 4_000, Some(1_000)));
        assert_eq!((collected.len(), collected.omitted()), (0, 0));
    }
}
