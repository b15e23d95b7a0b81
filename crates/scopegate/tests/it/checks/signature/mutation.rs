//! Is a token rejected if any one of its characters changes? The tests put every other ASCII
//! character, and some others, into every position.

use scopegate::Verifier;
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::{client_token, verifier_for_client};

fn valid_token(alg: Algorithm) -> (Verifier, String) {
    let key = SigningKey::generate(alg);
    let verifier = verifier_for_client([key.jwk()]);
    // The token is as short as possible, because each character costs 64 signature checks.
    let token = client_token()
        .without_claim("auth_time")
        .without_claim("version")
        .without_claim("jti")
        .sign_with(&key);
    assert!(verifier.verify(&token).is_ok());
    (verifier, token)
}

fn assert_every_change_is_rejected(alg: Algorithm) {
    let (verifier, token) = valid_token(alg);
    for position in 0..token.len() {
        let (before, rest) = token.split_at(position);
        let (own, after) = rest.split_at(1);
        let rejected = |other: &str| {
            assert!(
                verifier.verify(format!("{before}{other}{after}")).is_err(),
                "{alg}: {other:?} in place of {own:?} at {position}"
            );
        };
        let mut ascii = [0];
        for byte in (0..128_u8).filter(|byte| [*byte] != own.as_bytes()) {
            rejected(char::from(byte).encode_utf8(&mut ascii));
        }
        for other in ["", "\u{80}", "\u{ff}", "Ａ", "\u{feff}", "\u{10ffff}"] {
            rejected(other);
        }
        rejected(&own.repeat(2));
        assert!(verifier.verify(before).is_err(), "{alg}: cut at {position}");
    }
    assert!(verifier.verify(&token).is_ok());
}

#[test]
fn changed_rs256_token_is_rejected() {
    assert_every_change_is_rejected(Algorithm::RS256);
}

#[test]
fn changed_es256_token_is_rejected() {
    assert_every_change_is_rejected(Algorithm::ES256);
}

#[test]
fn changed_eddsa_token_is_rejected() {
    assert_every_change_is_rejected(Algorithm::EdDSA);
}
