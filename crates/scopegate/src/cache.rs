//! The token cache: was a token verified before, and does that still hold?
//!
//! [`Cache::find`] explains why a hit is as safe as a verification.

pub(crate) mod entry;
pub(crate) mod key_ref;

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};

use arc_swap::ArcSwapOption;

use crate::cache::entry::{Basis, Entry};
use crate::claims::Claims;
use crate::status::cache::CacheUsage;

/// Longer tokens are not cached. They are rare, and the bound keeps entries small enough to divide
/// the budget of bytes among the sets in advance.
const MAX_TOKEN_LEN: usize = 4 * 1024;

/// Associativity: a token can occupy any slot of one set. With a single slot, two hot tokens could
/// keep evicting each other. Eight slots would make a miss more expensive, for hardly more hits.
const WAYS: usize = 4;

/// Length of the token's end that is hashed: 18 bytes of its signature.
const HASHED_SUFFIX_LEN: usize = 24;

/// A bounded cache of verified tokens. A look-up takes no lock, and an insertion waits for none.
///
/// `B` is the [basis](Entry::basis) of the entries.
pub(crate) struct Cache<B> {
    sets: Box<[Set<B>]>,
    /// Budget for the entries of one set together, including the data they point to.
    bytes_per_set: usize,
    /// The key of the hash: random, and different in each cache.
    hash: RandomState,
    /// Sums over all sets, for the verifier's status.
    entries: AtomicUsize,
    bytes: AtomicUsize,
}

/// The slots that a token may occupy.
struct Set<B> {
    slots: [Slot<B>; WAYS],
    /// The index of the next candidate for eviction. Writers hold the lock while they change a
    /// slot.
    clock_hand: Mutex<usize>,
}

struct Slot<B> {
    /// The hash of the entry. It is a hint, so that a look-up loads matching entries only.
    hash: AtomicU64,
    /// Whether the entry had a hit since it was last considered for eviction.
    used: AtomicBool,
    /// The bytes of the entry, or 0 if the slot is empty.
    size: AtomicUsize,
    entry: ArcSwapOption<Entry<B>>,
}

/// Returns the number of slots of a cache with this capacity.
pub(crate) fn slots(entries: usize) -> usize {
    entries.next_multiple_of(WAYS)
}

/// The result of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insert {
    Skipped,
    /// The token was stored, after this number of entries was evicted.
    Stored {
        evicted: usize,
    },
}

