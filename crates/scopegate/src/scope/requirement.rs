//! Requirements: which scopes does a route require?

mod compiled;
mod sufficient;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use scopegate_proto::scope::{Scope, Scopes};

use crate::config_error::ConfigError;
use crate::scope::requirement::compiled::Compiled;

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

    /// Returns whether these scopes satisfy the requirement.
    pub fn is_satisfied_by(&self, granted: &Scopes) -> bool {
        match &self.node {
            Node::Scope(scope) => granted.contains(scope.as_str()),
            Node::AllOf(all) => !all.is_empty() && all.iter().all(|one| one.is_satisfied_by(granted)),
            Node::AnyOf(any) => any.iter().any(|one| one.is_satisfied_by(granted)),
            Node::Invalid(_) => false,
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
