//! Additions and withdrawals. Each shard changes as a whole, so no reader misses an entry that
//! stays.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use crate::revocation::error::RevocationError;
use crate::revocation::store::collected::Collected;
use crate::revocation::store::entry::Entry;
use crate::revocation::store::{Placed, Store, Writer, has_passed, normalize};
use crate::token::numeric_date::NumericDate;

/// Numbers of places.
#[derive(Clone, Copy)]
struct Occupied {
    /// Of all sources.
    all: usize,
    /// Of the source that changes.
    own: usize,
}

impl Occupied {
    fn plus(self, entries: usize) -> Self {
        Self { all: self.all + entries, own: self.own + entries }
    }
}

impl Store {
    /// Adds entries of one source, as many as there is room for.
    pub(crate) fn add(&self, source: u16, new: Collected, now: NumericDate) -> Result<(), RevocationError> {
        let omitted = new.omitted();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        new.dropped().into_iter().for_each(|dropped| self.note_removed(dropped));
        let there = || Occupied { all: self.len(), own: self.len_of(source) };
        let new = self.prepare(&mut writer, source, new.placed, there(), now);
        self.make_room_in_share(&mut writer, source, there().own + new.len(), now);
        self.make_room(&mut writer, there().all + new.len(), now);
        let not_stored = self.add_prepared(&mut writer, source, &new);
        self.result(source, not_stored + omitted)
    }

    /// Makes these the entries of a source: adds and withdraws.
    ///
    /// If some were left out while they were collected, nothing is withdrawn.
    pub(crate) fn replace(
        &self,
        source: u16,
        new: Collected,
        now: NumericDate,
    ) -> Result<(), RevocationError> {
        if new.omitted() > 0 {
            return self.add(source, new, now);
        }
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        // All of its entries are here, so none is missing.
        self.forget_removed(source);
        new.dropped().into_iter().for_each(|dropped| self.note_removed(dropped));
        let others = || Occupied { all: self.len() - self.len_of(source), own: 0 };
        let new = self.prepare(&mut writer, source, new.placed, others(), now);
        self.make_room(&mut writer, others().all + new.len(), now);
        let too_many = (others().all + new.len()).saturating_sub(self.capacity);
        let too_many = too_many.max(self.beyond_share(source, new.len()));
        let mut rest = &new[..];
        let mut added = false;
        for shard in self.shard_numbers() {
            let (here, later) = rest.split_at(rest.partition_point(|placed| placed.shard == shard));
            rest = later;
            let old = self.entries_in(shard);
            let old: &[Entry] = old.as_ref().map_or(&[], |old| old);
            let mut listed: Vec<Entry> = here.iter().map(|placed| placed.entry).collect();
            if too_many > 0 {
                listed = within_their_places(&listed, old);
            }
            let is_new = |entry: &Entry| old.binary_search(entry).is_err();
            if listed.iter().any(is_new) {
                added = true;
                self.note(&mut writer, source, here);
            }
            listed.extend(old.iter().filter(|entry| entry.source() != source));
            listed.sort_unstable();
            self.put(shard, listed);
        }
        if added {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        if too_many == 0 {
            return Ok(());
        }
        let not_stored = self.add_prepared(&mut writer, source, &new);
        // If all are covered by entries with wider terms, those could not be narrowed.
        self.result(source, not_stored.max(1))
    }

    /// Removes the entries of a source with the same name, whatever their terms are.
    pub(crate) fn withdraw(&self, withdrawn: Placed) {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(old) = self.entries_in(withdrawn.shard) else { return };
        let left = old.iter().filter(|entry| !entry.same_place(&withdrawn.entry)).copied().collect();
        self.put(withdrawn.shard, left);
    }

    /// Adds entries of a source, and returns how many have no place.
    fn add_prepared(&self, writer: &mut Writer, source: u16, new: &[Placed]) -> usize {
        let share = self.share_of(source).unwrap_or(usize::MAX);
        let (mut not_stored, mut added) = (0, false);
        for group in new.chunk_by(|a, b| a.shard == b.shard) {
            let Some(Placed { shard, .. }) = group.first() else { continue };
            let old = self.entries_in(*shard);
            let old: &[Entry] = old.as_ref().map_or(&[], |old| old);
            let mut entries = Vec::with_capacity(old.len() + group.len());
            entries.extend_from_slice(old);
            let others = self.len() - old.len();
            // The entries of other sources in this shard stay as they are.
            let foreign = old.iter().filter(|old| old.source() != source).count();
            let own_elsewhere = self.len_of(source).saturating_sub(old.len() - foreign);
            for placed in group {
                let (entry, before) = (placed.entry, entries.len());
                let is_covered = |by: &Entry| by.same_place(&entry) && by.terms().cover(entry.terms());
                if entries.iter().any(is_covered) {
                    continue;
                }
                if others + before < self.capacity && own_elsewhere + before - foreign < share {
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
            self.note(writer, source, group);
            entries.sort_unstable();
            self.put(*shard, entries);
        }
        if added {
            self.epoch.fetch_add(1, Ordering::Release);
        }
        not_stored
    }

    /// Sorts new entries of a source. If the store is crowded, this removes ended entries of some
    /// shards. If the store or the source's share is, it removes the ended new ones.
    fn prepare(
        &self,
        writer: &mut Writer,
        source: u16,
        mut new: Vec<Placed>,
        there: Occupied,
        now: NumericDate,
    ) -> Vec<Placed> {
        self.sweep_some(writer, now);
        normalize(&mut new);
        let needed = there.plus(new.len());
        if self.is_crowded(needed.all) || self.beyond_share(source, needed.own) > 0 {
            new.retain(|placed| {
                let has_ended = placed.entry.terms().has_ended(now);
                if has_ended {
                    self.note_removed(&placed.entry);
                }
                !has_ended
            });
        }
        new
    }

    /// Removes ended entries if the store is too small for this number of entries.
    fn make_room(&self, writer: &mut Writer, needed: usize, now: NumericDate) {
        if needed > self.capacity && writer.earliest_end.is_some_and(|end| has_passed(end, now)) {
            self.sweep(writer, now, 0..self.shards.len());
        }
    }

    /// Notes the kinds and ends of entries that are about to be stored. The epoch publishes them.
    fn note(&self, writer: &mut Writer, source: u16, new: &[Placed]) {
        let has_share = self.share_of(source).is_some();
        for placed in new {
            self.kinds.fetch_or(placed.kind, Ordering::Relaxed);
            writer.note(placed.entry.terms());
            if has_share {
                writer.note_in_share(&placed.entry);
            }
        }
    }
}

/// Returns the listed entries as far as they fit into the places that their names have. A name
/// that needs more places than it has keeps its old entries: none in force is lost for another.
fn within_their_places(listed: &[Entry], old: &[Entry]) -> Vec<Entry> {
    let mut fitting = Vec::with_capacity(old.len());
    for group in listed.chunk_by(Entry::same_place) {
        let Some(first) = group.first() else { continue };
        let before: Vec<Entry> = old.iter().filter(|old| old.same_place(first)).copied().collect();
        fitting.extend_from_slice(if group.len() <= before.len() { group } else { &before });
    }
    fitting
}
