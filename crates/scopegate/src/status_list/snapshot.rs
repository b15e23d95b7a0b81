//! The list of one fetch, as requests read it.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::status_list::array::StatusArray;
use crate::token::numeric_date::NumericDate;

/// A list and the dates until which it is used. Requests read it without a lock.
pub(super) struct Snapshot {
    array: StatusArray,
    /// If the clock is set back, a list from the far future is unusable.
    not_before: NumericDate,
    /// Requests use the list until then without further checks.
    current_until: Date,
    /// The end by `exp`, by the stale limit, or by the withdrawal of the key.
    usable_until: Date,
}

/// The result of looking up an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looked {
    /// The status, or `None` if the list is shorter.
    Found(Option<u8>),
    /// The list is usable, but a fetch should have replaced it.
    Overdue(Option<u8>),
    /// There is no usable list.
    Unusable,
}

/// A date that changes while requests read it: seconds since 1970, as the bits of an `f64`. Writers
/// hold the lock of the list.
struct Date(AtomicU64);

impl Snapshot {
    pub(super) fn new(
        array: StatusArray,
        not_before: NumericDate,
        current_until: NumericDate,
        usable_until: NumericDate,
    ) -> Self {
        let (current_until, usable_until) = (Date::new(current_until), Date::new(usable_until));
        Self { array, not_before, current_until, usable_until }
    }

    #[inline]
    pub(super) fn look_up(&self, index: u64, now: NumericDate) -> Looked {
        if now <= self.not_before || !self.usable_until.is_after(now) {
            Looked::Unusable
        } else if self.current_until.is_after(now) {
            Looked::Found(self.array.get(index))
        } else {
            Looked::Overdue(self.array.get(index))
        }
    }

    /// Returns the size of the list in bytes.
    pub(super) fn len(&self) -> usize {
        self.array.len()
    }

    /// Lets requests use the list until then without further checks. Its end stays.
    pub(super) fn extend(&self, until: NumericDate) {
        if !self.current_until.is_after(until) {
            self.current_until.set(until);
        }
    }

    /// Makes the list overdue, and ends it at this date or earlier.
    pub(super) fn end_by(&self, end: NumericDate) {
        self.current_until.set(NumericDate::DISTANT_PAST);
        if self.usable_until.is_after(end) {
            self.usable_until.set(end);
        }
    }
}

impl Date {
    fn new(date: NumericDate) -> Self {
        Self(AtomicU64::new(date.as_secs_f64().to_bits()))
    }

    fn set(&self, date: NumericDate) {
        self.0.store(date.as_secs_f64().to_bits(), Ordering::Relaxed);
    }

    #[inline]
    fn is_after(&self, date: NumericDate) -> bool {
        date.as_secs_f64() < f64::from_bits(self.0.load(Ordering::Relaxed))
    }
}
