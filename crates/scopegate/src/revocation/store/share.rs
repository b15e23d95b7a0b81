//! How many entries may a source have? A transmitter of security events has a share. Without it,
//! one transmitter could leave no room for the revocations of all others.

use crate::revocation::error::RevocationError;
use crate::revocation::store::entry::Entry;
use crate::revocation::store::{Store, Writer, has_passed};
use crate::token::numeric_date::NumericDate;

/// A share is this part of the capacity: a quarter, and one entry at least.
const SHARES: usize = 4;

impl Store {
    /// Limits a source to a share of the capacity. Entries that it has stay.
    pub(crate) fn limit_to_share(&self, source: u16) {
        self.parts().entry(source).or_default().limit = Some((self.capacity / SHARES).max(1));
    }

    /// Returns how many entries a source may have, if it has a share.
    pub(super) fn share_of(&self, source: u16) -> Option<usize> {
        self.parts().get(&source).and_then(|part| part.limit)
    }

    /// Returns how many of a number of entries are beyond the share of their source.
    pub(super) fn beyond_share(&self, source: u16, entries: usize) -> usize {
        self.share_of(source).map_or(0, |limit| entries.saturating_sub(limit))
    }

    /// Removes ended entries of a source if its share is too small for this number of entries. Ended
    /// entries of others stay: the clock may be ahead, and the store may have room.
    pub(super) fn make_room_in_share(
        &self,
        writer: &mut Writer,
        source: u16,
        needed: usize,
        now: NumericDate,
    ) {
        let end = writer.earliest_in_share.get(&source);
        if self.beyond_share(source, needed) == 0 || !end.is_some_and(|end| has_passed(*end, now)) {
            return;
        }
        writer.earliest_in_share.remove(&source);
        for shard in self.shard_numbers() {
            let Some(old) = self.entries_in(shard) else { continue };
            let is_ended = |entry: &&Entry| entry.source() == source && entry.terms().has_ended(now);
            old.iter().filter(is_ended).for_each(|entry| self.note_removed(entry));
            let left: Vec<Entry> = old.iter().filter(|entry| !is_ended(entry)).copied().collect();
            let own = left.iter().filter(|entry| entry.source() == source);
            own.for_each(|entry| writer.note_in_share(entry));
            self.put(shard, left);
        }
    }

    /// Returns an error if some entries of a source were not stored.
    pub(super) fn result(&self, source: u16, not_stored: usize) -> Result<(), RevocationError> {
        let capacity = self.capacity;
        match self.share_of(source) {
            _ if not_stored == 0 => Ok(()),
            // The store has room for others.
            Some(limit) if self.len() < capacity => Err(RevocationError::SourceFull { limit, not_stored }),
            _ => Err(RevocationError::Full { capacity, not_stored }),
        }
    }
}

