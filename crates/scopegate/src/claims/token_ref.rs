//! The token that an error is about.

use std::fmt;

use crate::claims::Claims;

/// Refers to the verified token that an error is about. It shows nothing of the token.
///
/// If a handler verifies a second token, it tells the errors of both apart.
/// `http::Rejection::is_about` uses it. It holds the claims in memory, as their other clones do.
#[derive(Clone)]
pub struct TokenRef(Claims);

impl TokenRef {
    pub(crate) fn new(claims: &Claims) -> Self {
        Self(claims.clone())
    }

    /// Returns whether the error is about the token of these claims.
    pub fn is_of(&self, claims: &Claims) -> bool {
        self.0.is_same_token(claims)
    }
}

impl fmt::Debug for TokenRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRef").finish_non_exhaustive()
    }
}
