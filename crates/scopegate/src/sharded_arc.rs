//! A value that many hold, and that is not counted in one place only.
//!
//! Whoever clones an `Arc` writes its count, and processors take the memory of a count from each other. When two of them
//! find the same token in the cache all the time, that costs more than finding it.

use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Holds a value. Clones of a holder share its count, and a [holder for another thread](Self::apart) has its own.
pub(crate) struct ShardedArc<T>(Arc<Counted<T>>);

struct Counted<T> {
    value: Arc<T>,
    _distance: MaybeUninit<[u8; PADDING]>,
}

/// So far from one count to the next one, so that no two are in a piece of memory that processors hand on as a whole: 64
/// bytes, often two of them at a time. Memory that begins at a multiple of that would do it too, and takes 600 instructions
/// more to allocate.
const PADDING: usize = 128;

/// What one more holder takes, in bytes.
pub(crate) const SHARD_SIZE: usize = 2 * size_of::<usize>() + size_of::<Counted<()>>();

impl<T> ShardedArc<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::of(Arc::new(value))
    }

    /// Another holder of the same value, with a count of its own.
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

/// A number of the thread's. Threads that begin one after the other have different ones.
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
    fn holders_share_the_value_and_those_apart_no_count() {
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
    fn a_thread_keeps_its_number_and_the_next_one_has_another() {
        let numbers = || (shard_index(), shard_index());
        let (ours, theirs) = (numbers(), thread::spawn(numbers).join().unwrap());
        assert_eq!((ours.0, theirs.0), (ours.1, theirs.1));
        assert_ne!(ours.0, theirs.0);
    }
}
