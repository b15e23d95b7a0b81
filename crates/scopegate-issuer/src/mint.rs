//! Builds access tokens: valid ones, and ones with exactly one defect.

pub(crate) mod certificate;
mod damage;
mod providers;
mod security_event;
mod shape;

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};

use self::damage::Damage;
use self::shape::Shape;
use crate::clock;
use crate::keys::pool_keys::PoolKeys;
use crate::keys::signing_key::SigningKey;

/// A builder of one access token.
///
/// It starts as a valid access token with exactly the members of a Cognito machine-to-machine
/// token:
///
/// - Header: `kid` and `alg`.
/// - Claims: `sub` (the client id), `token_use`, `scope`, `auth_time`, `iss`, `exp`, `iat`,
///   `version`, `jti` and `client_id`.
///
/// Each method changes one thing, and a later call overrides an earlier one.
///
/// To sign with the key of a running server, use [`sign`](Self::sign):
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let issuer = scopegate_issuer::LocalIssuer::start().await?;
/// let valid = issuer.mint().scope("orders/read orders/write").sign();
/// let expired = issuer.mint().expired().sign();
/// let for_another_use = issuer.mint().claim("token_use", "id").sign();
/// # let _ = (valid, expired, for_another_use); Ok(()) }
/// ```
///
/// Without a server, use [`sign_with`](Self::sign_with):
///
/// ```
/// use scopegate_issuer::{Algorithm, Mint, SigningKey};
///
/// let key = SigningKey::generate(Algorithm::ES256);
/// let token = Mint::cognito("https://issuer.example", "my-client").without_claim("exp").sign_with(&key);
/// assert_eq!(token.split('.').count(), 3);
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is minted until it is signed"]
pub struct Mint {
    now: u64,
    shape: Shape,
    claims: Map<String, Value>,
    /// Members that are added to `kid` and `alg`, or replace them. `None` removes a member.
    header: BTreeMap<String, Option<Value>>,
    raw_header: Option<String>,
    raw_payload: Option<String>,
    damage: Damage,
    /// The keys of a pool; `None` without a server.
    keys: Option<Arc<PoolKeys>>,
}

impl Mint {
    /// Creates a Cognito token from `issuer` for `client_id`. It is issued at the current time of
    /// the system clock.
    ///
    /// Default lifetime: 3600 s. Default scope: `https://my-api-server.org/api.read`.
    pub fn cognito(issuer: &str, client_id: &str) -> Self {
        Self::starting_at(clock::system_now(), Shape::Cognito, issuer, client_id)
    }

    pub(crate) fn with_keys(keys: Arc<PoolKeys>, now: u64, issuer: &str, client_id: &str) -> Self {
        Self { keys: Some(keys), ..Self::starting_at(now, Shape::Cognito, issuer, client_id) }
    }

    fn starting_at(now: u64, shape: Shape, issuer: &str, client_id: &str) -> Self {
        Self {
            now,
            shape,
            claims: shape.claims(issuer, client_id, now),
            header: BTreeMap::new(),
            raw_header: None,
            raw_payload: None,
            damage: Damage::None,
            keys: None,
        }
    }

    /// Sets the claims that identify the client. For Cognito these are `sub` and `client_id`, which
    /// are equal in a machine-to-machine token.
    pub fn client(self, id: &str) -> Self {
        let claims = self.shape.client(id);
        claims.into_iter().fold(self, |mint, (name, value)| mint.claim(name, value))
    }

    /// Sets the provider's claim for scopes, which is `scope` for Cognito. Separate scopes by
    /// spaces.
    pub fn scope(self, scope: &str) -> Self {
        let (name, value) = self.shape.scope(scope);
        self.claim(name, value)
    }

    /// Sets `aud`, as an array if the provider always uses an array, otherwise as a string. By
    /// default, Cognito tokens have no `aud`.
    pub fn audience(self, audience: &str) -> Self {
        let value = self.shape.audience(audience);
        self.claim("aud", value)
    }

