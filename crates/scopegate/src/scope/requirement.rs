//! Requirements: boolean expressions over scopes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use scopegate_proto::scope::{Scope, Scopes};

use crate::config_error::ConfigError;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::{CompiledRequirement, ScopeInterner, ScopeMask, Test};
use crate::scope::mask::BitSet;

/// A boolean expression over scopes: one scope, [`all_of`] or [`any_of`]. Expressions nest.
///
/// A string converts into the requirement of one scope:
///
/// ```
/// use scopegate::{Requirement, all_of, any_of};
///
/// let one = Requirement::from("orders/read");
/// let both = all_of(["orders/read", "orders/write"]);
/// let nested = all_of(["orders/read".into(), any_of(["orders/write", "orders/admin"])]);
/// # for requirement in [one, both, nested] { requirement.check()?; }
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
///
/// If a string is not a scope or a list is empty, no token satisfies the requirement.
/// [`check`](Self::check) rejects such a requirement, and also `offline_access`. The layers of
/// `scopegate-axum` call it when the router is built.
#[derive(Clone)]
pub struct Requirement {
    node: Node,
    /// The compiled form, if [`middleware::compile`](crate::middleware::compile) was called.
    compiled: Option<Arc<Compiled>>,
}

/// The compiled form of a requirement, for one verifier.
struct Compiled {
    /// The same expression over the numbers of the scopes, if each scope has one.
    test: Option<CompiledRequirement>,
    hierarchy: Arc<ScopeHierarchy>,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Scope(Scope),
    AllOf(Vec<Requirement>),
    AnyOf(Vec<Requirement>),
    /// A string that is not a scope.
    Invalid(String),
}

/// The scope that requests a refresh token (OpenID Connect Core §11).
const OFFLINE_ACCESS: &str = "offline_access";

/// Returns a requirement that is satisfied if all of these are satisfied.
pub fn all_of<I>(requirements: I) -> Requirement
where
    I: IntoIterator,
    I::Item: Into<Requirement>,
{
    Requirement::new(Node::AllOf(requirements.into_iter().map(Into::into).collect()))
}

/// Returns a requirement that is satisfied if at least one of these is satisfied.
///
/// A challenge names one way to satisfy a requirement, and uses the first alternative. Put the
/// alternative first that grants least.
pub fn any_of<I>(requirements: I) -> Requirement
where
    I: IntoIterator,
    I::Item: Into<Requirement>,
{
    Requirement::new(Node::AnyOf(requirements.into_iter().map(Into::into).collect()))
}

impl Requirement {
    fn new(node: Node) -> Self {
        Self { node, compiled: None }
    }

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

    /// Returns whether these scopes satisfy the requirement.
    pub fn is_satisfied_by(&self, granted: &Scopes) -> bool {
        match &self.node {
            Node::Scope(scope) => granted.contains(scope.as_str()),
            Node::AllOf(all) => !all.is_empty() && all.iter().all(|one| one.is_satisfied_by(granted)),
            Node::AnyOf(any) => any.iter().any(|one| one.is_satisfied_by(granted)),
            Node::Invalid(_) => false,
        }
    }

    /// Returns the scopes that a challenge names (RFC 6750 §3). Together they satisfy the
    /// requirement.
    ///
    /// Each scope occurs once, in the order of the requirement. Of several alternatives, the first
    /// is used. If the requirement is [compiled](crate::middleware::compile), scopes are left out
    /// that another scope of the list [implies](crate::VerifierBuilder::implied_scopes).
    pub fn challenge_scopes(&self) -> Vec<&Scope> {
        let mut scopes = Vec::new();
        self.collect_sufficient(&mut scopes);
        if let Some(Compiled { hierarchy, .. }) = self.compiled.as_deref() {
            let all = scopes.clone();
            scopes.retain(|scope| !all.iter().any(|other| hierarchy.implies(other, scope)));
        }
        scopes
    }

    /// Returns all minimal sets of scopes that satisfy the requirement, in its order. OpenAPI has
    /// this form for the security requirements of an operation.
    ///
    /// Any one of the sets is sufficient, and none contains another. The list is empty if no scopes
    /// satisfy the requirement. Implied scopes are ignored.
    ///
    /// The number of sets is the number of combinations: `all_of` ten `any_of` of two scopes each
    /// has 1,024.
    pub fn minimal_sets(&self) -> Vec<Vec<&Scope>> {
        let all = match &self.node {
            Node::Scope(scope) => vec![vec![scope]],
            Node::AllOf(parts) if parts.is_empty() => Vec::new(),
            Node::AllOf(parts) => parts.iter().fold(vec![Vec::new()], |chosen, part| {
                let more = part.minimal_sets();
                chosen.iter().flat_map(|one| more.iter().map(move |other| joined(one, other))).collect()
            }),
            Node::AnyOf(parts) => parts.iter().flat_map(Self::minimal_sets).collect(),
            Node::Invalid(_) => Vec::new(),
        };
        all.iter()
            .enumerate()
            .filter(|(at, set)| !is_superfluous(*at, set, &all))
            .map(|(_, set)| set.clone())
            .collect()
    }

