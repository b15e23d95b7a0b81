//! Access tokens that are random strings. The pool keeps their claims for introspection (RFC 7662).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::Pool;
use crate::keys::public_key::sha256;
use crate::mint::Mint;

/// The maximum number of tokens that have not expired, so that a client under test cannot exhaust
/// memory.
const MAX_TOKENS: usize = 10_000;

/// The claims of each token, by the hash of the token.
#[derive(Default)]
pub(crate) struct OpaqueTokens(Mutex<HashMap<String, Map<String, Value>>>);

impl OpaqueTokens {
    /// Returns a new token with these claims. Returns `None` if there is no room.
    pub(crate) fn issue(&self, claims: Map<String, Value>, now: u64) -> Option<String> {
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).ok()?;
        let token = URL_SAFE_NO_PAD.encode(random);
        let mut tokens = self.locked();
        if tokens.len() >= MAX_TOKENS {
            tokens.retain(|_, claims| expiry(claims).is_none_or(|expires| now < expires));
        }
        if tokens.len() >= MAX_TOKENS {
            return None;
        }
        tokens.insert(sha256(token.as_bytes()), claims);
        Some(token)
    }

    /// Returns the claims of a token that was issued and not revoked. It may have expired.
    pub(crate) fn claims(&self, token: &str) -> Option<Map<String, Value>> {
        self.locked().get(&sha256(token.as_bytes())).cloned()
    }

    pub(crate) fn revoke(&self, token: &str) {
        self.locked().remove(&sha256(token.as_bytes()));
    }

    pub(crate) fn revoke_all(&self) {
        self.locked().clear();
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Map<String, Value>>> {
        // Each change is complete in itself, so a poisoned lock is used as well.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns `exp`, if it is a number of seconds.
fn expiry(claims: &Map<String, Value>) -> Option<u64> {
    claims.get("exp").and_then(Value::as_u64)
}

impl Pool {
    /// Issues an opaque token (256 random bits) with the claims of this `Mint`. The introspection
    /// endpoint returns them. Header, signature and raw payload of the `Mint` have no effect.
    ///
    /// ```
    /// # use scopegate_issuer::LocalIssuer;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let issuer = LocalIssuer::start().await?;
    /// let token = issuer.opaque_token(&issuer.mint().scope("orders/read"));
    /// let expired = issuer.opaque_token(&issuer.mint().expired());
    /// assert_ne!(token, expired);
    /// # Ok(()) }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if the pool has 10,000 opaque tokens that have not expired.
    #[must_use]
    pub fn opaque_token(&self, mint: &Mint) -> String {
        let token = self.state.opaque_tokens().issue(mint.claims(), self.state.now());
        token.expect("a pool has at most 10,000 opaque tokens that have not expired")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(expires: u64) -> Map<String, Value> {
        Map::from_iter([("exp".to_owned(), json!(expires))])
    }

    #[test]
    fn opaque_token_has_its_claims_until_revoked() {
        let tokens = OpaqueTokens::default();
        let (one, other) = (tokens.issue(claims(100), 0).unwrap(), tokens.issue(claims(200), 0).unwrap());
        assert_eq!(URL_SAFE_NO_PAD.decode(&one).unwrap().len(), 32);
        assert_ne!(one, other);
        assert_eq!(tokens.claims(&one), Some(claims(100)));
        tokens.revoke(&one);
        tokens.revoke("unknown");
        assert_eq!((tokens.claims(&one), tokens.claims(&other)), (None, Some(claims(200))));
    }

    #[test]
    fn number_of_opaque_tokens_is_bounded() {
        let tokens = OpaqueTokens::default();
        for id in 0..MAX_TOKENS {
            tokens.locked().insert(id.to_string(), claims(100));
        }
        assert_eq!(tokens.issue(claims(200), 99), None);
        assert!(tokens.issue(claims(200), 100).is_some());
        assert_eq!(tokens.locked().len(), 1);
    }
}
