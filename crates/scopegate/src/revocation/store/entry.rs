//! One stored revocation in 24 bytes, and the time rules that its packed numbers stand for.

use crate::revocation::digest::Digest;
use crate::token::numeric_date::NumericDate;

/// How long an entry stays in force after the `exp` of its token, in seconds.
///
/// It is twice the largest leeway of a verifier or of an issuer. The look-up comes after the check
/// of the lifetime, and the store may have another clock than the verifier.
pub(crate) const AFTER_EXPIRY: f64 = 600.0;

/// A revocation of one source. Sorted by its digest, then by its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    /// 64 bits of the digest.
    high: u64,
    /// 48 more bits of the digest, and the source. The remaining bits of the digest have chosen the
    /// shard.
    low_and_source: u64,
    terms: Terms,
}

/// Which tokens of those with the entry's name are revoked, and for how long. Seconds since 1970.
///
/// A token of the second that a revocation names is revoked, too: `iat` and the time of an event
/// are normally whole seconds, so their order within a second is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Terms {
    issued_before: u32,
    ends: u32,
}

/// No limit, in either field of [`Terms`].
const ALWAYS: u32 = u32::MAX;

const SOURCE_BITS: u32 = 16;

impl Terms {
    /// Rounds the times so that a fraction of a second never narrows a revocation. Dates after 2106
    /// have no limit.
    pub(crate) fn new(issued_before: Option<NumericDate>, ends_at: Option<NumericDate>) -> Self {
        Self {
            issued_before: issued_before.map_or(ALWAYS, |date| seconds(date.as_secs_f64().floor() + 1.0)),
            ends: ends_at.map_or(ALWAYS, |date| seconds((date.as_secs_f64() + AFTER_EXPIRY).ceil())),
        }
    }

    pub(crate) fn has_ended(self, now: NumericDate) -> bool {
        self.ends != ALWAYS && now.as_secs_f64() >= f64::from(self.ends)
    }

    /// A token without `iat` counts as issued before.
    pub(crate) fn includes(self, issued_at: Option<NumericDate>) -> bool {
        self.issued_before == ALWAYS
            || issued_at.is_none_or(|issued_at| issued_at.as_secs_f64() < f64::from(self.issued_before))
    }

    /// Returns whether these terms revoke whatever the others do, for as long at least.
    pub(crate) fn cover(self, other: Self) -> bool {
        self.issued_before >= other.issued_before && self.ends >= other.ends
    }

    /// When the entry can be removed, or `None` if it has no end.
    pub(crate) fn end(self) -> Option<u32> {
        Some(self.ends).filter(|ends| *ends != ALWAYS)
    }
}

/// A cast saturates, so a date before 1970 is 0.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturation is what is wanted")]
fn seconds(date: f64) -> u32 {
    date as u32
}

impl Entry {
    pub(crate) fn new(digest: Digest, source: u16, terms: Terms) -> Self {
        let Digest { high, low } = digest;
        Self { high, low_and_source: low << SOURCE_BITS | u64::from(source), terms }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the lowest bits are the source")]
    pub(crate) fn source(&self) -> u16 {
        self.low_and_source as u16
    }

    pub(crate) fn terms(&self) -> Terms {
        self.terms
    }

    pub(crate) fn is_of(&self, digest: Digest) -> bool {
        self.high == digest.high
            && self.low_and_source >> SOURCE_BITS == digest.low << SOURCE_BITS >> SOURCE_BITS
    }

    /// Returns whether both are about the same name, and come from the same source.
    pub(crate) fn same_place(&self, other: &Self) -> bool {
        self.high == other.high && self.low_and_source == other.low_and_source
    }
}

/// Returns the entries of a name among sorted ones.
pub(crate) fn entries_of(sorted: &[Entry], digest: Digest) -> impl Iterator<Item = &Entry> {
    let from = sorted.partition_point(|entry| entry.high < digest.high);
    let same = sorted.iter().skip(from).take_while(move |entry| entry.high == digest.high);
    same.filter(move |entry| entry.is_of(digest))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::issuer::Issuer;

    fn date(seconds: f64) -> NumericDate {
        (UNIX_EPOCH + Duration::from_secs_f64(seconds)).into()
    }

    #[test]
    fn entry_has_24_bytes() {
        assert_eq!(size_of::<Entry>(), 24);
    }

    #[test]
    fn token_of_same_second_or_without_time_is_included() {
        // RV02
        for terms in [1_000.0, 1_000.2].map(|time| Terms::new(Some(date(time)), None)) {
            for (issued_at, revoked) in [(999.0, true), (1_000.0, true), (1_000.9, true), (1_001.0, false)] {
                assert_eq!(terms.includes(Some(date(issued_at))), revoked, "{issued_at}");
            }
            assert!(terms.includes(None));
        }
        assert!(Terms::new(None, None).includes(Some(date(1e11))));
        assert!(!Terms::new(Some(date(0.0)), None).includes(Some(date(1.0))));
        assert!(Terms::new(Some(date(1e11)), None).includes(Some(date(4e9))), "a date after 2106");
    }

    #[test]
    fn entry_outlives_its_token_and_twice_the_largest_leeway() {
        // RV04
        let terms = Terms::new(None, Some(date(1_000.5)));
        assert!(!terms.has_ended(date(1_600.9)) && terms.has_ended(date(1_601.0)));
        assert_eq!((terms.end(), Terms::new(None, None).end()), (Some(1_601), None));
        assert!(AFTER_EXPIRY >= 2.0 * Issuer::MAX_LEEWAY.as_secs_f64());
        assert!(!Terms::new(None, None).has_ended(date(1e11)));
    }

    #[test]
    fn entries_of_a_name_are_found_among_others() {
        let digest = Digest { high: 7, low: 9 };
        let entry = |source, before: f64| Entry::new(digest, source, Terms::new(Some(date(before)), None));
        let entries = [entry(1, 20.0), entry(1, 30.0), entry(2, 5.0)];
        assert_eq!(entries_of(&entries, digest).count(), 3);
        assert_eq!(entries_of(&entries, Digest { high: 7, low: 8 }).count(), 0);
        assert_eq!(entries_of(&entries, Digest { high: 8, low: 9 }).count(), 0);
    }
}
