//! What a route asks of a token's scopes: a boolean expression. The scopes themselves are `scope.rs`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use scopegate_proto::scope::{Scope, Scopes};

use crate::error::config::ConfigError;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::{CompiledRequirement, ScopeInterner, ScopeMask, Test};
use crate::scope::mask::BitSet;

/// A boolean expression over scopes: one scope, [`all_of`], [`any_of`], nested.
///
/// Text converts into the requirement of one scope:
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
/// A text that is not a scope, and an empty list, make a requirement that nothing satisfies and that
/// [`check`](Self::check) refuses, as it refuses `offline_access`. The layers of `scopegate-axum` check when the router is built.
#[derive(Clone)]
pub struct Requirement {
    node: Node,
    /// What [`middleware::compile`](crate::middleware::compile) added.
    compiled: Option<Arc<Compiled>>,
}

/// What a verifier knows about the scopes of a requirement.
struct Compiled {
    /// The same expression over the numbers of the scopes, if each has one.
    test: Option<CompiledRequirement>,
    hierarchy: Arc<ScopeHierarchy>,
}

#[derive(Clone, PartialEq, Eq)]
enum Node {
    Scope(Scope),
    AllOf(Vec<Requirement>),
    AnyOf(Vec<Requirement>),
    /// Text that is not a scope.
    Invalid(String),
}

/// OpenID Connect Core §11: it asks for a refresh token.
const OFFLINE_ACCESS: &str = "offline_access";

/// The requirement that every one of these is satisfied.
pub fn all_of<I>(requirements: I) -> Requirement
where
    I: IntoIterator,
    I::Item: Into<Requirement>,
{
    Requirement::new(Node::AllOf(requirements.into_iter().map(Into::into).collect()))
}

/// The requirement that at least one of these is satisfied.
///
/// A challenge names one way to satisfy a requirement, and takes the first of these: put first what a caller
/// should ask for, which is what grants least.
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

    /// The same requirement, with numbers for its scopes where the table has any left.
    pub(crate) fn compiled(mut self, table: &ScopeInterner) -> Self {
        let test = self.node.test(table).map(|test| table.test(test));
        self.compiled = Some(Arc::new(Compiled { test, hierarchy: Arc::clone(&table.hierarchy) }));
        self
    }

    /// Whether the numbered scopes are enough; `None` when the texts have to be compared.
    pub(crate) fn by_number(&self, granted: &ScopeMask) -> Option<bool> {
        self.compiled.as_ref()?.test.as_ref()?.is_satisfied_by(granted)
    }

    /// Whether these scopes are enough.
    pub fn is_satisfied_by(&self, granted: &Scopes) -> bool {
        match &self.node {
            Node::Scope(scope) => granted.contains(scope.as_str()),
            Node::AllOf(all) => !all.is_empty() && all.iter().all(|one| one.is_satisfied_by(granted)),
            Node::AnyOf(any) => any.iter().any(|one| one.is_satisfied_by(granted)),
            Node::Invalid(_) => false,
        }
    }

    /// Scopes that together satisfy the requirement, in the order they were written, each once: what a
    /// challenge names (RFC 6750 §3). Of alternatives it takes the first, and when the requirement is
    /// [compiled](crate::middleware::compile), it leaves out what another of the scopes
    /// [implies](crate::VerifierBuilder::implied_scopes).
    pub fn challenge_scopes(&self) -> Vec<&Scope> {
        let mut scopes = Vec::new();
        self.collect_sufficient(&mut scopes);
        if let Some(Compiled { hierarchy, .. }) = self.compiled.as_deref() {
            let all = scopes.clone();
            scopes.retain(|scope| !all.iter().any(|other| hierarchy.implies(other, scope)));
        }
        scopes
    }

    /// The sets of scopes that satisfy it, in the order they were written: any one of them is enough, and none contains
    /// another one. None where nothing satisfies it. It is the form in which OpenAPI writes what an operation needs. What
    /// scopes imply is left aside.
    ///
    /// There are as many as there are ways to choose: `all_of` ten `any_of` of two each has 1,024.
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

    /// Every scope that it names, each once, in the order they were written.
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

    /// Whether it makes sense to ask for this.
    ///
    /// # Errors
    /// [`ConfigError::InvalidScope`] for a text that is not a scope, [`ConfigError::EmptyRequirement`] for an empty
    /// [`all_of`] or [`any_of`], and [`ConfigError::ReservedScope`] for `offline_access`, which nobody needs to use an API
    /// and which callers would ask for if a challenge named it.
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
    /// The test that this is for numbered scopes; `None` when a scope has no number.
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

/// The scopes of both, each once.
fn joined<'a>(one: &[&'a Scope], other: &[&'a Scope]) -> Vec<&'a Scope> {
    let mut scopes = one.to_vec();
    scopes.extend(other.iter().filter(|scope| !one.contains(scope)));
    scopes
}

/// Whether another set, or the same one earlier, is enough already.
fn is_superfluous(at: usize, set: &[&Scope], all: &[Vec<&Scope>]) -> bool {
    all.iter().enumerate().any(|(other_at, other)| {
        let contained = other.iter().all(|scope| set.contains(scope));
        contained && (other.len() < set.len() || other_at < at)
    })
}

/// Whether they are written alike.
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

/// For scopes that are written in the program. If one is not a scope, [`Requirement::check`] rejects the
/// requirement. To read a scope from elsewhere, parse it.
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

    /// Reads the requirement of one scope, for instance from a configuration file.
    ///
    /// # Errors
    /// As for [`check`](Self::check).
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
    fn one_scope_is_satisfied_by_exactly_that_scope() {
        let read = Requirement::from("read");
        assert!(read.is_satisfied_by(&granted("write read")));
        assert!(!read.is_satisfied_by(&granted("write reader")));
        assert!(!read.is_satisfied_by(&granted("")));
    }

    #[test]
    fn all_of_asks_for_every_one_and_any_of_for_one() {
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
    fn a_challenge_names_scopes_that_would_be_enough() {
        // D13
        let nested = all_of(["a".into(), any_of([all_of(["b", "a"]), "d".into()])]);
        assert_eq!(sufficient(&nested), "a b");
        assert!(nested.is_satisfied_by(&granted(&sufficient(&nested))));
        assert_eq!(sufficient(&any_of(["read", "admin"])), "read");
    }

    #[test]
    fn what_another_scope_implies_is_not_asked_for() {
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
            // What another verifier has prepared is prepared anew.
            let other = ScopeInterner::new(ScopeHierarchy::default());
            assert_eq!(sufficient(&requirement.compiled(&other).compiled(&table)), compiled);
        }
        // Also for scopes that came too late to get a number.
        for at in 0..300 {
            let _ = format!("scope-{at}").parse::<Requirement>().unwrap().compiled(&table);
        }
        let late = all_of(["read", "late", "admin"]).compiled(&table);
        assert!(late.compiled.as_ref().is_some_and(|compiled| compiled.test.is_none()));
        assert_eq!(sufficient(&late), "late admin");
    }

    #[test]
    fn the_alternatives_are_all_ways_to_satisfy_it() {
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
    fn what_is_not_a_scope_is_refused_and_satisfied_by_nothing() {
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
        // F17: only that one.
        assert!(any_of(["offline_access2", "offline"]).check().is_ok());
    }
}
