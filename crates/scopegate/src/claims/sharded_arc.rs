//! An `Arc` with sharded reference counts.
//!
//! Cloning an `Arc` writes its count, so the count's cache line moves between cores that clone the
//! same value. If two cores hit the same cached token all the time, that costs more than the
//! look-up.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A shared value. Clones share a reference count, and each [shard](Self::new_shard) has a count of
/// its own.
pub(crate) struct ShardedArc<T>(Arc<Counted<T>>);

struct Counted<T> {
    value: Arc<T>,
    _distance: MaybeUninit<[u8; PADDING]>,
}

/// Distance between two counts, so that no two of them share a cache line. A line has 64 bytes, and
/// processors often fetch two at a time. An aligned allocation would serve too, but costs 600
/// instructions more.
const PADDING: usize = 128;

/// The size of one more shard, in bytes.
pub(crate) const SHARD_SIZE: usize = 2 * size_of::<usize>() + size_of::<Counted<()>>();

impl<T> ShardedArc<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::of(Arc::new(value))
    }

    /// Returns a shard of the same value, with a count of its own.
    pub(crate) fn new_shard(&self) -> Self {
        Self::of(Arc::clone(&self.0.value))
    }

    #[cfg(test)]
    pub(crate) fn shares_count_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn of(value: Arc<T>) -> Self {
        Self(Arc::new(Counted { value, _distance: MaybeUninit::uninit() }))
    }
}

impl<T> Clone for ShardedArc<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Deref for ShardedArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0.value
    }
}

/// Returns the number of this thread. Threads that call it first one after the other have
/// consecutive numbers.
pub(crate) fn shard_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.get().unwrap_or_else(|| {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        NUMBER.set(Some(number));
        number
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn shards_share_value_but_no_count() {
        let first = ShardedArc::new(String::from("value"));
        let clone = first.clone();
        let other = first.new_shard();
        assert!(first.shares_count_with(&clone) && !first.shares_count_with(&other));
        assert!(Arc::ptr_eq(&first.0.value, &other.0.value), "one value");
        drop((first, clone));
        assert_eq!(*other, "value");
    }

    #[test]
    fn counts_are_far_from_each_other() {
        assert!(size_of::<Counted<u8>>() >= PADDING + size_of::<Arc<u8>>());
        let holders: Vec<ShardedArc<u8>> = (0..8).map(ShardedArc::new).collect();
        let mut places: Vec<usize> = holders.iter().map(|holder| Arc::as_ptr(&holder.0).addr()).collect();
        places.sort_unstable();
        assert!(places.iter().zip(places.iter().skip(1)).all(|(a, b)| b - a >= PADDING), "{places:?}");
    }

    #[test]
    fn shard_index_is_stable_and_differs_between_threads() {
        let numbers = || (shard_index(), shard_index());
        let (ours, theirs) = (numbers(), thread::spawn(numbers).join().unwrap());
        assert_eq!((ours.0, theirs.0), (ours.1, theirs.1));
        assert_ne!(ours.0, theirs.0);
    }
}
