//! Which entries are there? Readers take no lock. Writers take turns.
//!
//! Entries are spread over shards by bits of their digest. A shard is a sorted slice that is
//! replaced as a whole, so a reader sees it before or after a change, and a change copies one
//! shard: about 64 entries, 1.5 KiB, in a full store. One sorted slice for all would have to copy
//! 24 MB, and layers that are merged now and then would make a reader look into each of them.

mod change;
pub(crate) mod collected;
pub(crate) mod entry;
mod share;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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

/// The number of shards from which each change also removes the ended entries, in turn.
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
    by_source: Mutex<HashMap<u16, SourcePart>>,
    writer: Mutex<Writer>,
}

/// The part of one source.
#[derive(Debug, Default)]
struct SourcePart {
    entries: usize,
    /// How many entries it may have, or `None` if only the capacity limits it.
    limit: Option<usize>,
    /// The latest end of the ended entries that were removed or not stored. While the clock shows
    /// an earlier time, such an entry is missing.
    removed_end: u32,
}

/// The result of a look-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LookedUp {
    /// The source of an entry that revokes the token.
    pub(crate) source: Option<u16>,
    /// An ended entry would revoke it. The clock may be set back.
    pub(crate) has_ended: bool,
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
    /// The same of the sources that have a share.
    earliest_in_share: HashMap<u16, u32>,
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
        // Pairs with the increment: a thread that reads the new number also reads the new entries.
        self.epoch.load(Ordering::Acquire)
    }

    /// Looks for an entry that revokes a token with this name and time of issue.
    pub(crate) fn find(
        &self,
        kind: Kind,
        digest: Digest,
        issued_at: Option<NumericDate>,
        now: NumericDate,
    ) -> LookedUp {
        let mut found = LookedUp::default();
        if self.kinds.load(Ordering::Relaxed) & kind.bit() == 0 {
            return found;
        }
        let Some(shard) = self.shards.get(self.shard_of(digest)) else { return found };
        let shard = shard.load();
        let Some(shard) = shard.as_ref() else { return found };
        for entry in entries_of(shard, digest).filter(|entry| entry.terms().includes(issued_at)) {
            if entry.terms().has_ended(now) {
                found.has_ended = true;
            } else {
                found.source = Some(entry.source());
                break;
            }
        }
        found
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
        self.parts().get(&source).map_or(0, |part| part.entries)
    }

    /// Returns whether an entry of the source was removed that has not ended by this clock: the
    /// clock was ahead then.
    pub(crate) fn lacks_entries(&self, source: u16, now: impl FnOnce() -> NumericDate) -> bool {
        let removed_end = self.parts().get(&source).map_or(0, |part| part.removed_end);
        removed_end > 0 && !has_passed(removed_end, now())
    }

    /// All entries of the source are about to be added again.
    pub(crate) fn forget_removed(&self, source: u16) {
        self.parts().entry(source).or_default().removed_end = 0;
    }

    fn note_removed(&self, entry: &Entry) {
        let mut parts = self.parts();
        let part = parts.entry(entry.source()).or_default();
        part.removed_end = part.removed_end.max(entry.terms().end().unwrap_or(0));
    }

    fn parts(&self) -> MutexGuard<'_, HashMap<u16, SourcePart>> {
        self.by_source.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether ended entries are removed. The clock may be ahead, so a store that has
    /// room keeps them.
    fn is_crowded(&self, entries: usize) -> bool {
        entries > self.capacity - self.capacity / 4
    }

    fn sweep_some(&self, writer: &mut Writer, now: NumericDate) {
        if !self.is_crowded(self.len()) {
            return;
        }
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
            let (ended, left): (Vec<Entry>, Vec<Entry>) =
                old.iter().copied().partition(|entry| entry.terms().has_ended(now));
            for entry in &ended {
                self.note_removed(entry);
            }
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
        let mut parts = self.parts();
        for entry in old {
            let part = parts.entry(entry.source()).or_default();
            part.entries = part.entries.saturating_sub(1);
        }
        for entry in &entries {
            parts.entry(entry.source()).or_default().entries += 1;
        }
        drop(parts);
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

/// Sorts entries, and removes each entry that another entry covers.
fn normalize(all: &mut Vec<Placed>) {
    // Descending by their time of issue, then by their end. So if any kept entry covers the next
    // one, the last kept one does.
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.dedup_by(|next, last| {
        next.shard == last.shard
            && next.entry.same_place(&last.entry)
            && last.entry.terms().cover(next.entry.terms())
    });
    all.reverse();
}

fn has_passed(end: u32, now: NumericDate) -> bool {
    now.as_secs_f64() >= f64::from(end)
}

#[cfg(test)]
mod tests;
