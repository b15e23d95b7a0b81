//! Used proofs in memory, without a lock.
//!
//! Proofs are stored by the time slice in which they expire. Each slice has a table of its own with
//! open addressing. An entry is one word: a keyed hash of the proof, and the number of its slice. The
//! table of a past slice is used again for a later one, and entries with the number of another slice
//! count as free. So a slice ends as a whole, and nothing is cleared.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use crate::dpop::replay::{ProofUse, ReplayStoreError, UsedProof};

/// Number of slices that divide the time in which a proof can expire.
const SLICES_PER_WINDOW: u64 = 7;

/// A window touches one slice more than that. Two further slices allow the clock to be set back.
const SLICES: usize = 10;

/// Bits of an entry for the number of its slice. A slice takes 1 s at least, so a number is used again
/// after eight years, and after 85 years with the default age.
const NUMBER_BITS: u32 = 28;
const HASH_BITS: u32 = u64::BITS - NUMBER_BITS;

/// Maximum number of slices by which a later entry is ahead. Any other entry is of the past: a store
/// runs for longer than it takes to count half of the numbers.
const MAX_AHEAD: u64 = 2 * SLICES as u64;

/// Bits of a slice's state for the number of its entries. The other 40 bits have the whole number of
/// the slice for 34,000 years.
const COUNT_BITS: u32 = 24;

/// Used proofs.
pub(crate) struct MemoryStore {
    slices: Box<[Slice]>,
    seconds_per_slice: u64,
    max_per_slice: u64,
    /// The key of the hash is random: a client cannot choose proofs that collide.
    hash: RandomState,
}

struct Slice {
    /// The number of the slice, and the number of its entries.
    state: AtomicU64,
    table: Box<[AtomicU64]>,
}

/// The result of looking for a proof in one table.
enum Found<'a> {
    Same,
    /// The first free entry, and its value.
    Free(&'a AtomicU64, u64),
    /// Every entry is used, or the table belongs to a later slice.
    NoRoom,
}

/// A slice has no room.
struct Full;

impl MemoryStore {
    /// Creates a store for this number of proofs. `window` is the longest time from a proof's use
    /// to its expiry.
    pub(crate) fn new(capacity: usize, window: Duration) -> Self {
        let max_per_slice = capacity.div_ceil(usize::try_from(SLICES_PER_WINDOW).unwrap_or(1)).max(1);
        // Two thirds are used at most, so a search is short.
        let length = max_per_slice + max_per_slice.div_ceil(2);
        let table = || (0..length).map(|_| AtomicU64::new(0)).collect();
        Self {
            slices: (0..SLICES).map(|_| Slice { state: AtomicU64::new(0), table: table() }).collect(),
            seconds_per_slice: window.as_secs().div_ceil(SLICES_PER_WINDOW).max(1),
            max_per_slice: max_per_slice as u64,
            hash: RandomState::new(),
        }
    }

    /// Records a proof. Of several simultaneous calls with one key, one returns `First` at most.
    pub(crate) fn record(&self, proof: &UsedProof) -> Result<ProofUse, ReplayStoreError> {
        let hash = self.hash.hash_one(proof.key());
        let number = self.number(proof.expires_at().as_secs_f64());
        let own = self.slice(number);
        match own.insert(hash, number, self.max_per_slice) {
            Ok(ProofUse::First) => {}
            Ok(ProofUse::Repeated) => return Ok(ProofUse::Repeated),
            Err(Full) => return Err(self.full(proof, number)),
        }
        // A client may have signed the same `jti` with another `iat`. Each is stored before the other
        // is looked up, so at most one of them is the first. Only a fence orders a store before a
        // load of another entry.
        fence(Ordering::SeqCst);
        let first = self.number(proof.now.as_secs_f64());
        let mut others = (first..first + SLICES as u64).filter(|other| *other != number);
        let repeated = others.any(|other| self.slice(other).contains(hash, other));
        Ok(if repeated { ProofUse::Repeated } else { ProofUse::First })
    }

    /// Returns the error of a full slice. A proof that is made at the end of the slice expires in the
    /// next one, which has room.
    fn full(&self, proof: &UsedProof, number: u64) -> ReplayStoreError {
        let end = number.saturating_add(1).saturating_mul(self.seconds_per_slice);
        let rest = Duration::from_secs(end).as_secs_f64() - proof.expires_at().as_secs_f64();
        // The rest is at most one slice.
        let seconds = rest.ceil().clamp(1.0, Duration::from_secs(self.seconds_per_slice).as_secs_f64());
        ReplayStoreError::new("the store of used proofs is full")
            .with_retry_after(Duration::from_secs_f64(seconds))
    }

