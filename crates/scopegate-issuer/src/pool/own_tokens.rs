//! Access tokens that the pool has issued, as it finds and revokes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Pool;
use super::state::PoolState;

impl PoolState {
    /// Returns the claims of an opaque token that is not revoked, or of a JWT of the pool.
    pub(crate) fn claims_of(&self, token: &str) -> Option<Value> {
        let opaque = self.opaque_tokens().claims(token).map(Value::Object);
        opaque.or_else(|| self.verified(token))
    }

    /// Returns the claims of a token that a key of the pool has signed.
    pub(crate) fn verified(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (_, claims) = signed.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let is_signed = {
            let ring = self.keys().ring();
            ring.keys().any(|key| key.verifies(signed.as_bytes(), &signature))
        };
        is_signed.then(|| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()).flatten()
    }

    /// Revokes a token with these claims.
    pub(crate) fn revoke(&self, token: &str, claims: &Value) {
        let expires = claims.get("exp").and_then(Value::as_u64).unwrap_or(u64::MAX);
        if let Some(id) = claims.get("jti").and_then(Value::as_str) {
            self.revoked().insert(id, expires, self.now());
        }
        self.opaque_tokens().revoke(token);
    }
}

impl Pool {
    /// Revokes a token of the pool, as its client does at the revocation endpoint (RFC 7009). From
    /// then on, the introspection endpoint responds that it is inactive. A JWT needs a `jti`.
    ///
    /// ```
    /// # use scopegate_issuer::LocalIssuer;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let issuer = LocalIssuer::start().await?;
    /// let token = issuer.opaque_token(&issuer.mint());
    /// issuer.revoke_token(&token);
    /// # Ok(()) }
    /// ```
    pub fn revoke_token(&self, token: &str) {
        if let Some(claims) = self.state.claims_of(token) {
            self.state.revoke(token, &claims);
        }
    }

    /// Revokes all opaque tokens.
    pub(crate) fn revoke_opaque_tokens(&self) {
        self.state.opaque_tokens().revoke_all();
    }

    /// Forgets an opaque token, so that there is room for another one.
    pub(crate) fn forget_opaque_token(&self, token: &str) {
        self.state.opaque_tokens().revoke(token);
    }
}
