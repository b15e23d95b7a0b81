//! The rejection of a valid token by a rule of the application.

use std::fmt;

/// The reason why a rule of the application denies a valid token.
///
/// The response is 403 with the reason code, see [`VerifierBuilder::check`]. Another token would
/// not help, so clients neither renew the token nor request more scopes.
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
    /// Creates a denial with a stable reason code, such as `suspended` or `not_owner`.
    ///
    /// Callers see the code, and it is a label of metrics. It is `'static`, so that it cannot
    /// contain text of a token.
    ///
    /// The code has 1 to 64 characters of `a-z`, `0-9` and `_`, and starts with a letter. The
    /// [other codes](crate::Decision#reason-codes) are reserved, except `denied`.
    ///
    /// If you put it in a `const`, an invalid code is an error at compile time:
    ///
    /// ```
    /// use scopegate::Denied;
    ///
    /// const SUSPENDED: Denied = Denied::new("suspended");
    /// # assert_eq!(SUSPENDED.reason(), "suspended");
    /// ```
    ///
    /// ```compile_fail,E0080
    /// use scopegate::Denied;
    ///
    /// const SUSPENDED: Denied = Denied::new("accepted");
    /// # assert_eq!(SUSPENDED.reason(), "accepted");
    /// ```
    ///
    /// # Panics
    /// Panics if the code has another form, or is reserved.
    #[track_caller]
    pub const fn new(reason: &'static str) -> Self {
        assert!(
            is_snake_case(reason.as_bytes()),
            "a reason code has 1 to 64 characters of `a-z`, `0-9` and `_`, and starts with a letter"
        );
        assert!(!is_reserved(reason.as_bytes()), "the reason code is one of scopegate's own");
        Self { reason }
    }

    /// Returns the reason code.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

/// The reserved codes. Applications may use `denied`.
const RESERVED: [&str; 38] = [
    "accepted",
    "no_token",
    "no_credentials",
    "unsupported_scheme",
    "several_headers",
    "not_one_token",
    "malformed_certificate",
    "malformed",
    "unknown_issuer",
    "unknown_key",
    "expired",
    "not_yet_valid",
    "bad_signature",
    "not_for_us",
    "unacceptable",
    "revoked",
    "invalid_status",
    "inactive",
    "wrong_issuer",
    "insufficient_scope",
    "insufficient_user_authentication",
    "user_required",
    "unexpected_claims",
    "keys_unavailable",
    "issuer_unavailable",
    "revocations_unavailable",
    "status_unavailable",
    "introspection_unavailable",
    "introspection_misconfigured",
    "proof_required",
    "invalid_proof",
    "proof_replayed",
    "nonce_required",
    "replay_store_unavailable",
    "missing_certificate",
    "wrong_certificate",
    "not_certificate_bound",
    "peer_address_unknown",
];

const MAX_REASON: usize = 64;

const fn is_snake_case(mut code: &[u8]) -> bool {
    if code.len() > MAX_REASON || !matches!(code, [b'a'..=b'z', ..]) {
        return false;
    }
    while let [b'a'..=b'z' | b'0'..=b'9' | b'_', rest @ ..] = code {
        code = rest;
    }
    code.is_empty()
}

const fn is_reserved(code: &[u8]) -> bool {
    let mut reserved: &[&str] = &RESERVED;
    while let [first, rest @ ..] = reserved {
        if equal(first.as_bytes(), code) {
            return true;
        }
        reserved = rest;
    }
    false
}

/// Compares in a const context, where `==` is not available.
const fn equal(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([a, one_rest @ ..], [b, other_rest @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (one_rest, other_rest);
    }
    one.is_empty() && other.is_empty()
}

/// Has the reason code `denied`. Use it for a rule with a single reason.
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

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn reason_code_has_one_form() {
        let longest: &str = "a23456789_123456789_123456789_123456789_123456789_123456789_1234";
        let longer: &str = "a23456789_123456789_123456789_123456789_123456789_123456789_12345";
        for code in ["a", "denied", "not_owner", "quota_2", "accepted_", longest] {
            assert_eq!(Denied::new(code).reason(), code);
        }
        for code in ["", "A", "not owner", "not-owner", "2_quota", "_a", "ä", "a\n", longer] {
            assert!(catch_unwind(|| Denied::new(code)).is_err(), "{code:?}");
        }
    }

    #[test]
    fn reserved_codes_match_table_of_decisions() {
        let table = include_str!("../decision.rs").lines().filter_map(|line| line.strip_prefix("/// | `"));
        let listed: Vec<&str> = table.filter_map(|row| row.split('`').next()).collect();
        assert!(listed.contains(&"denied"));
        let others: Vec<&str> = listed.into_iter().filter(|code| *code != "denied").collect();
        assert_eq!(others, RESERVED);
        for code in RESERVED {
            assert!(catch_unwind(|| Denied::new(code)).is_err(), "{code}");
        }
    }
}
