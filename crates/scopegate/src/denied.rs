//! The answer of the application's own rules: this token may not do that.

use std::fmt;

/// Why a rule of the application denies a valid token.
///
/// The caller gets a 403 with the reason code, see [`VerifierBuilder::check`]. It is not a reason
/// to get another token, so clients neither renew nor step up.
///
/// ```
/// use scopegate::Denied;
///
/// let denied = Denied::new("suspended");
/// assert_eq!(denied.reason(), "suspended");
/// ```
///
/// [`VerifierBuilder::check`]: crate::VerifierBuilder::check
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a rule denies a request by returning it as an error"]
pub struct Denied {
    reason: &'static str,
}

impl Denied {
    /// Denies with a stable reason code, such as `suspended` or `not_owner`.
    ///
    /// Callers see the code, and it is a label of metrics. It is part of the program, so that no
    /// text of a token can get there. Write it as one word in snake case.
    pub const fn new(reason: &'static str) -> Self {
        Self { reason }
    }

    /// Returns the reason code.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

/// The reason code is `denied`: for rules that have one reason only.
impl Default for Denied {
    fn default() -> Self {
        Self::new("denied")
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "denied by a rule of the application: {}", self.reason)
    }
}

impl std::error::Error for Denied {}
