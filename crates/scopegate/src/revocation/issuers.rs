//! Which issuers do the entries of a source name, and does any verifier trust them?
//!
//! An entry of another issuer has no effect. Often it is a typo, such as a slash at the end.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError, Weak};

use rustc_hash::FxBuildHasher;

/// Maximum number of counted names. Entries of further issuers are not counted.
const MAX_NAMES: usize = 1_000;

/// Longer names are not counted.
const MAX_NAME_LEN: usize = 512;

/// The status lists as many names, and the log.
pub(crate) const MAX_LISTED: usize = 10;

/// The issuers that a verifier trusts.
pub(crate) trait TrustedIssuers: Send + Sync {
    /// Returns whether an issuer is trusted now, or `None` if a resolver may trust it.
    fn trusts(&self, issuer: &str) -> Option<bool>;
}

/// The verifiers that look up the revocations.
#[derive(Default)]
pub(crate) struct Readers(Mutex<Vec<Weak<dyn TrustedIssuers>>>);

/// How many entries name each issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NamedIssuers(HashMap<Box<str>, usize, FxBuildHasher>);

/// The issuers of a source that no verifier trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Untrusted {
    /// The number of their entries.
    pub(crate) entries: usize,
    /// The first of them, sorted.
    pub(crate) names: Vec<String>,
}

impl Readers {
    pub(crate) fn add(&self, reader: Weak<dyn TrustedIssuers>) {
        let mut readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(reader);
    }

    /// Returns the issuers that no verifier trusts now. There is none without a verifier.
    pub(crate) fn untrusted(&self, named: &NamedIssuers) -> Untrusted {
        let readers: Vec<_> = {
            let readers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            readers.iter().filter_map(Weak::upgrade).collect()
        };
        if readers.is_empty() {
            return Untrusted::default();
        }
        let untrusted = |name: &str| readers.iter().all(|reader| reader.trusts(name) == Some(false));
        let mut found: Vec<(&str, usize)> = named
            .0
            .iter()
            .map(|(name, entries)| (&**name, *entries))
            .filter(|(name, _)| untrusted(name))
            .collect();
        found.sort_unstable();
        Untrusted {
            entries: found.iter().map(|(_, entries)| entries).sum(),
            names: found.iter().take(MAX_LISTED).map(|(name, _)| (*name).to_owned()).collect(),
        }
    }
}

impl NamedIssuers {
    pub(crate) fn add(&mut self, name: &str) {
        self.add_times(name, 1);
    }

    pub(crate) fn add_all(&mut self, others: &Self) {
        others.0.iter().for_each(|(name, entries)| self.add_times(name, *entries));
    }

    fn add_times(&mut self, name: &str, times: usize) {
        if let Some(entries) = self.0.get_mut(name) {
            *entries = entries.saturating_add(times);
        } else if self.0.len() < MAX_NAMES && name.len() <= MAX_NAME_LEN {
            self.0.insert(name.into(), times);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    struct Trusting(&'static str, Option<bool>);

    impl TrustedIssuers for Trusting {
        fn trusts(&self, issuer: &str) -> Option<bool> {
            if issuer == self.0 { Some(true) } else { self.1 }
        }
    }

    fn named(all: &[&str]) -> NamedIssuers {
        let mut issuers = NamedIssuers::default();
        for name in all {
            issuers.add(name);
        }
        issuers
    }

    #[test]
    fn issuer_is_untrusted_if_every_verifier_rejects_it() {
        let readers = Readers::default();
        let reader = |name, otherwise| -> Arc<dyn TrustedIssuers> { Arc::new(Trusting(name, otherwise)) };
        let add = |reader: &Arc<dyn TrustedIssuers>| readers.add(Arc::downgrade(reader));
        let names = named(&["a", "b", "c", "c", "b/"]);
        assert_eq!(readers.untrusted(&names), Untrusted::default(), "there is no verifier");
        let a = reader("a", Some(false));
        add(&a);
        let expected = Untrusted { entries: 4, names: ["b", "b/", "c"].map(str::to_owned).into() };
        assert_eq!(readers.untrusted(&names), expected);
        let b = reader("b", Some(false));
        add(&b);
        assert_eq!(readers.untrusted(&names).names, ["b/", "c"]);
        let resolving = reader("a", None);
        add(&resolving);
        assert_eq!(readers.untrusted(&names), Untrusted::default(), "a resolver may trust it");
        drop(resolving);
        assert_eq!(readers.untrusted(&names).entries, 3);
    }

    #[test]
    fn number_of_counted_names_is_bounded() {
        let mut many = NamedIssuers::default();
        many.add(&"x".repeat(MAX_NAME_LEN + 1));
        assert_eq!(many.0.len(), 0);
        for number in 0..2 * MAX_NAMES {
            many.add(&number.to_string());
            many.add("0");
        }
        assert_eq!((many.0.len(), many.0.get("0")), (MAX_NAMES, Some(&(2 * MAX_NAMES + 1))));
    }
}
