//! The entries of a source that come in parts and become effective together.

use std::fmt;

use crate::revocation::error::RevocationError;
use crate::revocation::issuers::NamedIssuers;
use crate::revocation::revoked::Revocation;
use crate::revocation::source::RevocationSource;
use crate::revocation::store::collected::Collected;

/// All entries of a source, read in parts. Get one from [`RevocationSource::replacement`].
///
/// It takes 32 bytes for each entry, and holds at most twice as many as the store. Repeated entries
/// count once.
#[must_use = "a replacement has no effect before replace_all() or revoke_all()"]
pub struct RevocationReplacement {
    source: RevocationSource,
    collected: Collected,
    issuers: NamedIssuers,
}

impl RevocationSource {
    /// Adds revocations, as many as there is room for.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if some were not stored.
    pub fn revoke_all(&self, all: impl IntoIterator<Item = Revocation>) -> Result<(), RevocationError> {
        self.collect(all).revoke_all()
    }

    /// Replaces all of the source's entries: adds these, and withdraws the others.
    ///
    /// A token that was revoked and is among these stays revoked at every moment, even if the store
    /// is full. If more than twice the store's capacity, and more than 2,048, are given that have not
    /// ended, nothing is withdrawn, because not all of them can be held to be compared.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if some were not stored.
    pub fn replace_all(&self, all: impl IntoIterator<Item = Revocation>) -> Result<(), RevocationError> {
        self.collect(all).replace_all()
    }

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
        RevocationReplacement {
            source: self.clone(),
            collected: self.collected(),
            issuers: NamedIssuers::default(),
        }
    }

    fn collect(&self, all: impl IntoIterator<Item = Revocation>) -> RevocationReplacement {
        let mut collected = self.replacement();
        all.into_iter().for_each(|revocation| collected.add(&revocation));
        collected
    }
}

impl RevocationReplacement {
    /// Adds an entry.
    pub fn add(&mut self, revocation: &Revocation) {
        self.issuers.add(&revocation.0.issuer);
        self.collected.push(self.source.place(&revocation.0));
    }

    /// Makes these the entries of the source: adds them, and withdraws the others.
    ///
    /// If there are more than twice the store's capacity, and more than 2,048, that have not ended,
    /// nothing is withdrawn, because not all of them can be held to be compared.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if some were not stored.
    pub fn replace_all(self) -> Result<(), RevocationError> {
        self.source.name_issuers(self.issuers);
        self.source.replace(self.collected)
    }

    /// Adds these entries, and withdraws none. Use it if some entries could not be read.
    ///
    /// # Errors
    /// Returns [`RevocationError::Full`] if some were not stored.
    pub fn revoke_all(self) -> Result<(), RevocationError> {
        self.source.name_more_issuers(&self.issuers);
        self.source.add(self.collected)
    }
}

impl fmt::Debug for RevocationReplacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationReplacement").field("source", &self.source.name()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::Revocations;
    use crate::revocation::store::Placed;

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
    fn replacement_beyond_twice_the_capacity_withdraws_nothing() {
        let revocations = Revocations::builder().capacity(4).build();
        let source = revocations.source("database").unwrap();
        source.revoke(session(9_999)).unwrap();
        let mut all = source.replacement();
        (0..2_049).for_each(|number| all.add(&session(number)));
        let error = all.replace_all().unwrap_err();
        assert_eq!(error, RevocationError::Full { capacity: 4, not_stored: 2_046 });
        assert_eq!(revocations.status().entries, 4);
        source.withdraw(&session(9_999));
        assert_eq!(revocations.status().entries, 3, "the earlier entry was still there");

        // All of these can be compared, so the others are withdrawn.
        let mut all = source.replacement();
        (5_000..5_010).for_each(|number| all.add(&session(number)));
        let error = all.replace_all().unwrap_err();
        assert_eq!(error, RevocationError::Full { capacity: 4, not_stored: 6 });
        source.replace_all([]).unwrap();
        assert_eq!(revocations.status().entries, 0);
    }
}
