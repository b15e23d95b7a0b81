//! A bounded memory of the newest `iat` of lists that were dropped.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};

use crate::token::numeric_date::NumericDate;

/// Maximum number of lists of an issuer that are remembered. The issuer's tokens name them, so no
/// one else can add one.
const MAX_REMEMBERED: usize = 1_024;

/// Names are kept as two hashes that only this process knows, because a URL may have 2 KiB.
type Key = [u64; 2];

/// The newest `iat` of each list, in the order in which the lists were dropped.
#[derive(Default)]
pub(super) struct Newest {
    dropped: VecDeque<(Key, NumericDate)>,
    secrets: [RandomState; 2],
}

impl Newest {
    /// Remembers the `iat` of a list that is dropped. If there are too many, forgets the list that
    /// was dropped first.
    pub(super) fn remember(&mut self, uri: &str, issued_at: NumericDate) {
        let key = self.key(uri);
        self.dropped.retain(|(other, _)| *other != key);
        self.dropped.push_back((key, issued_at));
        if self.dropped.len() > MAX_REMEMBERED {
            self.dropped.pop_front();
        }
    }

    /// Returns the `iat` of a list that is started again, and forgets it here.
    pub(super) fn take(&mut self, uri: &str) -> Option<NumericDate> {
        let key = self.key(uri);
        let at = self.dropped.iter().position(|(other, _)| *other == key)?;
        self.dropped.remove(at).map(|(_, issued_at)| issued_at)
    }

    fn key(&self, uri: &str) -> Key {
        self.secrets.each_ref().map(|secret| secret.hash_one(uri))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn at(seconds: u64) -> NumericDate {
        NumericDate::from(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn dropped_lists_leave_the_newest_thousand() {
        let mut newest = Newest::default();
        for number in 0..=1_024 {
            newest.remember(&number.to_string(), at(number));
        }
        assert_eq!(newest.dropped.len(), 1_024);
        assert_eq!((newest.take("0"), newest.take("1")), (None, Some(at(1))));
        assert_eq!(newest.take("1"), None);
        newest.remember("2", at(3_000));
        assert_eq!((newest.dropped.len(), newest.take("2")), (1_023, Some(at(3_000))));
    }
}