    /// Returns the number of the slice of a time.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
    fn number(&self, seconds: f64) -> u64 {
        seconds as u64 / self.seconds_per_slice
    }

    fn slice(&self, number: u64) -> &Slice {
        let [first, ..] = &*self.slices else { unreachable!("`new` creates the slices") };
        let at = usize::try_from(number % SLICES as u64).unwrap_or(0);
        self.slices.get(at).unwrap_or(first)
    }

    /// Returns the requested bytes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.slices.iter().map(|slice| size_of_val(slice) + size_of_val(&*slice.table)).sum()
    }
}

impl Slice {
    fn insert(&self, hash: u64, number: u64, max: u64) -> Result<ProofUse, Full> {
        let mut is_reserved = false;
        loop {
            match self.find(hash, number) {
                Found::Same => {
                    if is_reserved {
                        self.state.fetch_sub(1, Ordering::AcqRel);
                    }
                    return Ok(ProofUse::Repeated);
                }
                Found::NoRoom => return Err(Full),
                Found::Free(entry, value) => {
                    if !is_reserved {
                        self.reserve(number, max)?;
                        is_reserved = true;
                    }
                    let own = entry_of(hash, number);
                    if entry.compare_exchange(value, own, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                        // Otherwise this thread was suspended for longer than a window, and the entry
                        // may be overwritten.
                        return if self.is_of(number) { Ok(ProofUse::First) } else { Err(Full) };
                    }
                    // Another request took the entry, perhaps with the same proof.
                }
            }
        }
    }

    fn contains(&self, hash: u64, number: u64) -> bool {
        self.is_of(number) && matches!(self.find(hash, number), Found::Same)
    }

    fn is_of(&self, number: u64) -> bool {
        self.state.load(Ordering::Acquire) >> COUNT_BITS == number & NUMBER_OF_STATE
    }

    fn find(&self, hash: u64, number: u64) -> Found<'_> {
        let own = entry_of(hash, number);
        let start = (u128::from(hash) * self.table.len() as u128) >> 64;
        let (before, from) = self.table.split_at(usize::try_from(start).unwrap_or(0));
        for entry in from.iter().chain(before) {
            let value = entry.load(Ordering::Acquire);
            if value == own {
                return Found::Same;
            }
            match age(value, number) {
                Age::Earlier => return Found::Free(entry, value),
                Age::Same => {}
                // This thread was suspended for longer than a window.
                Age::Later => return Found::NoRoom,
            }
        }
        Found::NoRoom
    }

    /// Counts one more entry of this slice.
    fn reserve(&self, number: u64, max: u64) -> Result<(), Full> {
        let number = number & NUMBER_OF_STATE;
        let reserved = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            let (stored, count) = (state >> COUNT_BITS, state & ((1 << COUNT_BITS) - 1));
            match stored.cmp(&number) {
                std::cmp::Ordering::Less => Some((number << COUNT_BITS) | 1),
                std::cmp::Ordering::Equal => (count < max).then_some(state + 1),
                // The clock was set back by more than the slices allow.
                std::cmp::Ordering::Greater => None,
            }
        });
        reserved.map(|_| ()).map_err(|_| Full)
    }
}

const NUMBER_OF_STATE: u64 = (1 << (u64::BITS - COUNT_BITS)) - 1;

fn entry_of(hash: u64, number: u64) -> u64 {
    // The high bits of the hash choose the place in the table, and the low bits are stored. They are
    // never zero, because an entry of zero was never used.
    (number << HASH_BITS) | (hash & ((1 << HASH_BITS) - 1)).max(1)
}

#[derive(PartialEq, Eq)]
enum Age {
    Earlier,
    Same,
    Later,
}

/// Compares the slice of an entry with a slice. Numbers wrap around.
fn age(entry: u64, number: u64) -> Age {
    const MASK: u64 = (1 << NUMBER_BITS) - 1;
    match (entry >> HASH_BITS).wrapping_sub(number) & MASK {
        // An entry that was never used.
        _ if entry == 0 => Age::Earlier,
        0 => Age::Same,
        1..=MAX_AHEAD => Age::Later,
        _ => Age::Earlier,
    }
}

