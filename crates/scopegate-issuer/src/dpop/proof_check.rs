//! The checks on one proof for a token request (RFC 9449 §4.3).
//!
//! This module shares no code with the crates that create and check proofs elsewhere, so that each
//! checks the other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::json;
use crate::keys::algorithm::Algorithm;
use crate::keys::public_key::PublicKey;

/// The maximum length of a proof in bytes.
const MAX_LENGTH: usize = 8 * 1024;

/// The maximum length of a `jti` in bytes.
const MAX_ID_LENGTH: usize = 256;

/// How old a proof may be, in seconds.
const MAX_AGE: u64 = 60;

/// How far `iat` may be in the future, in seconds.
const MAX_CLOCK_SKEW: u64 = 10;

/// A proof whose signature and claims are valid. It may have been used before.
pub(super) struct CheckedProof {
    pub(super) thumbprint: String,
    pub(super) id: String,
    pub(super) nonce: Option<String>,
    /// The last second in which the proof would be accepted.
    pub(super) expires: u64,
}

/// Checks a proof for a `POST` request to this endpoint. Returns `None` if a check fails.
pub(super) fn check(proof: &[u8], endpoint: &str, now: u64) -> Option<CheckedProof> {
    let text = std::str::from_utf8(proof).ok().filter(|text| text.len() <= MAX_LENGTH)?;
    let (signed, signature) = text.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    // The decoder rejects a second `.` in the payload, padding, and bits that are not canonical.
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let key = key_of(&json::object(&decode(header)?)?)?;
    let claims = json::object(&decode(payload)?)?;

    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    let id = claim("jti").filter(|id| (1..=MAX_ID_LENGTH).contains(&id.len()))?;
    let issued_at = issued_at(&claims, now)?;
    let nonce = match claims.get("nonce") {
        None => None,
        Some(nonce) => Some(nonce.as_str()?.to_owned()),
    };
    // A token request presents no access token, so `ath` shows that a proof was made for another
    // request.
    let is_for_us = claim("htm") == Some("POST")
        && claim("htu").is_some_and(|url| is_url_of(url, endpoint))
        && !claims.contains_key("ath");
    let valid = is_for_us && key.verifies(signed.as_bytes(), &decode(signature)?);
    let thumbprint = key.thumbprint().to_owned();
    valid.then(|| CheckedProof { thumbprint, id: id.to_owned(), nonce, expires: issued_at + MAX_AGE })
}

/// Returns the key in the header of a proof, for its algorithm.
fn key_of(header: &Map<String, Value>) -> Option<PublicKey> {
    let is_proof = header.get("typ").and_then(Value::as_str) == Some("dpop+jwt");
    if !is_proof || header.contains_key("crit") {
        return None;
    }
    let alg = Algorithm::named(header.get("alg")?.as_str()?)?;
    PublicKey::from_jwk(header.get("jwk")?.as_object()?, alg)
}

/// Returns `iat` in whole seconds, if it is within the window.
fn issued_at(claims: &Map<String, Value>, now: u64) -> Option<u64> {
    let iat = claims.get("iat")?.as_f64().filter(|iat| (0.0..1e15).contains(iat))?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    let issued_at = iat as u64;
    let oldest = now.saturating_sub(MAX_AGE);
    (oldest..=now.saturating_add(MAX_CLOCK_SKEW)).contains(&issued_at).then_some(issued_at)
}

/// Returns whether a URL is the one of the endpoint. Query and fragment are ignored (§4.3). Scheme
/// and host may have any case (RFC 3986 §6.2.2.1). The path is compared exactly.
fn is_url_of(url: &str, endpoint: &str) -> bool {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    origin_and_path(url).is_some_and(|found| Some(found) == origin_and_path(endpoint))
}

fn origin_and_path(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    // RFC 3986 §6.2.3
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    let authority = authority.strip_suffix(default_port).unwrap_or(&authority);
    Some((format!("{scheme}://{authority}"), path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_compared_without_query_and_default_port() {
        // RFC 9449 §4.3 (9)
        let endpoint = "https://issuer.example/p_1/oauth2/token";
        for url in [
            endpoint,
            "HTTPS://Issuer.Example/p_1/oauth2/token",
            "https://issuer.example:443/p_1/oauth2/token",
            "https://issuer.example/p_1/oauth2/token?a=b#c",
        ] {
            assert!(is_url_of(url, endpoint), "{url}");
        }
        for url in [
            "",
            "/p_1/oauth2/token",
            "http://issuer.example/p_1/oauth2/token",
            "https://issuer.example:8443/p_1/oauth2/token",
            "https://issuer.example.evil/p_1/oauth2/token",
            "https://user@issuer.example/p_1/oauth2/token",
            "https://issuer.example/p_1/oauth2/token/",
            "https://issuer.example/P_1/oauth2/token",
            "https://issuer.example//p_1/oauth2/token",
            "https://issuer.example/p_1/oauth2%2Ftoken",
            "https://issuer.example",
        ] {
            assert!(!is_url_of(url, endpoint), "{url}");
        }
    }

    #[test]
    fn proof_is_valid_for_sixty_seconds() {
        // RFC 9449 §4.3 (11)
        let at = |iat: Value| issued_at(&Map::from_iter([("iat".to_owned(), iat)]), 1_000);
        for (iat, expected) in
            [(940.into(), 940), (999.into(), 999), (1_010.into(), 1_010), (1_000.5.into(), 1_000)]
        {
            assert_eq!(at(iat), Some(expected));
        }
        for iat in [939.into(), 1_011.into(), (-1).into(), 1e300.into(), "1000".into(), Value::Null] {
            assert_eq!(at(iat), None);
        }
    }
}
