//! Tests of the cost of hostile tokens in signature checks. `tests/limits/main.rs` measures memory.

#[cfg(all(feature = "http", feature = "fetch"))]
mod bound;
mod crowded;
mod kept;

use std::time::{Duration, UNIX_EPOCH};

use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};
use serde_json::{Value, json};
use testkit::{ISSUER, NOW, jwks};

use super::*;
use crate::issuer::Issuer;
use crate::keys::verifying_key::checks;
use crate::token::algorithm::Algorithm;

fn trusting(keys: &[Value]) -> Verifier {
    let issuer = Issuer::from_jwks(ISSUER, &jwks(keys.iter().cloned())).unwrap().audience("api");
    let issuer = issuer.algorithms([Algorithm::ES256, Algorithm::ES384]);
    let clock = || UNIX_EPOCH + Duration::from_secs(NOW);
    Verifier::builder().clock(clock).trust(issuer).build().unwrap()
}

fn mint() -> Mint {
    Mint::cognito(ISSUER, "client").issued_at(NOW).lifetime(60).claim("aud", "api")
}

fn without_id(key: &SigningKey) -> Value {
    let mut jwk = key.jwk();
    jwk.as_object_mut().unwrap().remove("kid");
    jwk
}

#[test]
fn token_rejected_before_its_signature_costs_no_check() {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let verifier = trusting(&[key.jwk()]);
    let good = mint().sign_with(&key);
    let token = |mint: Mint| mint.sign_with(&key);
    let refused = [
        String::new(),
        ".".repeat(16 * 1024),
        "A".repeat(20_000),
        format!("{good}="),
        format!("{good}.."),
        good.replacen('.', "..", 1),
        token(mint().raw_header("[]")),
        token(mint().raw_header(r#"{"alg":"ES256","alg":"ES256"}"#)),
        token(mint().raw_payload("null")),
        token(mint().raw_payload(format!(r#"{{"iss":"{ISSUER}","a":1,"a":1}}"#))),
        token(mint().header("crit", json!(["exp"]))),
        token(mint().header("enc", "A256GCM")),
        token(mint().header("typ", "dpop+jwt")),
        token(mint().alg("none")),
        token(mint().alg("HS256")),
        token(mint().alg("RS256")),
        token(mint().alg("ES384")),
        token(mint().header("kid", "invented")),
        token(mint().claim("iss", format!("{ISSUER}/"))),
        token(mint().without_claim("iss")),
        token(mint().expired()),
        token(mint().claim("nbf", NOW + 3_600)),
        token(mint().without_claim("exp")),
    ];
    for refused in &refused {
        assert_eq!(checks::during(|| assert!(verifier.verify(refused).is_err())), 0, "{refused}");
    }
    assert_eq!(checks::during(|| assert!(verifier.verify(&good).is_ok())), 1);
}

#[test]
fn any_other_token_costs_one_signature_check() {
    let key = SigningKey::generate(KeyAlgorithm::ES256);
    let verifier = trusting(&[key.jwk()]);
    let refused = [
        mint().bad_signature(),
        mint().tampered(),
        mint().signed_by_unknown_key(),
        mint().raw_payload(format!(r#"{{"iss":"{ISSUER}","exp":1800000060}}"#)).bad_signature(),
        mint().claim("aud", "other"),
        mint().claim("token_use", "id"),
        mint().claim("nonce", "n"),
        mint().claim("cnf", json!({ "jkt": "x" })),
        mint().scope("\u{e9}"),
        mint().claim("sub", 1),
    ];
    for mint in refused {
        let refused = mint.sign_with(&key);
        assert_eq!(checks::during(|| assert!(verifier.verify(&refused).is_err())), 1, "{mint:?}");
    }
}

#[test]
fn keys_are_not_tried_in_turn() {
    let keys: Vec<SigningKey> = (0..100).map(|_| SigningKey::generate(KeyAlgorithm::ES256)).collect();
    let nameless = trusting(&keys.iter().map(without_id).collect::<Vec<_>>());
    let token = mint().without_header("kid").sign_with(&keys[99]);
    assert_eq!(checks::during(|| assert!(nameless.verify(&token).is_err())), 0);
    // A key id leads to one key. If that key does not verify, no other key is tried.
    let named = trusting(&keys.iter().map(SigningKey::jwk).collect::<Vec<_>>());
    let of_another = mint().header("kid", keys[0].kid()).sign_with(&keys[99]);
    assert_eq!(checks::during(|| assert!(named.verify(&of_another).is_err())), 1);
    assert_eq!(checks::during(|| assert!(named.verify(mint().sign_with(&keys[99])).is_ok())), 1);
}