#[cfg(test)]
mod measure;

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::thread;
    use std::time::UNIX_EPOCH;

    use proptest::prelude::*;

    use super::*;
    use crate::token::numeric_date::NumericDate;

    const WINDOW: Duration = Duration::from_secs(70);
    const AGE: Duration = Duration::from_secs(60);
    const START: u64 = 1_800_000_000;

    fn at(seconds: u64) -> NumericDate {
        (UNIX_EPOCH + Duration::from_secs(START + seconds)).into()
    }

    /// Records a proof with the default age.
    fn record(store: &MemoryStore, id: &str, issued_at: u64, now: u64) -> Option<ProofUse> {
        store.record(&UsedProof::new(&[1; 32], id, at(issued_at), AGE, at(now))).ok()
    }

    #[test]
    fn proof_is_new_once() {
        // DP24
        let store = MemoryStore::new(100, WINDOW);
        assert_eq!(record(&store, "a", 0, 0), Some(ProofUse::First));
        assert_eq!(record(&store, "a", 0, 0), Some(ProofUse::Repeated));
        assert_eq!(record(&store, "b", 0, 0), Some(ProofUse::First));
        let of_another_key = UsedProof::new(&[2; 32], "a", at(0), AGE, at(0));
        assert_eq!(store.record(&of_another_key).unwrap(), ProofUse::First);
    }

    #[test]
    fn same_id_with_other_time_is_repeated() {
        let store = MemoryStore::new(100, WINDOW);
        assert_eq!(record(&store, "a", 0, 0), Some(ProofUse::First));
        for issued_at in [10, 0, 30] {
            assert_eq!(record(&store, "a", issued_at, 25), Some(ProofUse::Repeated), "{issued_at}");
        }
    }

    #[test]
    fn proof_is_kept_until_it_expires() {
        // DP26
        let store = MemoryStore::new(100, WINDOW);
        assert_eq!(record(&store, "a", 9, 0), Some(ProofUse::First));
        for now in [1, 40, 68, 69] {
            assert_eq!(record(&store, "a", 9, now), Some(ProofUse::Repeated), "{now}");
        }
        // With other proofs in every slice meanwhile.
        for now in 0..69 {
            assert_eq!(record(&store, &format!("other-{now}"), now, now), Some(ProofUse::First));
        }
        assert_eq!(record(&store, "a", 9, 69), Some(ProofUse::Repeated));
    }

    #[test]
    fn full_slice_is_an_error_and_ends_with_its_time() {
        // DP28, DP29
        let store = MemoryStore::new(70, WINDOW);
        for number in 0..10 {
            assert_eq!(record(&store, &number.to_string(), 0, 0), Some(ProofUse::First));
        }
        assert_eq!(record(&store, "more", 0, 0), None);
        assert_eq!(record(&store, "3", 0, 0), Some(ProofUse::Repeated), "a replay needs no room");
        for (now, rest) in [(0, 10), (1, 9), (8, 2), (9, 1)] {
            let proof = UsedProof::new(&[1; 32], "more", at(now), AGE, at(now));
            let error = store.record(&proof).unwrap_err();
            assert_eq!(error.retry_after(), Duration::from_secs(rest), "{now}");
        }
        let later = UsedProof::new(&[1; 32], "more", at(9).plus(Duration::from_millis(500)), AGE, at(9));
        assert_eq!(store.record(&later).unwrap_err().retry_after(), Duration::from_secs(1));
        assert_eq!(record(&store, "more", 10, 10), Some(ProofUse::First), "the next slice has room");
        for second in 100..2_000 {
            assert_eq!(
                record(&store, &second.to_string(), second, second),
                Some(ProofUse::First),
                "{second}"
            );
        }
    }

    #[test]
    fn replays_do_not_fill_the_store() {
        // DP29
        let store = MemoryStore::new(70, WINDOW);
        assert_eq!(record(&store, "a", 0, 0), Some(ProofUse::First));
        for _ in 0..100 {
            assert_eq!(record(&store, "a", 0, 0), Some(ProofUse::Repeated));
        }
        for number in 0..9 {
            assert_eq!(record(&store, &number.to_string(), 0, 0), Some(ProofUse::First));
        }
    }

    #[test]
    fn clock_that_is_set_back_never_accepts_a_replay() {
        let store = MemoryStore::new(700, WINDOW);
        assert_eq!(record(&store, "a", 1_000, 1_000), Some(ProofUse::First));
        assert_eq!(record(&store, "b", 985, 985), Some(ProofUse::First), "two slices back");
        for now in (0..1_000).step_by(7) {
            let _ = record(&store, &format!("old-{now}"), now, now);
        }
        assert_eq!(record(&store, "a", 1_000, 1_000), Some(ProofUse::Repeated));
    }

    #[test]
    fn simultaneous_uses_have_one_first() {
        // DP24
        let store = MemoryStore::new(10_000, WINDOW);
        let begin = Barrier::new(8);
        let first = thread::scope(|scope| {
            let uses = |_| {
                scope.spawn(|| {
                    begin.wait();
                    let proofs = (0..1_000).map(|number| record(&store, &number.to_string(), 0, 0));
                    proofs.filter(|used| *used == Some(ProofUse::First)).count()
                })
            };
            let threads: Vec<_> = (0..8).map(uses).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(first, 1_000);
    }

    #[test]
    fn million_proofs_take_less_than_24_bytes_each() {
        // DP29
        let capacity = 1_000_000;
        let store = MemoryStore::new(capacity, WINDOW);
        assert!(store.bytes() <= 24 * capacity, "{}", store.bytes());
        let mut stored = 0;
        for second in 0..70 {
            for number in 0..capacity / 70 {
                stored +=
                    usize::from(record(&store, &format!("{second}-{number}"), second, second).is_some());
            }
        }
        assert!(stored > capacity * 95 / 100, "{stored}");
    }

    #[test]
    fn number_of_a_slice_wraps_around() {
        let entry = |number: u64| entry_of(u64::MAX, number);
        let last = (1 << NUMBER_BITS) - 1;
        assert!(age(entry(5), 5) == Age::Same && age(entry(5), 6) == Age::Earlier);
        assert!(age(entry(6), 5) == Age::Later && age(0, last + 1) == Age::Earlier);
        assert!(age(entry(last), last + 1) == Age::Earlier && age(entry(last + 1), last) == Age::Later);
        assert!(age(entry(25), 5) == Age::Later && age(entry(26), 5) == Age::Earlier);
    }

    /// Records as many proofs as one slice has room for. Returns how many were accepted, and asserts
    /// that each of them is accepted once.
    fn fill(store: &MemoryStore, second: u64) -> usize {
        let ids: Vec<_> = (0..10).map(|number| format!("{second}-{number}")).collect();
        let used = |id: &String| record(store, id, second, second);
        let first = ids.iter().filter(|id| used(id) == Some(ProofUse::First)).count();
        let second_time = ids.iter().filter(|id| used(id) == Some(ProofUse::First)).count();
        assert_eq!(second_time, 0, "{second}");
        first
    }

    #[test]
    fn store_that_runs_for_years_has_room() {
        // DP28: entries of the past are never taken for later ones.
        const DAY: u64 = 86_400;
        for days in [1, 30, 60, 61, 62, 90, 121, 122, 365, 3_650, 15_530, 15_535, 31_060] {
            let store = MemoryStore::new(70, WINDOW);
            let every_slice = |start: u64| (0..10).map(move |slice| start + 10 * slice);
            for second in every_slice(0) {
                assert_eq!(fill(&store, second), 10, "{second}");
            }
            for second in every_slice(days * DAY) {
                assert_eq!(fill(&store, second), 10, "{days} days, {second}");
            }
        }
    }

    #[test]
    fn number_that_is_used_again_has_room_soon() {
        // Five times, so that it is a number of the same table.
        let again = 5 * (10 << NUMBER_BITS);
        for seconds in [again - 30, again - 20, again - 10, again, again + 10, again + 20] {
            let store = MemoryStore::new(70, WINDOW);
            assert_eq!(fill(&store, 0), 10);
            // Entries of the same number take places, and the table has a third more than its bound.
            let room = if seconds == again { 5 } else { 10 };
            assert_eq!(fill(&store, seconds), room, "{seconds}");
            assert_eq!(fill(&store, seconds + 100), 10, "{seconds}");
        }
    }

    proptest! {
        #[test]
        fn any_sequence_has_the_result_of_a_set(
            uses in proptest::collection::vec((0..20_u8, 0..3_u64, 0..11_u64), 1..200)
        ) {
            let store = MemoryStore::new(10_000, WINDOW);
            let (mut now, mut used) = (0, std::collections::HashMap::new());
            for (id, passed, ahead) in uses {
                now += passed;
                let issued_at = now + ahead;
                let kept: &mut u64 = used.entry(id).or_default();
                let was_used = *kept >= now && *kept > 0;
                let found = record(&store, &id.to_string(), issued_at, now);
                // An entry may be kept until the end of its slice.
                if was_used {
                    prop_assert_eq!(found, Some(ProofUse::Repeated));
                }
                if *kept + 10 < now || *kept == 0 {
                    prop_assert_eq!(found, Some(ProofUse::First));
                }
                *kept = (*kept).max(issued_at + 60);
            }
        }
    }
}
