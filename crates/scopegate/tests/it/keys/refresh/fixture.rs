//! Tokens for the tests of the refresh task.

use scopegate_issuer::LocalIssuer;

/// Returns a token whose key id the issuer does not know.
pub(crate) fn token_of_unknown_key(local: &LocalIssuer, kid: &str) -> String {
    local.mint().header("kid", kid).sign()
}