impl Writer {
    /// Notes the end of an entry whose source has a share.
    pub(super) fn note_in_share(&mut self, entry: &Entry) {
        if let Some(end) = entry.terms().end() {
            let earliest = self.earliest_in_share.entry(entry.source()).or_insert(end);
            *earliest = end.min(*earliest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::revocation::kind::Kind;
    use crate::revocation::revoked::Target;
    use crate::revocation::store::collected::Collected;

    const NOW: u64 = 1_800_000_000;
    const LIMITED: u16 = 1;
    const OTHER: u16 = 2;

    fn date(seconds: u64) -> NumericDate {
        (UNIX_EPOCH + Duration::from_secs(seconds)).into()
    }

    fn subject(name: &str, issued_before: u64, ends_at: Option<u64>) -> Target<'_> {
        Target {
            kind: Kind::Subject,
            issuer: "i".into(),
            name: name.into(),
            issued_before: Some(date(issued_before)),
            ends_at: ends_at.map(date),
        }
    }

    fn collected(store: &Store, source: u16, targets: &[Target<'_>]) -> Collected {
        let mut collected = Collected::new(store, date(NOW));
        for target in targets {
            collected.push(store.place(target, source));
        }
        collected
    }

    fn add(store: &Store, source: u16, names: &[&str]) -> Result<(), RevocationError> {
        let targets: Vec<_> = names.iter().map(|name| subject(name, NOW, None)).collect();
        store.add(source, collected(store, source, &targets), date(NOW))
    }

    fn limited(capacity: usize) -> Store {
        let store = Store::new(capacity);
        store.limit_to_share(LIMITED);
        store
    }

    fn source_full(limit: usize, not_stored: usize) -> Result<(), RevocationError> {
        Err(RevocationError::SourceFull { limit, not_stored })
    }

    #[test]
    fn limited_source_has_a_quarter_at_most() {
        // Several shards, too.
        for capacity in [8, 400] {
            let share = capacity / 4;
            let names: Vec<String> = (0..capacity).map(|name| name.to_string()).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let store = limited(capacity);
            assert_eq!(add(&store, LIMITED, &names[..share]), Ok(()));
            assert_eq!(add(&store, LIMITED, &names[..=share]), source_full(share, 1));
            assert_eq!(store.len_of(LIMITED), share);
            assert_eq!(add(&store, OTHER, &names[share..]), Ok(()));
            assert_eq!(store.len(), capacity);

            let at_once = limited(capacity);
            assert_eq!(add(&at_once, LIMITED, &names[..=share]), source_full(share, 1));
            assert_eq!(add(&at_once, OTHER, &names[share..]), Ok(()));
            // Without the limit, a source may have all.
            assert_eq!(add(&Store::new(capacity), LIMITED, &names), Ok(()));
        }
        assert_eq!(add(&limited(1), LIMITED, &["a"]), Ok(()), "one entry at least");
    }

    #[test]
    fn share_of_a_full_store_is_no_reservation() {
        let store = limited(4);
        add(&store, OTHER, &["a", "b", "c", "d"]).unwrap();
        let full = Err(RevocationError::Full { capacity: 4, not_stored: 1 });
        assert_eq!(add(&store, LIMITED, &["a"]), full);
    }

    #[test]
    fn replacement_beyond_the_share_keeps_what_is_there() {
        let store = limited(8);
        let all = ["a", "b", "c", "d"].map(|name| subject(name, NOW, None));
        let replace = |targets: &[_]| store.replace(LIMITED, collected(&store, LIMITED, targets), date(NOW));
        assert_eq!(replace(&all[..2]), Ok(()));
        assert_eq!(replace(&all[..3]), source_full(2, 1));
        assert_eq!(store.len_of(LIMITED), 2);
        assert_eq!(replace(&all[2..]), Ok(()));
        assert_eq!(store.len_of(LIMITED), 2);
    }

    #[test]
    fn wider_terms_need_no_place_in_the_share() {
        let store = limited(8);
        add(&store, LIMITED, &["a", "b"]).unwrap();
        let wider = [subject("a", NOW + 5, None)];
        assert_eq!(store.add(LIMITED, collected(&store, LIMITED, &wider), date(NOW)), Ok(()));
        // Neither covers the other.
        let other = [subject("a", NOW + 9, Some(NOW))];
        assert_eq!(store.add(LIMITED, collected(&store, LIMITED, &other), date(NOW)), source_full(2, 1));
    }

    #[test]
    fn ended_entries_make_room_in_the_share() {
        // RV04
        let store = limited(400);
        // The store is far from full.
        let names: Vec<String> = (0..101).map(|name| name.to_string()).collect();
        let ending: Vec<_> = names.iter().map(|name| subject(name, NOW, Some(NOW))).collect();
        store.add(LIMITED, collected(&store, LIMITED, &ending[..100]), date(NOW)).unwrap();
        let other = [subject("other", NOW, Some(NOW))];
        store.add(OTHER, collected(&store, OTHER, &other), date(NOW)).unwrap();
        let new = [subject("new", NOW, None)];
        let add = |now| store.add(LIMITED, collected(&store, LIMITED, &new), date(now));
        assert_eq!(add(NOW + 599), source_full(100, 1));
        assert_eq!(add(NOW + 600), Ok(()));
        assert_eq!((store.len_of(LIMITED), store.len_of(OTHER)), (1, 1), "others stay");
        assert!(store.lacks_entries(LIMITED, || date(NOW)), "the clock may have been ahead");
        // New ones that have ended take no place of others.
        store.add(LIMITED, collected(&store, LIMITED, &ending), date(NOW + 600)).unwrap();
        assert_eq!(store.len_of(LIMITED), 1);
    }
}
