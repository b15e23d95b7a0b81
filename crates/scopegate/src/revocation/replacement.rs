//! The entries of a source that come in parts and become effective together.

use std::fmt;

use crate::revocation::error::RevocationError;
use crate::revocation::revoked::Revocation;
use crate::revocation::source::RevocationSource;
use crate::revocation::store::Placed;

/// All entries of a source, read in parts. Get one from [`RevocationSource::replacement`].
///
/// It takes 32 bytes for each entry, and holds half as many more as the store has room for.
#[must_use = "a replacement has no effect before replace_all() or revoke_all()"]
pub struct RevocationReplacement {
    source: RevocationSource,
    placed: Vec<Placed>,
    /// How many found no room.
    left_out: usize,
}

impl RevocationSource {
    /// Begins to collect all entries of the source, such as the pages of a database.
    ///
    /// ```
    /// use scopegate::{Revocation, Revocations};
    ///
    /// let source = Revocations::new().source("database")?;
    /// let mut all = source.replacement();
    /// for page in [["session-1", "session-2"], ["session-3", "session-4"]] {
    ///     page.iter().for_each(|id| all.add(&Revocation::session("https://issuer.example", *id)));
    /// }
    /// all.replace_all()?;
    /// # Ok::<(), scopegate::RevocationError>(())
    /// ```
    pub fn replacement(&self) -> RevocationReplacement {
        RevocationReplacement { source: self.clone(), placed: Vec::new(), left_out: 0 }
    }
}

impl RevocationReplacement {
    /// Adds an entry.
    pub fn add(&mut self, revocation: &Revocation) {
        let capacity = self.source.shared.store.capacity();
        // Scans of databases repeat entries, so there is room for half as many more.
        if self.left_out == 0 && self.placed.len() > capacity + capacity / 2 {
            self.placed.sort_unstable();
            self.placed.dedup();
        }
        if self.left_out > 0 || self.placed.len() > capacity + capacity / 2 {
            self.left_out += 1;
        } else {
            self.placed.push(self.source.place(&revocation.0));
        }
    }

    /// Makes these the entries of the source: adds them, and withdraws the others.
    ///
    /// If some were left out because they are far more than the store has room for, nothing is
    /// withdrawn.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if some were not stored.
    pub fn replace_all(self) -> Result<(), RevocationError> {
        if self.left_out > 0 { self.revoke_all() } else { self.source.replace(self.placed) }
    }

    /// Adds these entries, and withdraws none. Use it if some entries could not be read.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if some were not stored.
    pub fn revoke_all(self) -> Result<(), RevocationError> {
        let capacity = self.source.shared.store.capacity();
        let more = match self.source.add(self.placed) {
            Ok(()) => 0,
            Err(RevocationError::Full { not_stored, .. }) => not_stored,
            Err(other) => return Err(other),
        };
        let not_stored = self.left_out + more;
        if not_stored == 0 { Ok(()) } else { Err(RevocationError::Full { capacity, not_stored }) }
    }
}

impl fmt::Debug for RevocationReplacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationReplacement").field("entries", &self.placed.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::Revocations;

    fn session(number: usize) -> Revocation {
        Revocation::session("i", format!("s{number}"))
    }

    fn has(revocations: &Revocations, number: usize) -> bool {
        let before = revocations.status().entries;
        revocations.source("probe").unwrap().revoke(session(number)).unwrap();
        let source = revocations.source("database").unwrap();
        source.withdraw(&session(number));
        let had = revocations.status().entries == before;
        if had {
            source.revoke(session(number)).unwrap();
        }
        revocations.source("probe").unwrap().withdraw(&session(number));
        had
    }

    #[test]
    fn collected_entry_has_32_bytes() {
        assert_eq!(size_of::<Placed>(), 32);
    }

    #[test]
    fn replacement_withdraws_others_when_it_is_complete() {
        let revocations = Revocations::builder().capacity(4).build();
        let source = revocations.source("database").unwrap();
        source.revoke(session(0)).unwrap();
        let mut all = source.replacement();
        (1..=2).for_each(|number| all.add(&session(number)));
        assert_eq!(revocations.status().entries, 1, "nothing is effective yet");
        all.replace_all().unwrap();
        assert!(!has(&revocations, 0) && has(&revocations, 1) && has(&revocations, 2));

        let mut some = source.replacement();
        some.add(&session(3));
        some.revoke_all().unwrap();
        assert!(has(&revocations, 1) && has(&revocations, 2) && has(&revocations, 3));
    }

    #[test]
    fn repeated_entries_need_no_room() {
        let revocations = Revocations::builder().capacity(4).build();
        let mut all = revocations.source("database").unwrap().replacement();
        (0..1_000).for_each(|number| all.add(&session(number % 4)));
        all.replace_all().unwrap();
        assert_eq!(revocations.status().entries, 4);
    }

    #[test]
    fn replacement_beyond_capacity_withdraws_nothing() {
        let revocations = Revocations::builder().capacity(4).build();
        let source = revocations.source("database").unwrap();
        source.revoke(session(9)).unwrap();
        let mut all = source.replacement();
        (0..10).for_each(|number| all.add(&session(number)));
        let error = all.replace_all().unwrap_err();
        assert_eq!(error, RevocationError::Full { capacity: 4, not_stored: 7 });
        assert_eq!(revocations.status().entries, 4);
        source.withdraw(&session(9));
        assert_eq!(revocations.status().entries, 3, "the earlier entry was still there");
    }
}
