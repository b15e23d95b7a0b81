//! Tokens that were verified, kept because callers send the same one for an hour. What keeps it safe is said at
//! [`Cache::find`]; what is checked of a token is in `verifier.rs`.

pub(crate) mod entry;
pub(crate) mod key_ref;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use arc_swap::ArcSwapOption;

use crate::cache::entry::{Entry, Usage};
use crate::claims::Claims;

/// A longer token is verified each time. Few are, and the bound makes entries small enough for a budget of bytes to be
/// shared out in advance.
const MAX_TOKEN_LEN: usize = 4 * 1024;

/// So many entries share a set: a token can be in one of these places only. With one place, two busy tokens could push
/// each other out for ever; eight would make a miss dearer and keep hardly more.
const WAYS: usize = 4;

/// So much of a token's end is hashed: 18 bytes of its signature.
const HASHED_SUFFIX_LEN: usize = 24;

/// A bounded set of verified tokens. Finding one takes no lock, and keeping one waits for none.
pub(crate) struct Cache {
    sets: Box<[Set]>,
    /// For the entries of one set together, what they point to included.
    bytes_per_set: usize,
    /// The key of the hash: random, and this cache's own.
    hash: RandomState,
    /// Sums over all sets, for whoever wants to see them.
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

/// The places where a token may be.
#[derive(Default)]
struct Set {
    slots: [Slot; WAYS],
    /// Held by whoever changes a place. It is the next place to be considered for eviction.
    clock_hand: Mutex<usize>,
}

#[derive(Default)]
struct Slot {
    /// The hash of the entry: a hint, so that only the entry that counts is looked at.
    hash: AtomicU64,
    /// The entry was found since it was last considered for eviction.
    used: AtomicBool,
    /// The bytes of the entry; 0 when there is none.
    size: AtomicUsize,
    entry: ArcSwapOption<Entry>,
}

/// What became of a token that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    Skipped,
    /// After so many others were evicted.
    Stored {
        evicted: usize,
    },
}

impl Cache {
    /// How many places there are when there is to be room for so many tokens.
    pub(crate) fn slots(entries: usize) -> usize {
        entries.next_multiple_of(WAYS)
    }

    /// Room for this many tokens at least, in this many bytes. No room is no cache.
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        let sets: Box<[Set]> = (0..Self::slots(entries) / WAYS).map(|_| Set::default()).collect();
        Self {
            bytes_per_set: bytes.checked_div(sets.len()).unwrap_or(0),
            sets,
            hash: RandomState::new(),
            entries: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        self.sets.is_empty()
    }

    /// The claims of a token that was verified before and is still good.
    ///
    /// - Only what was verified is ever kept. Whoever sends other tokens, however many, changes nothing here.
    /// - A token is found only if it is the same, from the first character to the last. The comparison takes as long for
    ///   any other of that length, so it tells nobody how much of a kept token he has guessed.
    /// - A kept verdict is about what cannot change: the token's text and the configuration, which is the verifier's
    ///   for life. What can change is asked each time: the caller decides by the time of day and the issuer's keys
    ///   whether the entry is `is_current`.
    /// - The hash decides only where to look. It is keyed at random, so nobody can choose tokens that share a place; and
    ///   it may cover no more than the end of the signature: of two tokens that were verified it differs, unless their issuer
    ///   wanted it otherwise. (Who has one ECDSA signature can compute the other one for the same claims. Its end is not his
    ///   choice, and it takes one more place.)
    pub(crate) fn find(&self, token: &[u8], is_current: impl FnOnce(&Entry) -> bool) -> Option<Claims> {
        let (hash, set) = self.place(token)?;
        for place in &set.slots {
            if place.hash.load(Ordering::Relaxed) != hash {
                continue;
            }
            let entry = place.entry.load();
            let Some(entry) = entry.as_deref() else { continue };
            let claims = entry.claims();
            if !claims.matches_token(token) {
                continue;
            }
            if !is_current(entry) {
                return None;
            }
            // Written only if it changes, or every hit would take the memory from the other processors.
            if !place.used.load(Ordering::Relaxed) {
                place.used.store(true, Ordering::Relaxed);
            }
            return Some(claims.clone());
        }
        None
    }

