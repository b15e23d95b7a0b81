//! Keys that verifiers cannot use, each for a different reason, inserted into a valid key set.
//!
//! RFC 7517 §5: keys of an unknown type, with missing members or with unsupported values should be
//! ignored, and the others used.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Returns the key set with unusable keys before and between its own, or `None` if this is not a
/// key set.
pub(crate) fn among_good(right: &[u8]) -> Option<Vec<u8>> {
    let mut set: Value = serde_json::from_slice(right).ok()?;
    let keys = set.get_mut("keys")?.as_array_mut()?;
    let bad = unusable(keys.first()?);
    let per_good = bad.len().div_ceil(keys.len());
    let groups = bad.chunks(per_good).chain(std::iter::repeat(&[][..]));
    *keys = std::mem::take(keys)
        .into_iter()
        .zip(groups)
        .flat_map(|(good, group)| group.iter().cloned().chain([good]))
        .collect();
    Some(set.to_string().into_bytes())
}

/// Returns the unusable keys. The key for encryption is a copy of `good`, so a verifier that
/// ignores `use` accepts its signatures.
fn unusable(good: &Value) -> Vec<Value> {
    let mut encryption = good.clone();
    if let Some(members) = encryption.as_object_mut() {
        members.insert("kid".into(), "unusable-encryption".into());
        members.insert("use".into(), "enc".into());
        members.remove("alg");
    }
    // An odd number of exactly this many bits, so only the length is wrong.
    let modulus = |bits: usize| URL_SAFE_NO_PAD.encode(vec![0xA5; bits / 8]);
    // The point (1, 1) is on y² = x³ - 3x + b only if b is 3, which no NIST curve has.
    let mut one = [0; 32];
    one[31] = 1;
    let one = URL_SAFE_NO_PAD.encode(one);
    let rsa = |kid: &str, n: Value, e: Value| json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": kid, "n": n, "e": e });
    vec![
        json!({ "kty": "UNKNOWN", "alg": "RS256", "use": "sig", "kid": "unusable-type", "z": "AQAB" }),
        json!({ "kty": "oct", "alg": "HS256", "use": "sig", "kid": "unusable-secret", "k": modulus(256) }),
        encryption,
        rsa("unusable-short", modulus(1024).into(), "AQAB".into()),
        json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "unusable-point", "x": one, "y": one,
        }),
        rsa("unusable-modulus-number", 65_537.into(), "AQAB".into()),
        rsa("unusable-exponent-list", modulus(2048).into(), json!(["AQAB"])),
        rsa("unusable-encoding", "not base64url!".into(), "AQAB".into()),
        json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "unusable-without-members" }),
        json!({ "kty": ["RSA"], "use": "sig", "kid": "unusable-type-list", "n": modulus(2048), "e": "AQAB" }),
        json!({ "kty": "RSA", "use": "sig", "kid": 7, "n": modulus(2048), "e": "AQAB" }),
        json!({ "kid": "unusable-without-type", "use": "sig" }),
    ]
}
