//! Signatures of every algorithm, verified by an independent implementation.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm as Named, DecodingKey};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::{Value, json};

use crate::independent::{verify, verify_ml_dsa, verify_with};

fn jwks(key: &SigningKey) -> String {
    json!({ "keys": [key.jwk()] }).to_string()
}

fn mint() -> Mint {
    Mint::cognito("https://issuer.example", "my-client")
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

const ML_DSA: [Algorithm; 3] = [Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];

/// The algorithms that `jsonwebtoken` knows.
fn others() -> impl Iterator<Item = Algorithm> {
    Algorithm::ALL.into_iter().filter(|alg| !ML_DSA.contains(alg))
}

#[test]
fn token_of_ml_dsa_is_verified_or_rejected() {
    // ML01, ML02
    for alg in ML_DSA {
        let key = SigningKey::generate(alg);
        let verified = verify_ml_dsa(&mint().sign_with(&key), &jwks(&key));
        assert_eq!(verified.unwrap()["client_id"], "my-client", "{alg}");
        for (damage, token) in [
            ("tampered", mint().tampered().sign_with(&key)),
            ("bad signature", mint().bad_signature().sign_with(&key)),
            ("unknown key", mint().signed_by_unknown_key().sign_with(&key)),
            ("unsigned", mint().unsigned().sign_with(&key)),
        ] {
            let error = verify_ml_dsa(&token, &jwks(&key)).unwrap_err();
            let expected = if damage == "unsigned" { "another key" } else { "InvalidSignature" };
            assert_eq!(error, expected, "{alg} {damage}");
        }
        let other_name = mint().alg("ML-DSA").sign_with(&key);
        assert_eq!(verify_ml_dsa(&other_name, &jwks(&key)).unwrap_err(), "another key");
    }
}

#[test]
fn token_of_every_algorithm_is_verified() {
    for alg in others() {
        let key = SigningKey::generate(alg);
        let verified =
            verify(&mint().sign_with(&key), &jwks(&key)).unwrap_or_else(|error| panic!("{alg}: {error}"));
        assert_eq!(format!("{:?}", verified.header.alg), alg.to_string());
        assert_eq!(verified.claims["client_id"], "my-client");
    }
}

#[test]
fn damaged_token_of_every_algorithm_is_rejected() {
    for alg in others() {
        let key = SigningKey::generate(alg);
        for (damage, token) in [
            ("tampered", mint().tampered().sign_with(&key)),
            ("bad signature", mint().bad_signature().sign_with(&key)),
            ("unknown key", mint().signed_by_unknown_key().sign_with(&key)),
        ] {
            assert_eq!(verify(&token, &jwks(&key)).unwrap_err(), "InvalidSignature", "{alg} {damage}");
        }
        assert!(verify(&mint().unsigned().sign_with(&key), &jwks(&key)).is_err(), "{alg}");
    }
}

#[test]
fn token_of_larger_rsa_key_is_verified() {
    let key = SigningKey::generate_rsa(Algorithm::PS384, 3072);
    assert!(verify(&mint().sign_with(&key), &jwks(&key)).is_ok());
}

#[test]
fn public_key_has_exactly_members_of_its_type() {
    let rsa = SigningKey::generate(Algorithm::RS256).jwk();
    assert_eq!(members(&rsa), ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!((&rsa["kty"], &rsa["e"], &rsa["use"]), (&json!("RSA"), &json!("AQAB"), &json!("sig")));
    for (alg, curve) in [(Algorithm::ES256, "P-256"), (Algorithm::ES384, "P-384")] {
        let ec = SigningKey::generate(alg).jwk();
        assert_eq!(members(&ec), ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((&ec["kty"], &ec["crv"]), (&json!("EC"), &json!(curve)));
    }
    let ed = SigningKey::generate(Algorithm::EdDSA).jwk();
    assert_eq!(members(&ed), ["alg", "crv", "kid", "kty", "use", "x"]);
    assert_eq!((&ed["kty"], &ed["crv"]), (&json!("OKP"), &json!("Ed25519")));
    // ML01
    for alg in ML_DSA {
        let ml_dsa = SigningKey::generate(alg).jwk();
        assert_eq!(members(&ml_dsa), ["alg", "kid", "kty", "pub", "use"]);
        assert_eq!((&ml_dsa["kty"], &ml_dsa["alg"]), (&json!("AKP"), &json!(alg.to_string())));
    }
}

#[test]
fn token_signed_with_secret_verifies_with_that_secret() {
    let key = SigningKey::generate(Algorithm::EdDSA).with_kid("k1");
    let pem = key.public_key_pem();
    let token = mint().header("typ", "JWT").sign_with_secret(key.kid(), pem.as_bytes());
    let of_secret = |secret: &[u8]| {
        let key = DecodingKey::from_secret(secret).map_err(|error| error.to_string())?;
        verify_with(&token, &key, Named::HS256)
    };
    let verified = of_secret(pem.as_bytes()).unwrap();
    assert_eq!((verified.header.kid.as_deref(), verified.header.typ.as_deref()), (Some("k1"), Some("JWT")));
    assert_eq!(verified.claims["client_id"], "my-client");
    let other = SigningKey::generate(Algorithm::EdDSA).public_key_pem();
    assert_eq!(of_secret(other.as_bytes()).unwrap_err(), "InvalidSignature");
}

#[test]
fn public_key_in_pem_is_that_of_the_jwk() {
    // RFC 8410 §10.1: a key of Ed25519 has 12 bytes of DER before its own 32 bytes.
    let key = SigningKey::generate(Algorithm::EdDSA);
    let pem = key.public_key_pem();
    let lines: Vec<&str> = pem.lines().collect();
    assert_eq!(
        (lines[0], lines[2], lines.len()),
        ("-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----", 3)
    );
    let der = STANDARD.decode(lines[1]).unwrap();
    let x = URL_SAFE_NO_PAD.decode(key.jwk()["x"].as_str().unwrap()).unwrap();
    assert_eq!((der.len(), &der[12..]), (44, x.as_slice()));
    for alg in Algorithm::ALL {
        let pem = SigningKey::generate(alg).public_key_pem();
        assert!(pem.lines().all(|line| line.len() <= 64), "{alg}: {pem}");
    }
}