    /// Keeps a token that was just verified, unless it is too large, or another one is being put into the same set at the
    /// moment: then the next request with it will have it kept.
    pub(crate) fn insert(&self, entry: Entry) -> Insert {
        let Some((hash, set)) = self.place(entry.claims().token()) else { return Insert::Skipped };
        let size = entry.weight();
        if size > self.bytes_per_set {
            return Insert::Skipped;
        }
        let mut clock_hand = match set.clock_hand.try_lock() {
            Ok(clock_hand) => clock_hand,
            // No code that runs under this lock leaves a set half changed.
            Err(TryLockError::Poisoned(clock_hand)) => clock_hand.into_inner(),
            Err(TryLockError::WouldBlock) => return Insert::Skipped,
        };
        let before = set.usage();
        let mut evicted = 0;
        let place = set.place_of(hash).unwrap_or_else(|| {
            evicted += 1;
            set.evict(&mut clock_hand)
        });
        // The entry that it replaces does not count against it.
        place.clear();
        while set.usage().bytes + size > self.bytes_per_set {
            set.evict(&mut clock_hand);
            evicted += 1;
        }
        place.put(hash, size, entry);
        let after = set.usage();
        // The difference may be below zero; the sum wraps around to the same.
        self.entries.fetch_add(after.entries.wrapping_sub(before.entries), Ordering::Relaxed);
        self.bytes.fetch_add(after.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
        Insert::Stored { evicted }
    }

    pub(crate) fn usage(&self) -> Usage {
        Usage { entries: self.entries.load(Ordering::Relaxed), bytes: self.bytes.load(Ordering::Relaxed) }
    }

    /// Where a token may be. Nowhere if it is too long, or there is no room for any.
    fn place(&self, token: &[u8]) -> Option<(u64, &Set)> {
        let end = token.last_chunk::<HASHED_SUFFIX_LEN>().filter(|_| token.len() <= MAX_TOKEN_LEN)?;
        let mut hasher = self.hash.build_hasher();
        hasher.write(end);
        let hash = hasher.finish();
        // Scales the hash to the number of sets.
        let at = (u128::from(hash) * self.sets.len() as u128) >> 64;
        Some((hash, self.sets.get(usize::try_from(at).ok()?)?))
    }
}

impl Set {
    /// The place of an entry with this hash, or an empty one.
    fn place_of(&self, hash: u64) -> Option<&Slot> {
        let same =
            self.slots.iter().find(|place| !place.is_empty() && place.hash.load(Ordering::Relaxed) == hash);
        same.or_else(|| self.slots.iter().find(|place| place.is_empty()))
    }

    /// Empties a place: the first from the hand on whose entry was not used since the hand last came by. Readers may use all
    /// of them in the meantime, so after one round the next one goes all the same.
    fn evict(&self, clock_hand: &mut usize) -> &Slot {
        let [first, ..] = &self.slots;
        let mut chosen = first;
        for place in self.slots.iter().cycle().skip(*clock_hand).take(2 * WAYS) {
            *clock_hand = (*clock_hand + 1) % WAYS;
            if place.is_empty() {
                continue;
            }
            chosen = place;
            if !place.used.swap(false, Ordering::Relaxed) {
                break;
            }
        }
        chosen.clear();
        chosen
    }

    fn usage(&self) -> Usage {
        let sizes =
            self.slots.iter().map(|place| place.size.load(Ordering::Relaxed)).filter(|size| *size > 0);
        sizes.fold(Usage::default(), |sum, size| Usage { entries: sum.entries + 1, bytes: sum.bytes + size })
    }
}

impl Slot {
    fn is_empty(&self) -> bool {
        self.size.load(Ordering::Relaxed) == 0
    }

    fn clear(&self) {
        self.entry.store(None);
        self.size.store(0, Ordering::Relaxed);
    }

    fn put(&self, hash: u64, size: usize, entry: Entry) {
        self.used.store(false, Ordering::Relaxed);
        self.size.store(size, Ordering::Relaxed);
        self.hash.store(hash, Ordering::Relaxed);
        self.entry.store(Some(Arc::new(entry)));
    }
}
