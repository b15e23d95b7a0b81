//! The origin of a token, which decides whether its call needs a budget.

/// The origin of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An attacker may have invented it.
    Unverified,
    /// The issuer has signed it, so it needs no budget.
    Verified,
}
