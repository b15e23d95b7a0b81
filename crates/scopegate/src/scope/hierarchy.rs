//! The hierarchy of implied scopes that the application declares. The grammar of scopes has none.

use std::sync::Arc;

use scopegate_proto::json::shortlex;
use scopegate_proto::scope::Scope;

use crate::config_error::ConfigError;
use crate::scope::mask::{BitSet, MAX_SCOPES};

/// The declared scopes, each with the scopes that it implies.
#[derive(Debug, Default)]
pub(crate) struct ScopeHierarchy {
    /// Each declared scope with all scopes that it implies, directly or indirectly. A bit is an
    /// index into this list. Sorted by [`shortlex`].
    scopes: Vec<(Scope, BitSet)>,
}

/// The implied scopes of a token. Its size is independent of their number.
pub(crate) struct Implied {
    hierarchy: Arc<ScopeHierarchy>,
    scopes: BitSet,
}

impl ScopeHierarchy {
    /// Creates a hierarchy from scopes, each with the scopes that it implies directly.
    pub(crate) fn new(declared: &[(String, Vec<String>)]) -> Result<Self, ConfigError> {
        let names = declared.iter().flat_map(|(scope, implied)| [scope].into_iter().chain(implied));
        let mut names = names.map(|name| name.parse()).collect::<Result<Vec<Scope>, _>>()?;
        names.sort_unstable_by(|a, b| shortlex(a.as_str(), b.as_str()));
        names.dedup();
        if names.len() > MAX_SCOPES {
            let (expected, found) = ("at most 256 different ones", names.len().to_string());
            return Err(ConfigError::OutOfRange { setting: "implied scopes", expected, found });
        }
        let mut hierarchy =
            Self { scopes: names.into_iter().map(|name| (name, BitSet::default())).collect() };
        for (scope, implied) in declared {
            let direct = implied.iter().filter_map(|one| hierarchy.index_of(one)).map(BitSet::of);
            let direct = direct.fold(BitSet::default(), BitSet::union);
            hierarchy.add(hierarchy.index_of(scope), direct);
        }
        hierarchy.close()?;
        Ok(hierarchy)
    }

    /// Computes the transitive closure (Warshall's algorithm). Fails if a scope implies itself.
    fn close(&mut self) -> Result<(), ConfigError> {
        for through in 0..self.scopes.len() {
            let further = self.implied_by_index(through);
            for index in 0..self.scopes.len() {
                if self.implied_by_index(index).has(through) {
                    self.add(Some(index), further);
                }
            }
        }
        match self.scopes.iter().enumerate().find(|(index, (_, implied))| implied.has(*index)) {
            Some((_, (scope, _))) => Err(ConfigError::ScopeImpliesItself { scope: scope.to_string() }),
            None => Ok(()),
        }
    }

    fn add(&mut self, index: Option<usize>, more: BitSet) {
        if let Some((_, implied)) = index.and_then(|index| self.scopes.get_mut(index)) {
            *implied = implied.union(more);
        }
    }

    /// Returns the scopes that the granted scopes imply, or `None` if there are none.
    pub(crate) fn implied_by<'a>(
        self: &Arc<Self>,
        granted: impl Iterator<Item = &'a str>,
    ) -> Option<Implied> {
        if self.scopes.is_empty() {
            return None;
        }
        let implied =
            granted.filter_map(|scope| self.index_of(scope)).map(|index| self.implied_by_index(index));
        let scopes = implied.fold(BitSet::default(), BitSet::union);
        (!scopes.is_empty()).then(|| Implied { hierarchy: Arc::clone(self), scopes })
    }

    /// Returns whether one scope implies the other. No scope implies itself.
    pub(crate) fn implies(&self, one: &Scope, other: &Scope) -> bool {
        match (self.index_of(one.as_str()), self.index_of(other.as_str())) {
            (Some(one), Some(other)) => self.implied_by_index(one).has(other),
            _ => false,
        }
    }

    fn implied_by_index(&self, index: usize) -> BitSet {
        self.scopes.get(index).map(|(_, implied)| *implied).unwrap_or_default()
    }

    fn index_of(&self, scope: &str) -> Option<usize> {
        self.scopes.binary_search_by(|(known, _)| shortlex(known.as_str(), scope)).ok()
    }
}

impl Implied {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.scopes.iter().filter_map(|index| self.hierarchy.scopes.get(index)).map(|(scope, _)| scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a hierarchy. Each line declares a scope, and after the colon the scopes that it
    /// implies.
    fn hierarchy(declared: &str) -> Result<Arc<ScopeHierarchy>, ConfigError> {
        let declared = declared.lines().map(|line| {
            let (scope, implied) = line.split_once(": ").unwrap();
            (scope.to_owned(), implied.split(", ").map(str::to_owned).collect())
        });
        ScopeHierarchy::new(&declared.collect::<Vec<_>>()).map(Arc::new)
    }

    fn implied(hierarchy: &Arc<ScopeHierarchy>, granted: &str) -> String {
        let implied = hierarchy.implied_by(granted.split(' '));
        let mut implied: Vec<&str> = implied.iter().flat_map(Implied::iter).map(Scope::as_str).collect();
        implied.sort_unstable();
        implied.join(" ")
    }

    #[test]
    fn implication_is_transitive() {
        // F16
        let declared = hierarchy("everything: write\nwrite: read\naudit: read, log").unwrap();
        for (granted, expected) in [
            ("everything", "read write"),
            ("write", "read"),
            ("audit write", "log read"),
            ("write write write", "read"),
            ("read", ""),
            ("everythin", ""),
            ("Write", ""),
            ("", ""),
        ] {
            assert_eq!(implied(&declared, granted), expected, "{granted}");
        }
    }

    #[test]
    fn declarations_of_one_scope_add_up() {
        let declared = hierarchy("a: bb\na: c\nbb: d\nc: d").unwrap();
        assert_eq!(implied(&declared, "a"), "bb c d");
        let scope = |text: &str| text.parse::<Scope>().unwrap();
        assert!(declared.implies(&scope("a"), &scope("d")));
        assert!(!declared.implies(&scope("d"), &scope("a")));
        assert!(!declared.implies(&scope("a"), &scope("a")));
        assert!(!declared.implies(&scope("a"), &scope("other")));
    }

    #[test]
    fn circle_and_invalid_scope_are_rejected() {
        for (declared, expected) in [
            ("a: a", "ScopeImpliesItself"),
            ("a: bb\nbb: c\nc: a", "ScopeImpliesItself"),
            ("a b: c", "InvalidScope"),
            ("a: ", "InvalidScope"),
        ] {
            let error = hierarchy(declared).unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        }
        assert!(hierarchy("a: bb\nbb: c").is_ok());
    }

    #[test]
    fn chain_of_more_than_256_scopes_is_rejected() {
        let chain =
            |links: usize| (0..links).map(|at| format!("s{at}: s{}", at + 1)).collect::<Vec<_>>().join("\n");
        let longest = hierarchy(&chain(255)).unwrap();
        assert_eq!(implied(&longest, "s0").split(' ').count(), 255);
        assert_eq!(implied(&longest, "s254"), "s255");
        let error = hierarchy(&chain(256)).unwrap_err();
        assert_eq!(error.to_string(), "implied scopes: expected at most 256 different ones, found 257");
    }
}
