//! Is a token refused when any one of its characters is another? Every position is tried with every other character of
//! ASCII, and with some that are not.

use scopegate::{Issuer, Verifier};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::json;

const ISSUER: &str = "https://issuer.example/pool";
const CLIENT: &str = "1example23456789";

fn good_token(alg: Algorithm) -> (Verifier, String) {
    let key = SigningKey::generate(alg);
    let jwks = json!({ "keys": [key.jwk()] }).to_string();
    let issuer = Issuer::from_jwks(ISSUER, &jwks).unwrap().client(CLIENT);
    let verifier = Verifier::builder().trust(issuer).build().unwrap();
    // What every token has. Each more character costs 64 signature checks.
    let token = Mint::cognito(ISSUER, CLIENT)
        .without_claim("token_use")
        .without_claim("auth_time")
        .without_claim("version")
        .without_claim("jti")
        .sign_with(&key);
    assert!(verifier.verify(&token).is_ok());
    (verifier, token)
}

fn assert_every_change_is_refused(alg: Algorithm) {
    let (verifier, token) = good_token(alg);
    for position in 0..token.len() {
        let (before, rest) = token.split_at(position);
        let (own, after) = rest.split_at(1);
        let refused = |other: &str| {
            assert!(
                verifier.verify(&format!("{before}{other}{after}")).is_err(),
                "{alg}: {other:?} in place of {own:?} at {position}"
            );
        };
        let mut ascii = [0];
        for byte in (0..128_u8).filter(|byte| [*byte] != own.as_bytes()) {
            refused(char::from(byte).encode_utf8(&mut ascii));
        }
        for other in ["", "\u{80}", "\u{ff}", "Ａ", "\u{feff}", "\u{10ffff}"] {
            refused(other);
        }
        refused(&own.repeat(2));
        assert!(verifier.verify(before).is_err(), "{alg}: cut at {position}");
    }
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn every_change_of_an_rs256_token_is_refused() {
    assert_every_change_is_refused(Algorithm::RS256);
}

#[test]
fn every_change_of_an_es256_token_is_refused() {
    assert_every_change_is_refused(Algorithm::ES256);
}

#[test]
fn every_change_of_an_eddsa_token_is_refused() {
    assert_every_change_is_refused(Algorithm::EdDSA);
}
