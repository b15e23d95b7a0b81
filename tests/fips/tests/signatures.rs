//! Tokens of every algorithm, verified with the FIPS module of aws-lc-rs.

use scopegate::{Algorithm, Error, Issuer, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};
use serde_json::json;

const ISSUER: &str = "https://issuer.example/pool";
const CLIENT: &str = "1example23456789";

fn verifier(key: &SigningKey) -> Verifier {
    let keys = json!({ "keys": [key.jwk()] }).to_string();
    let issuer = Issuer::from_jwks(ISSUER, &keys).expect("a usable key").client(CLIENT);
    let issuer = issuer.algorithms(Algorithm::ALL.iter().copied());
    Verifier::builder().trust(issuer).build().expect("a verifier")
}

fn mint() -> Mint {
    Mint::cognito(ISSUER, CLIENT)
}

#[test]
fn status_reports_the_fips_module() {
    let verifier = verifier(&SigningKey::generate(KeyAlgorithm::ES256));
    assert!(verifier.status().fips());
    assert!(aws_lc_rs::fips_version().is_some());
}

#[test]
fn token_of_every_algorithm_is_verified_or_rejected() {
    for algorithm in KeyAlgorithm::ALL {
        let key = SigningKey::generate(algorithm);
        let verifier = verifier(&key);
        let verified = verifier.verify(mint().sign_with(&key));
        assert!(verified.is_ok(), "{algorithm}: {verified:?}");
        for forged in [mint().bad_signature(), mint().tampered(), mint().signed_by_unknown_key()] {
            let rejected = verifier.verify(forged.sign_with(&key));
            assert!(matches!(rejected, Err(Error::BadSignature { .. })), "{algorithm}: {rejected:?}");
        }
    }
}

#[test]
fn rsa_keys_of_each_size_are_used() {
    for bits in [2048, 3072, 4096] {
        for algorithm in [KeyAlgorithm::RS256, KeyAlgorithm::PS512] {
            let key = SigningKey::generate_rsa(algorithm, bits);
            assert!(verifier(&key).verify(mint().sign_with(&key)).is_ok(), "{algorithm} of {bits} bits");
        }
    }
}