    /// Returns all scopes of the requirement in its order, each once.
    pub fn scopes(&self) -> Vec<&Scope> {
        match &self.node {
            Node::Scope(scope) => vec![scope],
            Node::AllOf(parts) | Node::AnyOf(parts) => {
                parts.iter().fold(Vec::new(), |named, part| joined(&named, &part.scopes()))
            }
            Node::Invalid(_) => Vec::new(),
        }
    }

    fn collect_sufficient<'a>(&'a self, scopes: &mut Vec<&'a Scope>) {
        match &self.node {
            Node::Scope(scope) if scopes.contains(&scope) => {}
            Node::Scope(scope) => scopes.push(scope),
            Node::AllOf(all) => all.iter().for_each(|one| one.collect_sufficient(scopes)),
            Node::AnyOf(any) => any.iter().take(1).for_each(|one| one.collect_sufficient(scopes)),
            Node::Invalid(_) => {}
        }
    }

    /// Checks that a token can satisfy the requirement.
    ///
    /// # Errors
    /// Returns
    ///
    /// - [`ConfigError::InvalidScope`] if a string is not a scope,
    /// - [`ConfigError::EmptyRequirement`] if an [`all_of`] or [`any_of`] is empty,
    /// - [`ConfigError::ReservedScope`] for `offline_access`. It has no meaning for an API, and
    ///   clients would request it if a challenge named it.
    pub fn check(&self) -> Result<(), ConfigError> {
        match &self.node {
            Node::Scope(scope) if scope.as_str() == OFFLINE_ACCESS => {
                Err(ConfigError::ReservedScope { scope: scope.to_string() })
            }
            Node::Scope(_) => Ok(()),
            Node::AllOf(parts) | Node::AnyOf(parts) if parts.is_empty() => Err(ConfigError::EmptyRequirement),
            Node::AllOf(parts) | Node::AnyOf(parts) => parts.iter().try_for_each(Self::check),
            Node::Invalid(found) => Err(ConfigError::InvalidScope { found: found.clone() }),
        }
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

/// Returns the scopes of both lists, each once.
fn joined<'a>(one: &[&'a Scope], other: &[&'a Scope]) -> Vec<&'a Scope> {
    let mut scopes = one.to_vec();
    scopes.extend(other.iter().filter(|scope| !one.contains(scope)));
    scopes
}

/// Returns whether a smaller set, or the same set at an earlier position, is contained in this set.
fn is_superfluous(at: usize, set: &[&Scope], all: &[Vec<&Scope>]) -> bool {
    all.iter().enumerate().any(|(other_at, other)| {
        let contained = other.iter().all(|scope| set.contains(scope));
        contained && (other.len() < set.len() || other_at < at)
    })
}

/// Compares the expressions. Equivalent requirements in another order are not equal.
impl PartialEq for Requirement {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Eq for Requirement {}

impl From<Scope> for Requirement {
    fn from(scope: Scope) -> Self {
        Self::new(Node::Scope(scope))
    }
}

/// Converts string literals of the program. If the string is not a scope, [`Requirement::check`]
/// rejects the requirement. Use [`str::parse`] for other input.
impl From<&'static str> for Requirement {
    fn from(text: &'static str) -> Self {
        Self::new(text.parse::<Scope>().ok().map_or_else(|| Node::Invalid(text.to_owned()), Node::Scope))
    }
}

impl From<&Self> for Requirement {
    fn from(requirement: &Self) -> Self {
        requirement.clone()
    }
}

impl FromStr for Requirement {
    type Err = ConfigError;

    /// Parses the requirement of one scope, for example from a configuration file.
    ///
    /// # Errors
    /// Returns the errors of [`check`](Self::check).
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let requirement = Self::from(text.parse::<Scope>()?);
        requirement.check().map(|()| requirement)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, parts) = match &self.node {
            Node::Scope(scope) => return fmt::Display::fmt(scope, f),
            Node::Invalid(text) => return write!(f, "{text:?} (not a scope)"),
            Node::AllOf(parts) => ("all of", parts),
            Node::AnyOf(parts) => ("any of", parts),
        };
        write!(f, "{name} (")?;
        for (position, part) in parts.iter().enumerate() {
            write!(f, "{}{part}", if position == 0 { "" } else { ", " })?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(text: &str) -> Scopes {
        text.split(' ').filter_map(|scope| scope.parse::<Scope>().ok()).collect()
    }

    fn sufficient(requirement: &Requirement) -> String {
        requirement.challenge_scopes().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn one_scope_is_satisfied_by_itself_only() {
        let read = Requirement::from("read");
        assert!(read.is_satisfied_by(&granted("write read")));
        assert!(!read.is_satisfied_by(&granted("write reader")));
        assert!(!read.is_satisfied_by(&granted("")));
    }

    #[test]
    fn all_of_needs_every_scope_any_of_one() {
        assert!(all_of(["a", "b"]).is_satisfied_by(&granted("b a")));
        assert!(!all_of(["a", "b"]).is_satisfied_by(&granted("a")));
        assert!(any_of(["a", "b"]).is_satisfied_by(&granted("b")));
        assert!(!any_of(["a", "b"]).is_satisfied_by(&granted("c")));
    }

    #[test]
    fn requirements_nest() {
        let nested = all_of(["a".into(), any_of([all_of(["b", "c"]), "d".into()])]);
        for (scopes, satisfied) in [("a b c", true), ("a d", true), ("a b", false), ("b c d", false)] {
            assert_eq!(nested.is_satisfied_by(&granted(scopes)), satisfied, "{scopes}");
        }
        assert_eq!(nested.to_string(), "all of (a, any of (all of (b, c), d))");
    }

    #[test]
    fn challenge_scopes_satisfy_the_requirement() {
        // D13
        let nested = all_of(["a".into(), any_of([all_of(["b", "a"]), "d".into()])]);
        assert_eq!(sufficient(&nested), "a b");
        assert!(nested.is_satisfied_by(&granted(&sufficient(&nested))));
        assert_eq!(sufficient(&any_of(["read", "admin"])), "read");
    }

    #[test]
    fn compiled_challenge_leaves_out_implied_scopes() {
        // F16
        let declared = [("admin".to_owned(), vec!["read".to_owned()])];
        let table = ScopeInterner::new(ScopeHierarchy::new(&declared).unwrap());
        let cases = [
            (all_of(["read", "admin"]), "read admin", "admin"),
            (all_of(["read", "write"]), "read write", "read write"),
            (any_of(["read", "admin"]), "read", "read"),
        ];
        for (requirement, plain, compiled) in cases.clone() {
            assert_eq!(sufficient(&requirement), plain);
            assert_eq!(sufficient(&requirement.clone().compiled(&table)), compiled);
            // A requirement that is compiled for another verifier is compiled again.
            let other = ScopeInterner::new(ScopeHierarchy::default());
            assert_eq!(sufficient(&requirement.compiled(&other).compiled(&table)), compiled);
        }
        // Also for scopes after the 256th, which have no number.
        for at in 0..300 {
            let _ = format!("scope-{at}").parse::<Requirement>().unwrap().compiled(&table);
        }
        let late = all_of(["read", "late", "admin"]).compiled(&table);
        assert!(late.compiled.as_ref().is_some_and(|compiled| compiled.test.is_none()));
        assert_eq!(sufficient(&late), "late admin");
    }

    #[test]
    fn minimal_sets_are_all_ways_to_satisfy() {
        let nested = all_of(["a".into(), any_of([all_of(["b", "a"]), "d".into()])]);
        for (requirement, expected) in [
            ("a".into(), "a"),
            (nested.clone(), "a b|a d"),
            (all_of([any_of(["a", "b"]), any_of(["c", "d"])]), "a c|a d|b c|b d"),
            (any_of(["a", "b", "a"]), "a|b"),
            (any_of([all_of(["a", "b"]), "a".into(), all_of(["c", "a"])]), "a"),
            (any_of([all_of(["a", "b"]), all_of(["b", "a"])]), "a b"),
            (any_of(["a", "b c"]), "a"),
            (all_of(["a", "b c"]), ""),
            (all_of::<[&str; 0]>([]), ""),
            (all_of([any_of::<[&str; 0]>([]), "a".into()]), ""),
        ] {
            let sets: Vec<String> = requirement
                .minimal_sets()
                .into_iter()
                .map(|set| set.into_iter().map(Scope::as_str).collect::<Vec<_>>().join(" "))
                .collect();
            assert_eq!(sets.join("|"), expected, "{requirement}");
            assert!(sets.iter().all(|set| requirement.is_satisfied_by(&granted(set))), "{requirement}");
        }
        assert_eq!(nested.scopes().into_iter().map(Scope::as_str).collect::<Vec<_>>(), ["a", "b", "d"]);
    }

    #[test]
    fn invalid_requirement_is_rejected_and_never_satisfied() {
        // D24
        for (requirement, text) in [
            (Requirement::from("a b"), "InvalidScope"),
            (any_of(["a b"]), "InvalidScope"),
            (all_of([any_of([""])]), "InvalidScope"),
            (all_of::<[&str; 0]>([]), "EmptyRequirement"),
            (any_of([all_of::<[&str; 0]>([])]), "EmptyRequirement"),
            (all_of([any_of(["a", "offline_access"])]), "ReservedScope"),
        ] {
            assert!(format!("{:?}", requirement.check().unwrap_err()).starts_with(text), "{requirement}");
            assert!(!requirement.is_satisfied_by(&granted("b c")), "{requirement}");
        }
        // F17: only `offline_access` is reserved.
        assert!(any_of(["offline_access2", "offline"]).check().is_ok());
    }
}
