//! Which entries are there? Readers take no lock. Writers take turns.
//!
//! Entries are spread over shards by bits of their digest. A shard is a sorted slice that is
//! replaced as a whole, so a reader sees it before or after a change, and a change copies one
//! shard: about 64 entries, 1.5 KiB, in a full store. One sorted slice for all would have to copy
//! 24 MB, and layers that are merged now and then would make a reader look into each of them.

mod change;
pub(crate) mod entry;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;

use crate::revocation::digest::{Digest, DigestKey};
use crate::revocation::kind::Kind;
use crate::revocation::revoked::Target;
use crate::revocation::store::entry::{Entry, Terms, entries_of};
use crate::token::numeric_date::NumericDate;

/// A shard has as many entries when the store is full.
const ENTRIES_PER_SHARD: usize = 64;

/// A shard's number takes 16 bits of a digest.
const MAX_SHARDS: usize = 1 << 16;

/// Each change also removes the ended entries of so many shards, in turn.
const SHARDS_SWEPT: usize = 8;

pub(crate) struct Store {
    shards: Box<[ArcSwapOption<Shard>]>,
    pub(crate) key: DigestKey,
    /// Increases with each addition. It begins with 1.
    epoch: AtomicU64,
    /// The kinds that were ever stored, as bits. Others need no lookup.
    kinds: AtomicU8,
    entries: AtomicUsize,
    capacity: usize,
    /// How many entries each source has.
    by_source: Mutex<HashMap<u16, usize>>,
    writer: Mutex<Writer>,
}

/// The entries of one shard, sorted.
type Shard = Box<[Entry]>;

/// An entry, and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Placed {
    shard: u16,
    entry: Entry,
    kind: u8,
}

#[derive(Default)]
struct Writer {
    /// The next shard to remove ended entries from.
    next_swept: usize,
    /// When the first entry ends, at the earliest.
    earliest_end: Option<u32>,
}

impl Store {
    pub(crate) fn new(capacity: usize) -> Self {
        let shards = capacity.div_ceil(ENTRIES_PER_SHARD).next_power_of_two().min(MAX_SHARDS);
        Self {
            shards: (0..shards).map(|_| ArcSwapOption::empty()).collect(),
            key: DigestKey::default(),
            epoch: AtomicU64::new(1),
            kinds: AtomicU8::new(0),
            entries: AtomicUsize::new(0),
            capacity,
            by_source: Mutex::default(),
            writer: Mutex::default(),
        }
    }

    /// A number that changes with each addition. Read it before a lookup. While it stays, the
    /// result stays.
    pub(crate) fn epoch(&self) -> u64 {
        // Pairs with the increment: whoever sees it sees the entries that it is about.
        self.epoch.load(Ordering::Acquire)
    }

    /// Returns the source of an entry that revokes a token with this name and time of issue.
    pub(crate) fn find(
        &self,
        kind: Kind,
        digest: Digest,
        issued_at: Option<NumericDate>,
        now: NumericDate,
    ) -> Option<u16> {
        if self.kinds.load(Ordering::Relaxed) & kind.bit() == 0 {
            return None;
        }
        let shard = self.shards.get(self.shard_of(digest))?.load();
        let mut found = entries_of(shard.as_ref()?, digest).filter(|entry| entry.revokes(issued_at, now));
        found.next().map(Entry::source)
    }

    pub(crate) fn place(&self, target: &Target<'_>, source: u16) -> Placed {
        let digest = self.key.digest(target.kind, &target.issuer, &target.name);
        let entry = Entry::new(digest, source, Terms::new(target.issued_before, target.ends_at));
        // There are at most 65,536 shards.
        let shard = u16::try_from(self.shard_of(digest)).unwrap_or(u16::MAX);
        Placed { shard, entry, kind: target.kind.bit() }
    }

    /// The highest bits that an entry does not have.
    #[allow(clippy::cast_possible_truncation, reason = "16 bits fit")]
    fn shard_of(&self, digest: Digest) -> usize {
        (digest.low >> 48) as usize & (self.shards.len() - 1)
    }

    /// Removes ended entries of some shards: for a source that has nothing to add.
    pub(crate) fn sweep_a_little(&self, now: NumericDate) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep_some(&mut writer, now);
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    /// Returns whether an entry could be stored now.
    pub(crate) fn has_room(&self, now: NumericDate) -> bool {
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.len() < self.capacity || writer.earliest_end.is_some_and(|end| has_passed(end, now))
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many entries a source has. It does not wait for a large change to end.
    pub(crate) fn len_of(&self, source: u16) -> usize {
        let by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        by_source.get(&source).copied().unwrap_or(0)
    }

    fn sweep_some(&self, writer: &mut Writer, now: NumericDate) {
        let from = writer.next_swept;
        let to = (from + SHARDS_SWEPT).min(self.shards.len());
        self.sweep(writer, now, from..to);
        writer.next_swept = if to == self.shards.len() { 0 } else { to };
    }

    /// Removes the ended entries of these shards.
    fn sweep(&self, writer: &mut Writer, now: NumericDate, shards: std::ops::Range<usize>) {
        let all = shards.len() == self.shards.len();
        if all {
            writer.earliest_end = None;
        }
        for shard in shards {
            let shard = u16::try_from(shard).unwrap_or(u16::MAX);
            let Some(old) = self.entries_in(shard) else { continue };
            let left: Vec<Entry> =
                old.iter().filter(|entry| !entry.terms().has_ended(now)).copied().collect();
            if all {
                for entry in &left {
                    writer.note(entry.terms());
                }
            }
            self.put(shard, left);
        }
    }

    fn shard_numbers(&self) -> impl Iterator<Item = u16> {
        // There are at most 65,536.
        (0..self.shards.len()).map(|shard| u16::try_from(shard).unwrap_or(u16::MAX))
    }

    fn entries_in(&self, shard: u16) -> Option<Arc<Shard>> {
        self.shards.get(usize::from(shard))?.load_full()
    }

    /// Replaces the entries of a shard, if they are others.
    fn put(&self, shard: u16, entries: Vec<Entry>) {
        let Some(place) = self.shards.get(usize::from(shard)) else { return };
        let old = place.load_full();
        let old: &[Entry] = old.as_ref().map_or(&[], |old| old);
        if *old == *entries {
            return;
        }
        let mut by_source = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in old {
            let count = by_source.entry(entry.source()).or_default();
            *count = count.saturating_sub(1);
        }
        for entry in &entries {
            *by_source.entry(entry.source()).or_default() += 1;
        }
        drop(by_source);
        self.entries.store(self.len() + entries.len() - old.len(), Ordering::Relaxed);
        place.store((!entries.is_empty()).then(|| Arc::new(entries.into_boxed_slice())));
    }
}

impl Writer {
    fn note(&mut self, terms: Terms) {
        if let Some(end) = terms.end() {
            self.earliest_end = Some(self.earliest_end.map_or(end, |earliest| earliest.min(end)));
        }
    }
}

fn has_passed(end: u32, now: NumericDate) -> bool {
    now.as_secs_f64() >= f64::from(end)
}

#[cfg(test)]
mod tests;
