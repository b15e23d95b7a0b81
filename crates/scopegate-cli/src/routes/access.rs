//! The requirement of one method of a route.

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
}

impl Access {
    /// Returns whether every request that this rule accepts also satisfies the other one. Two different
    /// requirements of scopes count as different, also if one implies the other.
    pub(crate) fn is_at_least(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Public) | (Self::Authenticated | Self::Scopes(_), Self::Authenticated) => true,
            (Self::Scopes(required), Self::Scopes(other)) => required == other,
            (Self::Public, Self::Authenticated) | (Self::Public | Self::Authenticated, Self::Scopes(_)) => {
                false
            }
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
}
