//! Signed client assertions (`private_key_jwt`, RFC 7523).
//!
//! This module shares no code with the crate that creates assertions, so that each checks the
//! other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use crate::keys::signing_key::SigningKey;
use crate::pool::replay_cache::ReplayCache;

/// RFC 7523 §2.2.
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The longest lifetime of an assertion, in seconds: an hour, which is the default of authlib. RFC
/// 7523 §3 allows an issuer to reject assertions that expire unreasonably late.
const MAX_LIFETIME: u64 = 3_600;

/// An unverified assertion.
pub(crate) struct Assertion {
    header: Value,
    claims: Value,
    signed: String,
    signature: Vec<u8>,
}

impl Assertion {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let decode = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        Some(Self {
            header: decode(header)?,
            claims: decode(claims)?,
            signed: signed.to_owned(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Returns the unverified `sub`.
    pub(crate) fn subject(&self) -> Option<&str> {
        self.claim("sub")
    }

    fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// Returns whether the assertion authenticates this client (RFC 7523 §3):
    ///
    /// - It is signed by the client's key with that key's algorithm.
    /// - `iss` and `sub` are the client id.
    /// - `aud` is a string, and one of `audiences`.
    /// - It is not expired, and expires within [`MAX_LIFETIME`].
    /// - Its `jti` is used for the first time.
    pub(crate) fn is_valid(
        &self,
        client_id: &str,
        key: &SigningKey,
        audiences: &[&str],
        now: u64,
        replay_cache: &ReplayCache,
    ) -> bool {
        let alg = self.header.get("alg").and_then(Value::as_str);
        let kid_fits = self.header.get("kid").is_none_or(|kid| kid.as_str() == Some(key.kid()));
        let about_itself = self.claim("iss") == Some(client_id) && self.claim("sub") == Some(client_id);
        let for_us = self.claim("aud").is_some_and(|found| audiences.contains(&found));
        let expires = self.claims.get("exp").and_then(Value::as_u64);
        let in_time = expires.is_some_and(|expires| now < expires && expires <= now + MAX_LIFETIME);
        let Some(id) = self.claim("jti") else { return false };
        alg.is_some_and(|alg| key.alg().has_name(alg))
            && kid_fits
            && about_itself
            && for_us
            && in_time
            && key.verifies(self.signed.as_bytes(), &self.signature)
            && replay_cache.insert(client_id, id, expires.unwrap_or_default(), now)
    }
}
