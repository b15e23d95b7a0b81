//! The requirement of one method of a route.

use std::time::Duration;

use scopegate::Requirement;

/// Maximum number of scopes in one list. A challenge names them, and gateways have small buffers.
pub(crate) const MAX_SCOPES: usize = 64;

/// The requirement of one method of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// No token is required, and a token is not read.
    Public,
    /// Any valid token.
    Authenticated,
    /// A valid token that grants scopes.
    Scopes(Requirement),
    /// The token of a user who has authenticated in a certain way. It may have to grant scopes.
    User { scopes: Option<Requirement>, user: RequiredUser },
}

/// The required authentication of the user (RFC 9470).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequiredUser {
    /// The accepted values of `acr`. Empty for any.
    pub(crate) acr: Vec<String>,
    pub(crate) max_age: Option<Duration>,
}

impl Access {
    /// Returns the scopes that the token must grant.
    pub(crate) fn scopes(&self) -> Option<&Requirement> {
        match self {
            Self::Public | Self::Authenticated => None,
            Self::Scopes(required) => Some(required),
            Self::User { scopes, .. } => scopes.as_ref(),
        }
    }

    /// Returns the required authentication of the user.
    pub(crate) fn user(&self) -> Option<&RequiredUser> {
        match self {
            Self::User { user, .. } => Some(user),
            Self::Public | Self::Authenticated | Self::Scopes(_) => None,
        }
    }

    /// Returns whether every request that this rule accepts also satisfies the other one. Two different
    /// requirements of scopes count as different, also if one implies the other.
    pub(crate) fn is_at_least(&self, other: &Self) -> bool {
        let needs_token = |access: &Self| *access != Self::Public;
        let is_enough = |other: Option<&Requirement>| other.is_none() || self.scopes() == other;
        match other {
            Self::Public => true,
            Self::Authenticated => needs_token(self),
            Self::Scopes(other) => is_enough(Some(other)),
            Self::User { scopes, user } => self.user() == Some(user) && is_enough(scopes.as_ref()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stricter_rule_is_at_least_the_other() {
        let scopes = |scope: &'static str| Access::Scopes(scope.into());
        let rules = [Access::Public, Access::Authenticated, scopes("a")];
        for (n, one) in rules.iter().enumerate() {
            for (m, other) in rules.iter().enumerate() {
                assert_eq!(one.is_at_least(other), n >= m, "{one:?} {other:?}");
            }
        }
        assert!(!scopes("a").is_at_least(&scopes("b")));
    }
    #[test]
    fn requirement_of_user_is_stricter() {
        let user = |acr: &str| RequiredUser { acr: vec![acr.to_owned()], max_age: None };
        let rule = |scope: Option<&'static str>, acr| Access::User {
            scopes: scope.map(Requirement::from),
            user: user(acr),
        };
        let strict = rule(Some("a"), "mfa");
        for other in [Access::Public, Access::Authenticated, Access::Scopes("a".into()), rule(None, "mfa")] {
            assert!(strict.is_at_least(&other) && !other.is_at_least(&strict), "{other:?}");
        }
        for other in [Access::Scopes("b".into()), rule(Some("a"), "pwd"), rule(Some("b"), "mfa")] {
            assert!(!strict.is_at_least(&other) && !other.is_at_least(&strict), "{other:?}");
        }
    }
}
