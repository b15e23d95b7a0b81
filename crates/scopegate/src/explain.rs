//! Explanations: which checks does one token pass, and which does it fail?
//!
//! The driver is [`Verifier::explain`](crate::Verifier::explain). A published key is explained by
//! [`explain_jwks`](key_set::explain_jwks).

pub(crate) mod collect;
pub(crate) mod found;
pub(crate) mod key_set;

use std::fmt;

use crate::checks::course::CheckName;
use crate::claims::Claims;
use crate::error::Error;

/// Every check of one token, and the result. [`Verifier::explain`](crate::Verifier::explain) returns
/// it.
///
/// Values come from a token that may be forged. They are cut and escaped, and contain no signature.
/// They may contain personal data. Don't send them to the caller.
pub struct Explanation {
    pub(crate) checks: Vec<Check>,
    pub(crate) header: Option<String>,
    pub(crate) payload: Option<String>,
    pub(crate) result: Result<Claims, Error>,
}

/// One check of an [`Explanation`].
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Check {
    /// The name.
    pub name: CheckName,
    /// Whether the token has passed it.
    pub outcome: CheckOutcome,
    /// The members of the token that the check reads, such as `"https://issuer.example"`. Empty if there
    /// are none.
    pub found: String,
}

/// The outcome of one check.
#[derive(Clone, Debug)]
pub enum CheckOutcome {
    /// The token has passed.
    Passed,
    /// The token has failed. The first failure is the error of a verification.
    Failed(Error),
    /// The check could not run, because an earlier failure left it without its input.
    NotRun,
}

impl Explanation {
    /// Returns the checks in their order.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Returns the result: the claims, or the error of [`verify`](crate::Verifier::verify).
    ///
    /// # Errors
    /// Returns the [`Error`] of the first failed check.
    pub fn result(&self) -> Result<&Claims, &Error> {
        self.result.as_ref()
    }

    /// Returns the header as JSON, **not verified**. Returns `None` if it is malformed.
    pub fn header(&self) -> Option<&str> {
        self.header.as_deref()
    }

    /// Returns the payload as JSON. It is **not verified** unless [`result`](Self::result) is `Ok`.
    /// Returns `None` if it is malformed.
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }
}

/// Leaves out the header and the payload.
impl fmt::Debug for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Explanation")
            .field("checks", &self.checks)
            .field("result", &self.result)
            .finish_non_exhaustive()
    }
}
