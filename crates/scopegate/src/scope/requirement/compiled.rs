//! How is a requirement compared with a token's scopes without their strings?

use std::sync::Arc;

use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::{CompiledRequirement, ScopeInterner, ScopeMask, Test};
use crate::scope::mask::BitSet;
use crate::scope::requirement::{Node, Requirement};

/// The compiled form of a requirement, for one verifier.
pub(super) struct Compiled {
    /// The same expression over the numbers of the scopes, if each scope has one.
    pub(super) test: Option<CompiledRequirement>,
    pub(super) hierarchy: Arc<ScopeHierarchy>,
}

impl Requirement {
    /// Returns the same requirement in compiled form. If the table has no numbers left, scopes are
    /// compared as strings.
    pub(crate) fn compiled(mut self, table: &ScopeInterner) -> Self {
        let test = self.node.test(table).map(|test| table.test(test));
        self.compiled = Some(Arc::new(Compiled { test, hierarchy: Arc::clone(&table.hierarchy) }));
        self
    }

    /// Returns whether the numbered scopes satisfy it, or `None` if strings have to be compared.
    pub(crate) fn by_number(&self, granted: &ScopeMask) -> Option<bool> {
        self.compiled.as_ref()?.test.as_ref()?.is_satisfied_by(granted)
    }
}

impl Node {
    /// Returns the test over numbers, or `None` if a scope has no number.
    fn test(&self, table: &ScopeInterner) -> Option<Test> {
        match self {
            Self::Scope(scope) => Some(Test::AllOf(table.number(scope)?, Vec::new())),
            Self::AllOf(parts) if !parts.is_empty() => {
                let (mut scopes, mut others) = (BitSet::default(), Vec::new());
                for part in parts {
                    match part.node.test(table)? {
                        Test::AllOf(more, tests) => {
                            scopes = scopes.union(more);
                            others.extend(tests);
                        }
                        any @ Test::AnyOf(_) => others.push(any),
                    }
                }
                Some(Test::AllOf(scopes, others))
            }
            Self::AnyOf(parts) => {
                parts.iter().map(|part| part.node.test(table)).collect::<Option<_>>().map(Test::AnyOf)
            }
            Self::AllOf(_) | Self::Invalid(_) => None,
        }
    }
}