    /// Sets `status`: the token's index in the status list of its issuer, which is published at the
    /// issuer followed by `/status-list`. By default, tokens have no status.
    pub fn status_index(self, index: u64) -> Self {
        let issuer = self.claims.get("iss").and_then(Value::as_str).unwrap_or_default();
        let uri = format!("{issuer}/status-list");
        self.claim("status", json!({ "status_list": { "idx": index, "uri": uri } }))
    }

    /// Binds the token to this key by `cnf.jkt` (DPoP, RFC 9449 §6.1). Requests with the token need a
    /// [`DpopProof`](crate::DpopProof) of the key.
    ///
    /// A token may be bound to a key and to a [certificate](Self::with_certificate).
    pub fn with_dpop_key(self, key: &SigningKey) -> Self {
        let jkt = key.thumbprint();
        self.confirmed_by("jkt", &jkt)
    }

    /// Sets a member of `cnf`, and keeps the others.
    pub(crate) fn confirmed_by(mut self, name: &str, thumbprint: &str) -> Self {
        let mut members = match self.claims.remove("cnf") {
            Some(Value::Object(members)) => members,
            _ => Map::new(),
        };
        members.insert(name.to_owned(), thumbprint.into());
        self.claim("cnf", members)
    }

    /// Sets a claim to a value of any type.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Removes a claim.
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.remove(name);
        self
    }

    /// Sets a header member to a value of any type.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.insert(name.to_owned(), Some(value.into()));
        self
    }

    /// Removes a header member, which can be `kid` or `alg`.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.insert(name.to_owned(), None);
        self
    }

    /// Sets `iat`, in seconds since 1970. If the provider also writes `auth_time` or `nbf`, sets it
    /// to the same time. `exp` is unchanged.
    pub fn issued_at(self, unix_seconds: u64) -> Self {
        self.shape.issue_times().iter().fold(self, |mint, name| mint.claim(name, unix_seconds))
    }

    /// Sets `exp`, in seconds since 1970.
    pub fn expires_at(self, unix_seconds: u64) -> Self {
        self.claim("exp", unix_seconds)
    }

    /// Sets `exp` to this many seconds after `iat`.
    pub fn lifetime(self, seconds: u64) -> Self {
        let issued_at = self.claims.get("iat").and_then(Value::as_u64).unwrap_or(self.now);
        self.expires_at(issued_at.saturating_add(seconds))
    }

    /// Makes the token expired: it was issued two hours ago and expired one hour ago.
    pub fn expired(self) -> Self {
        let expired = self.now.saturating_sub(HOUR);
        self.issued_at(expired.saturating_sub(HOUR)).expires_at(expired)
    }

    /// Sets `alg` in the header only. The signature is still made with the key's own algorithm.
    pub fn alg(self, name: impl Display) -> Self {
        self.header("alg", name.to_string())
    }

    /// Replaces the header by this string. Use it for JSON that a library would not write, such as
    /// duplicate members.
    pub fn raw_header(mut self, text: impl Into<String>) -> Self {
        self.raw_header = Some(text.into());
        self
    }

    /// Replaces the payload by this string. The claims are then ignored.
    pub fn raw_payload(mut self, text: impl Into<String>) -> Self {
        self.raw_payload = Some(text.into());
        self
    }

    /// Flips one bit of the payload after signing. The payload stays JSON with the same members if
    /// possible. If it has a `jti`, that value is changed.
    pub fn tampered(self) -> Self {
        self.damaged(Damage::Tampered)
    }

    /// Flips one bit of the signature.
    pub fn bad_signature(self) -> Self {
        self.damaged(Damage::BadSignature)
    }

    /// Signs the token with a new, unpublished key of the same algorithm, under the original key's
    /// id.
    pub fn signed_by_unknown_key(self) -> Self {
        self.damaged(Damage::UnknownKey)
    }

    /// Sets `alg` to `none` and leaves the signature empty (RFC 7515 Appendix A.5).
    pub fn unsigned(self) -> Self {
        self.damaged(Damage::Unsigned)
    }

    fn damaged(mut self, damage: Damage) -> Self {
        self.damage = damage;
        self
    }

    /// Returns the current claims. A raw payload does not affect them.
    pub fn claims(&self) -> Map<String, Value> {
        self.claims.clone()
    }

    /// Returns the compact token, signed with the pool's current signing key.
    ///
    /// # Panics
    ///
    /// Panics if the `Mint` has no pool, because it was made by [`Mint::cognito`] or one of its
    /// siblings. Use [`sign_with`](Self::sign_with) for those.
    #[must_use]
    #[track_caller]
    pub fn sign(&self) -> String {
        let keys = self.keys.as_ref().expect("a token that is not of a pool has no key: use sign_with(&key)");
        self.sign_with(&keys.signing_key())
    }

    /// Returns the compact token, signed with this key.
    #[must_use]
    pub fn sign_with(&self, key: &SigningKey) -> String {
        let header = self.header_for(key.kid(), &key.alg().to_string());
        self.damage.assemble(&header, &self.payload(), key)
    }

    /// Returns the compact token with an HMAC as its signature (`HS256`, RFC 7518 §3.2). The header has
    /// this key id.
    ///
    /// Use it for the attack in which a public key is the secret (RFC 8725 §2.1). A defect of the
    /// signature, such as [`bad_signature`](Self::bad_signature), has no effect.
    ///
    /// ```
    /// use scopegate_issuer::{Algorithm, Mint, SigningKey};
    ///
    /// let key = SigningKey::generate(Algorithm::RS256);
    /// let mint = Mint::rfc9068("https://issuer.example", "my-client");
    /// let forged = mint.sign_with_secret(key.kid(), key.public_key_pem().as_bytes());
    /// assert_eq!(forged.split('.').count(), 3);
    /// ```
    #[must_use]
    pub fn sign_with_secret(&self, kid: &str, secret: &[u8]) -> String {
        let signing_input = format!("{}.{}", encode(self.header_for(kid, "HS256")), encode(self.payload()));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signing_input.as_bytes());
        format!("{signing_input}.{}", encode(tag))
    }

    fn payload(&self) -> String {
        self.raw_payload.clone().unwrap_or_else(|| Value::Object(self.claims.clone()).to_string())
    }

    fn header_for(&self, kid: &str, alg: &str) -> String {
        if let Some(raw) = &self.raw_header {
            return raw.clone();
        }
        let mut header = json!({ "kid": kid, "alg": alg });
        if let Some(members) = header.as_object_mut() {
            if let Some(typ) = self.shape.typ() {
                members.insert("typ".to_owned(), typ.into());
            }
            if self.damage == Damage::Unsigned {
                members.insert("alg".to_owned(), "none".into());
            }
            for (name, value) in &self.header {
                match value {
                    Some(value) => members.insert(name.clone(), value.clone()),
                    None => members.remove(name),
                };
            }
        }
        header.to_string()
    }
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Returns a UUID of version 4 (RFC 9562). It is not secret, so any source of randomness is
/// sufficient.
pub(crate) fn random_uuid() -> String {
    uuid(fastrand::u128(..))
}

fn uuid(bits: u128) -> String {
    let fixed = (0xF << 76) | (0x3 << 62);
    let bits = (bits & !fixed) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    let ends = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    ends.map(|(from, to)| hex.get(from..to).unwrap_or_default()).join("-")
}

const HOUR: u64 = 3600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_id_is_a_version_4_uuid() {
        let id = random_uuid();
        let groups: Vec<_> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{id}");
        assert_eq!(&id[14..15], "4", "{id}");
        assert!("89ab".contains(&id[19..20]), "{id}");
    }
}
