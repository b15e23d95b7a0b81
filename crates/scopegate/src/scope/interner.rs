//! Numbers for the scopes that routes require.
//!
//! A token's scopes are looked up once, when the token is verified. From then on, a requirement is
//! a comparison of bits, for any number of scopes. If a scope has no number, strings are compared
//! instead (`scope/requirement.rs`). The result is the same.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use rustc_hash::FxBuildHasher;
use scopegate_proto::scope::Scope;

use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::mask::{BitSet, MAX_SCOPES};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// The scopes of a verifier: their numbers, and their hierarchy.
pub(crate) struct ScopeInterner {
    /// Distinguishes the tables of different verifiers.
    id: u64,
    /// At most [`MAX_SCOPES`], which no API exceeds. The bound protects the memory of a program
    /// that creates layers from requests.
    numbers: ArcSwap<Numbers>,
    /// Adds implied scopes to a token's scopes before they are compared.
    pub(crate) hierarchy: Arc<ScopeHierarchy>,
}

/// A keyed hash is not needed: only the program inserts scopes, and scopes of tokens are only
/// looked up.
type Numbers = HashMap<Box<str>, usize, FxBuildHasher>;

/// The numbered scopes that a token grants.
#[derive(Clone, Copy)]
pub(crate) struct ScopeMask {
    table: u64,
    /// The number of numbered scopes at the time. It does not cover scopes that got a number later.
    known: usize,
    granted: BitSet,
}

/// A boolean expression over numbered scopes.
#[derive(Clone)]
pub(crate) struct CompiledRequirement {
    table: u64,
    /// Greater than every number in the test.
    known: usize,
    test: Test,
}

#[derive(Clone)]
pub(crate) enum Test {
    /// Each of these scopes, and each of the other tests.
    AllOf(BitSet, Vec<Test>),
    AnyOf(Vec<Test>),
}

impl ScopeInterner {
    pub(crate) fn new(hierarchy: ScopeHierarchy) -> Self {
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self { id, numbers: ArcSwap::default(), hierarchy: Arc::new(hierarchy) }
    }

    /// Returns the scope's number, and assigns one if necessary. Returns `None` if no number is
    /// left.
    pub(crate) fn number(&self, scope: &Scope) -> Option<BitSet> {
        let known = self.numbers.load();
        if !known.contains_key(scope.as_str()) && known.len() < MAX_SCOPES {
            self.numbers.rcu(|numbers| {
                let mut numbers = Numbers::clone(numbers);
                // Another thread may have added scopes meanwhile.
                let next = numbers.len();
                if next < MAX_SCOPES {
                    numbers.entry(scope.as_str().into()).or_insert(next);
                }
                numbers
            });
        }
        self.numbers.load().get(scope.as_str()).map(|number| BitSet::of(*number))
    }

    /// Returns the compiled form of a test with the numbers of this table.
    pub(crate) fn test(&self, test: Test) -> CompiledRequirement {
        CompiledRequirement { table: self.id, known: self.numbers.load().len(), test }
    }

    /// Returns the token's scopes that have a number.
    pub(crate) fn numbered<'a>(&self, scopes: impl Iterator<Item = &'a str>) -> ScopeMask {
        let numbers = self.numbers.load();
        let mut granted = BitSet::default();
        if !numbers.is_empty() {
            for scope in scopes {
                if let Some(number) = numbers.get(scope) {
                    granted.insert(*number);
                }
            }
        }
        ScopeMask { table: self.id, known: numbers.len(), granted }
    }
}

impl CompiledRequirement {
    /// Returns whether these scopes satisfy the requirement, or `None` if that needs the strings.
    pub(crate) fn is_satisfied_by(&self, scopes: &ScopeMask) -> Option<bool> {
        (scopes.table == self.table && scopes.known >= self.known)
            .then(|| self.test.is_satisfied_by(scopes.granted))
    }
}

