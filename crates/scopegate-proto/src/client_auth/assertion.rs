//! The assertion of a client (RFC 7523 §2.2): a JWT that is signed for one request.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use zeroize::Zeroizing;

use crate::base64url;
use crate::client_auth::private_key::{PrivateKey, random_bytes};

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub(crate) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The lifetime of an assertion. It is sent once and immediately, and should be useless to an
/// attacker who finds it later.
const LIFETIME: Duration = Duration::from_secs(60);

/// Signs a new assertion. Returns `None` if the system has no randomness.
///
/// It has exactly one audience. With several, one server could present the assertion to another.
pub(crate) fn sign(
    client_id: &str,
    audience: &str,
    key: &PrivateKey,
    now: SystemTime,
) -> Option<Zeroizing<String>> {
    let issued_at = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut header = json!({ "alg": key.algorithm().name(), "typ": "JWT" });
    if let Some(members) = header.as_object_mut() {
        members.extend(key.identifiers().map(|(name, value)| (name.to_owned(), value.into())));
    }
    let claims = json!({
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": base64url::encode(random_bytes()?),
        "iat": issued_at,
        "exp": issued_at + LIFETIME.as_secs(),
    });
    let encode = |part: &serde_json::Value| base64url::encode(part.to_string());
    let input = format!("{}.{}", encode(&header), encode(&claims));
    // Without its signature an assertion is no secret, so only the whole is zeroized.
    let signature = base64url::encode(key.sign(input.as_bytes())?);
    Some(Zeroizing::new([&input, ".", &signature].concat()))
}
