//! Additions and withdrawals. Each shard changes as a whole, so no reader misses an entry that
//! stays.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::revocation::error::RevocationError;
use crate::revocation::store::entry::{Entry, normalize};
use crate::revocation::store::{Placed, Store, Writer, has_passed};
use crate::token::numeric_date::NumericDate;

impl Store {
    /// Adds entries, as many as there is room for.
    pub(crate) fn add(&self, mut new: Vec<Placed>, now: NumericDate) -> Result<(), RevocationError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep_some(&mut writer, now);
        prepare(&mut new, now);
        self.make_room(&mut writer, self.len() + new.len(), now);
        self.add_prepared(&mut writer, &new)
    }

    /// Makes these the entries of a source: adds and withdraws.
    pub(crate) fn replace(
        &self,
        source: u16,
        mut new: Vec<Placed>,
        now: NumericDate,
    ) -> Result<(), RevocationError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep_some(&mut writer, now);
        prepare(&mut new, now);
        let needed = || self.len() - self.len_of(source) + new.len();
        self.make_room(&mut writer, needed(), now);
        let fits = needed() <= self.capacity;
        let mut rest = &new[..];
        let mut added = false;
        for shard in self.shard_numbers() {
            let (here, later) = rest.split_at(rest.partition_point(|placed| placed.shard == shard));
            rest = later;
            let old = self.entries_in(shard);
            let old: &[Entry] = old.as_ref().map_or(&[], |old| old);
            let mut listed: Vec<Entry> = here.iter().map(|placed| placed.entry).collect();
            normalize(&mut listed);
            if !fits {
                // An entry that is there already is never left out for a new one.
                listed.retain(|entry| old.binary_search(entry).is_ok());
            }
            let is_new = |entry: &Entry| old.binary_search(entry).is_err();
            if listed.iter().any(is_new) {
                added = true;
                self.note(&mut writer, here);
            }
            listed.extend(old.iter().filter(|entry| entry.source() != source));
            listed.sort_unstable();
            self.put(shard, listed);
        }
        if added {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        if fits { Ok(()) } else { self.add_prepared(&mut writer, &new) }
    }

    /// Removes the entries of a source with the same name, whatever their terms are.
    pub(crate) fn withdraw(&self, withdrawn: Placed) {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(old) = self.entries_in(withdrawn.shard) else { return };
        let left = old.iter().filter(|entry| !entry.same_place(&withdrawn.entry)).copied().collect();
        self.put(withdrawn.shard, left);
    }

    fn add_prepared(&self, writer: &mut Writer, new: &[Placed]) -> Result<(), RevocationError> {
        let (mut not_stored, mut added) = (0, false);
        for group in new.chunk_by(|a, b| a.shard == b.shard) {
            let Some(Placed { shard, .. }) = group.first() else { continue };
            let old = self.entries_in(*shard);
            let old: &[Entry] = old.as_ref().map_or(&[], |old| old);
            let mut entries = Vec::with_capacity(old.len() + group.len());
            entries.extend_from_slice(old);
            let others = self.len() - old.len();
            for placed in group {
                let (entry, before) = (placed.entry, entries.len());
                let is_covered = |by: &Entry| by.same_place(&entry) && by.terms().cover(entry.terms());
                if entries.iter().any(is_covered) {
                    continue;
                }
                if others + before < self.capacity {
                    entries.retain(|old| !(old.same_place(&entry) && entry.terms().cover(old.terms())));
                } else if let Some(old) =
                    entries.iter_mut().find(|old| old.same_place(&entry) && entry.terms().cover(old.terms()))
                {
                    // It needs no further place.
                    *old = entry;
                    added = true;
                    continue;
                } else {
                    not_stored += 1;
                    continue;
                }
                entries.insert(entries.partition_point(|old| *old < entry), entry);
                added = true;
            }
            self.note(writer, group);
            entries.sort_unstable();
            self.put(*shard, entries);
        }
        if added {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        let capacity = self.capacity;
        if not_stored == 0 { Ok(()) } else { Err(RevocationError::Full { capacity, not_stored }) }
    }

    /// Removes ended entries if the store would be too small for so many.
    fn make_room(&self, writer: &mut Writer, needed: usize, now: NumericDate) {
        if needed > self.capacity && writer.earliest_end.is_some_and(|end| has_passed(end, now)) {
            self.sweep(writer, now, 0..self.shards.len());
        }
    }

    /// Notes the kinds and ends of entries that are about to be stored. The epoch publishes them.
    fn note(&self, writer: &mut Writer, new: &[Placed]) {
        for placed in new {
            self.kinds.fetch_or(placed.kind, Ordering::Relaxed);
            writer.note(placed.entry.terms());
        }
    }
}

fn prepare(new: &mut Vec<Placed>, now: NumericDate) {
    new.retain(|placed| !placed.entry.terms().has_ended(now));
    new.sort_unstable();
    new.dedup();
}
