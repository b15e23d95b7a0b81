//! Are keys in PEM used like the keys of a JWKS?

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, KeyPair};
use scopegate::{ConfigError, Error, Issuer};
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::{CLIENT, ISSUER, client_token, verifier_trusting};

static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA]
        .map(SigningKey::generate)
        .to_vec()
});

fn pair(key: &SigningKey) -> KeyPair {
    KeyPair::from_pem(&key.private_key_pem()).unwrap()
}

/// Returns a certificate as DER and as PEM.
fn certificate(key: &SigningKey) -> (Vec<u8>, String) {
    let params = CertificateParams::new(vec!["issuer.example".to_owned()]).unwrap();
    let certificate = params.self_signed(&pair(key)).unwrap();
    (certificate.der().to_vec(), certificate.pem())
}

fn from_pem(kid: &str, pem: &str) -> Result<Issuer, ConfigError> {
    Ok(Issuer::from_pem(ISSUER, [(kid, pem)])?.client(CLIENT))
}

#[test]
fn pem_of_every_key_type_is_used() {
    // FR-B13
    for key in KEYS.iter() {
        let (_, certificate) = certificate(key);
        for pem in [pair(key).public_key_pem(), certificate] {
            let token = client_token().header("kid", "the key").sign_with(key);
            for pem in [pem.clone(), format!("\n{}\r\n", pem.replace('\n', "\r\n"))] {
                let verifier = verifier_trusting(from_pem("the key", &pem).unwrap());
                assert!(verifier.verify(&token).is_ok(), "{:?}", key.alg());
                let without_kid = client_token().without_header("kid").sign_with(key);
                assert!(verifier.verify(without_kid).is_ok());
            }
            let named_otherwise = verifier_trusting(from_pem("another", &pem).unwrap());
            assert!(matches!(named_otherwise.verify(&token), Err(Error::UnknownKey { .. })));
            let other = SigningKey::generate(Algorithm::ES256);
            let of_another = verifier_trusting(from_pem("the key", &pair(&other).public_key_pem()).unwrap());
            assert!(of_another.verify(&token).is_err());
        }
    }
}

#[test]
fn certificate_is_found_by_its_thumbprints() {
    // FR-B8, FR-B13
    let (key, other) = (&KEYS[1], SigningKey::generate(Algorithm::ES256));
    let (der, pem) = certificate(key);
    let digest = |algorithm| URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(algorithm, &der));
    let keys = [("a", pem), ("b", pair(&other).public_key_pem())];
    let verifier = verifier_trusting(Issuer::from_pem(ISSUER, keys).unwrap().client(CLIENT));
    let token = client_token().without_header("kid");
    for (name, value) in [
        ("x5t", digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY)),
        ("x5t#S256", digest(&aws_lc_rs::digest::SHA256)),
    ] {
        assert!(verifier.verify(token.clone().header(name, value).sign_with(key)).is_ok(), "{name}");
    }
    assert!(matches!(verifier.verify(token.sign_with(key)), Err(Error::AmbiguousKey { .. })));
}

#[test]
fn anything_but_one_public_key_is_rejected() {
    // FR-B13
    const EXPECTED: &str = "expected one PEM block, PUBLIC KEY or CERTIFICATE, found ";
    let spki = pair(&KEYS[1]).public_key_pem();
    let body: String = spki.lines().filter(|line| !line.starts_with('-')).collect();
    let block = |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
    assert!(from_pem("k", &block("PUBLIC KEY", &body)).is_ok());
    let (_, certificate) = certificate(&KEYS[1]);
    for (pem, found) in [
        (String::new(), "no block, several, or text around one"),
        (body.clone(), "no block, several, or text around one"),
        (format!("{spki}{spki}"), "no block, several, or text around one"),
        (format!("{spki}{certificate}"), "no block, several, or text around one"),
        (format!("key:\n{spki}"), "no block, several, or text around one"),
        (spki.replace("END PUBLIC KEY", "END CERTIFICATE"), "no block, several, or text around one"),
        (KEYS[1].private_key_pem(), "a private key"),
        (block("RSA PRIVATE KEY", &body), "a private key"),
        (block("RSA PUBLIC KEY", &body), "another label"),
        (block("PUBLIC KEY", &format!("{body}=")), "not base64"),
        (block("PUBLIC KEY", &body.replace(['+', '/'], "_").replacen('A', "-", 1)), "not base64"),
        (block("PUBLIC KEY", ""), "holds something else"),
        (block("PUBLIC KEY", "AAAA"), "something else"),
        (block("CERTIFICATE", &body), "something else"),
        (spki.replacen("PUBLIC KEY", &"x".repeat(65 * 1024), 2), "more than 65536 bytes"),
    ] {
        let error = from_pem("k", &pem).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidKeySet { .. }), "{error:?}");
        let message = error.to_string();
        assert!(
            message.contains(&format!("key \"k\": {EXPECTED}")) && message.contains(found),
            "{found}: {message}"
        );
        assert!(!message.contains(&body), "{message}");
    }
    // Bytes after the key, and a key of another type: X25519.
    let key = format!("{body}AAAA").replace('=', "");
    assert!(from_pem("k", &block("PUBLIC KEY", &key)).is_err());
    let x25519 = "MCowBQYDK2VuAyEAhSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";
    let message = from_pem("k", &block("PUBLIC KEY", x25519)).unwrap_err().to_string();
    assert!(message.ends_with("or Ed25519, found another"), "{message}");
}

#[test]
fn weak_or_unnamed_key_is_rejected() {
    // FR-B13: keys in PEM pass the checks of a key set
    let weak = SigningKey::generate_rsa(Algorithm::RS256, 3072);
    assert!(from_pem("k", &pair(&weak).public_key_pem()).is_ok());
    let small_order = "MCowBQYDK2VwAyEAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{small_order}\n-----END PUBLIC KEY-----");
    assert!(from_pem("k", &pem).unwrap_err().to_string().contains("small order"));
    let spki = pair(&KEYS[1]).public_key_pem();
    assert!(from_pem("", &spki).unwrap_err().to_string().contains("a `kid` for each key"));
    let twice = Issuer::from_pem(ISSUER, [("k", &spki), ("k", &spki)]).unwrap_err();
    assert!(twice.to_string().contains("no two the same, found \"k\""), "{twice}");
    let none = Issuer::from_pem(ISSUER, [("", ""); 0]).unwrap_err();
    assert!(matches!(none, ConfigError::InvalidKeySet { .. }), "{none:?}");
}