impl<B: Basis> Cache<B> {
    /// Creates a cache for at least this many tokens, in this many bytes. A capacity of 0 disables
    /// it.
    pub(crate) fn new(entries: usize, bytes: usize) -> Self {
        let sets: Box<[Set<B>]> = (0..slots(entries) / WAYS).map(|_| Set::default()).collect();
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

    /// Returns the claims of a cached token that is still valid.
    ///
    /// - Only verified tokens are cached. An attacker who sends other tokens cannot change the
    ///   cache.
    /// - A hit requires equality of all bytes. The comparison takes constant time for tokens of one
    ///   length, so it does not reveal how much of a cached token a caller has guessed.
    /// - The cached result depends only on the token's bytes and the issuer's rules. Each hit calls
    ///   `is_current`, which checks the current time, the issuer's keys, and that the issuer is
    ///   still trusted with these rules.
    /// - The hash only selects the set. It has a random key, so attackers cannot choose tokens that
    ///   collide. It covers only the end of the signature, which differs between verified tokens,
    ///   unless their issuer intends otherwise. From an ECDSA signature, a caller can compute the
    ///   second valid signature for the same claims. The caller cannot choose its end, and it takes
    ///   one more slot.
    #[inline]
    pub(crate) fn find(&self, token: &[u8], is_current: impl FnOnce(&Entry<B>) -> bool) -> Option<Claims> {
        self.look_up(token, |entry| is_current(entry).then(|| entry.claims().clone()))
    }

    /// Reads the entry of a cached token. It had a hit if the result is `Some`.
    #[inline]
    pub(crate) fn look_up<R>(&self, token: &[u8], read: impl FnOnce(&Entry<B>) -> Option<R>) -> Option<R> {
        let (hash, set) = self.place(token)?;
        for place in &set.slots {
            if place.hash.load(Ordering::Relaxed) != hash {
                continue;
            }
            let entry = place.entry.load();
            let Some(entry) = entry.as_deref() else { continue };
            if !entry.claims().matches_token(token) {
                continue;
            }
            let found = read(entry)?;
            // Written only if it changes. Otherwise each hit would invalidate the cache line of other cores.
            if !place.used.load(Ordering::Relaxed) {
                place.used.store(true, Ordering::Relaxed);
            }
            return Some(found);
        }
        None
    }

    /// Inserts a token that was just verified. Skips it if it is too large, or if another thread is
    /// inserting into the same set. The next request with the token tries again.
    pub(crate) fn insert(&self, entry: Entry<B>) -> Insert {
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
        // Clear the slot first, because the replaced entry must not count towards the budget.
        place.clear();
        while set.usage().bytes + size > self.bytes_per_set {
            set.evict(&mut clock_hand);
            evicted += 1;
        }
        place.put(hash, size, entry);
        let after = set.usage();
        // The difference may be negative. Wrapping subtraction and addition still give the right sum.
        self.entries.fetch_add(after.entries.wrapping_sub(before.entries), Ordering::Relaxed);
        self.bytes.fetch_add(after.bytes.wrapping_sub(before.bytes), Ordering::Relaxed);
        Insert::Stored { evicted }
    }

    pub(crate) fn usage(&self) -> CacheUsage {
        CacheUsage {
            entries: self.entries.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Returns the token's hash and set, or `None` if the token is too long or the cache is
    /// disabled.
    fn place(&self, token: &[u8]) -> Option<(u64, &Set<B>)> {
        let end = token.last_chunk::<HASHED_SUFFIX_LEN>().filter(|_| token.len() <= MAX_TOKEN_LEN)?;
        let mut hasher = self.hash.build_hasher();
        hasher.write(end);
        let hash = hasher.finish();
        // Scales the hash to the number of sets.
        let at = (u128::from(hash) * self.sets.len() as u128) >> 64;
        Some((hash, self.sets.get(usize::try_from(at).ok()?)?))
    }
}

impl<B> Default for Set<B> {
    fn default() -> Self {
        Self { slots: Default::default(), clock_hand: Mutex::default() }
    }
}

impl<B> Default for Slot<B> {
    fn default() -> Self {
        let (hash, used, size) = (AtomicU64::default(), AtomicBool::default(), AtomicUsize::default());
        Self { hash, used, size, entry: ArcSwapOption::empty() }
    }
}

impl<B> Set<B> {
    /// Returns the slot of an entry with this hash, or else an empty slot.
    fn place_of(&self, hash: u64) -> Option<&Slot<B>> {
        let same =
            self.slots.iter().find(|place| !place.is_empty() && place.hash.load(Ordering::Relaxed) == hash);
        same.or_else(|| self.slots.iter().find(|place| place.is_empty()))
    }

    /// Evicts the first entry after the hand that had no hit since the hand last passed. Readers
    /// may mark all entries as used meanwhile, so the last entry of the second round is evicted in
    /// any case.
    fn evict(&self, clock_hand: &mut usize) -> &Slot<B> {
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

    fn usage(&self) -> CacheUsage {
        let sizes =
            self.slots.iter().map(|place| place.size.load(Ordering::Relaxed)).filter(|size| *size > 0);
        sizes.fold(CacheUsage::default(), |sum, size| CacheUsage {
            entries: sum.entries + 1,
            bytes: sum.bytes + size,
        })
    }
}

impl<B> Slot<B> {
    fn is_empty(&self) -> bool {
        self.size.load(Ordering::Relaxed) == 0
    }

    fn clear(&self) {
        self.entry.store(None);
        self.size.store(0, Ordering::Relaxed);
    }

    fn put(&self, hash: u64, size: usize, entry: Entry<B>) {
        self.used.store(false, Ordering::Relaxed);
        self.size.store(size, Ordering::Relaxed);
        self.hash.store(hash, Ordering::Relaxed);
        self.entry.store(Some(Arc::new(entry)));
    }
}