impl Test {
    fn is_satisfied_by(&self, granted: BitSet) -> bool {
        match self {
            Self::AllOf(scopes, others) => {
                granted.contains(*scopes) && others.iter().all(|test| test.is_satisfied_by(granted))
            }
            Self::AnyOf(tests) => tests.iter().any(|test| test.is_satisfied_by(granted)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scope::requirement::{Requirement, all_of, any_of};

    fn scopes(text: &str) -> impl Iterator<Item = &str> {
        text.split(' ')
    }

    /// Returns the result of the comparison by number.
    fn by_number(table: &ScopeInterner, requirement: &Requirement, granted: &ScopeMask) -> Option<bool> {
        requirement.clone().compiled(table).by_number(granted)
    }

    #[test]
    fn numbers_and_strings_give_same_results() {
        // C20
        let table = ScopeInterner::new(ScopeHierarchy::default());
        let requirements = [
            "a".into(),
            all_of(["a", "b"]),
            any_of(["a", "bb"]),
            all_of(["a".into(), any_of([all_of(["b", "c"]), "dd".into()])]),
            any_of([all_of(["a", "b"]), all_of(["c", "dd"])]),
        ];
        let numbered: Vec<Requirement> =
            requirements.iter().map(|one| one.clone().compiled(&table)).collect();
        for granted in ["", "a", "b", "a b", "a b c", "a dd", "c dd", "bb", "aa", "A", "a a", "x y z"] {
            let list = granted.split(' ').filter_map(|scope| scope.parse::<Scope>().ok()).collect();
            for (text, number) in requirements.iter().zip(&numbered) {
                let granted = table.numbered(scopes(granted));
                assert_eq!(number.by_number(&granted), Some(text.is_satisfied_by(&list)), "{text}");
            }
        }
    }

    #[test]
    fn scopes_with_same_length_and_end_differ() {
        let table = ScopeInterner::new(ScopeHierarchy::default());
        let names =
            ["orders/read", "OrdErs/read", "order2/read", "read", "Read", "ead", "12345678", "012345678"];
        let requirements = names.map(|name| Requirement::from(name).compiled(&table));
        for granted in names {
            let numbered = table.numbered(scopes(granted));
            let satisfied = requirements.each_ref().map(|one| one.by_number(&numbered));
            assert_eq!(satisfied, names.map(|name| Some(name == granted)), "{granted}");
        }
        assert_eq!(
            by_number(&table, &"orders/read".into(), &table.numbered(scopes("ordErs/read"))),
            Some(false)
        );
    }

    #[test]
    fn scope_numbered_later_is_not_decided_by_number() {
        let table = ScopeInterner::new(ScopeHierarchy::default());
        let early = table.numbered(scopes("a b"));
        assert_eq!(by_number(&table, &"a".into(), &early), None);
        let later = table.numbered(scopes("a b"));
        assert_eq!(by_number(&table, &"a".into(), &later), Some(true));
        assert_eq!(by_number(&table, &all_of(["a", "b"]), &later), None, "b has a number only now");
    }

    #[test]
    fn numbers_of_another_table_are_not_used() {
        let (ours, theirs) =
            (ScopeInterner::new(ScopeHierarchy::default()), ScopeInterner::new(ScopeHierarchy::default()));
        let (required, other) =
            (Requirement::from("a").compiled(&ours), Requirement::from("b").compiled(&theirs));
        assert_eq!(required.by_number(&theirs.numbered(scopes("b"))), None);
        assert_eq!(other.by_number(&ours.numbered(scopes("a"))), None);
    }

    #[test]
    fn scopes_after_the_256th_have_no_number() {
        let table = ScopeInterner::new(ScopeHierarchy::default());
        let names: Vec<String> = (0..=MAX_SCOPES).map(|at| format!("scope-{at}")).collect();
        let numbered: Vec<Requirement> =
            names.iter().map(|name| name.parse::<Requirement>().unwrap().compiled(&table)).collect();
        let granted = table.numbered(names.iter().step_by(2).map(String::as_str));
        for (at, requirement) in numbered.iter().enumerate() {
            let expected = (at < MAX_SCOPES).then_some(at % 2 == 0);
            assert_eq!(requirement.by_number(&granted), expected, "{at}");
        }
    }
}
