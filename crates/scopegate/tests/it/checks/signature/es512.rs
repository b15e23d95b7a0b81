//! ES512, which an issuer has to list.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use scopegate::{Algorithm, ConfigError, Error, Issuer};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{CLIENT, KEY, client_token, issuer_with_keys, verifier_trusting};

use crate::attacks::difference;

fn key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap()
}

fn jwk(key: &EcdsaKeyPair) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at(66);
    let encode = |number| URL_SAFE_NO_PAD.encode(number);
    json!({ "kty": "EC", "crv": "P-521", "kid": "p521", "x": encode(x), "y": encode(y) })
}

fn signed(token: &Mint, key: &EcdsaKeyPair) -> String {
    let other = token.clone().alg("ES512").header("kid", "p521").sign_with(&KEY);
    let (input, _) = other.rsplit_once('.').unwrap();
    let signature = key.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

fn issuer(key: &EcdsaKeyPair) -> Issuer {
    issuer_with_keys([jwk(key), KEY.jwk()]).client(CLIENT)
}

#[test]
fn es512_is_verified_if_it_is_listed() {
    // FR-B9
    let key = key();
    let token = signed(&client_token(), &key);
    let listed = verifier_trusting(issuer(&key).algorithms([Algorithm::ES512]));
    assert!(listed.verify(&token).is_ok());
    let of_another = signed(&client_token(), &self::key());
    assert!(matches!(listed.verify(of_another), Err(Error::BadSignature { .. })));
    let (input, _) = token.rsplit_once('.').unwrap();
    for signature in [vec![0; 132], vec![1; 131], vec![1; 133], vec![1; 96]] {
        let forged = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert!(matches!(listed.verify(forged), Err(Error::BadSignature { .. })));
    }
    // An update accepts no token that was rejected before.
    let default = verifier_trusting(issuer(&key));
    assert!(matches!(default.verify(&token), Err(Error::UnacceptableAlgorithm { .. })));
    assert!(Algorithm::ALL.contains(&Algorithm::ES512) && !Algorithm::DEFAULT.contains(&Algorithm::ES512));
    assert_eq!("ES512".parse::<Algorithm>().unwrap(), Algorithm::ES512);
}

#[test]
fn second_form_of_es512_signature_changes_no_claim() {
    // FR-B9, SECURITY.md: if (r, s) is valid, (r, n - s) is too. n is the order of P-521
    // (FIPS 186-4 §D.1.2.5).
    const ORDER_END: &str = "-lGGh4O_L5Zrf8wBSPcJpdA7tcm4iZxHrrtvtx6ROGQJ";
    let order = [&[1][..], &[0xff; 32], &URL_SAFE_NO_PAD.decode(ORDER_END).unwrap()].concat();
    let key = key();
    let verifier = verifier_trusting(issuer(&key).algorithms([Algorithm::ES512]));
    let (token, other) = (signed(&client_token(), &key), signed(&client_token(), &key));
    let (input, signature) = token.rsplit_once('.').unwrap();
    let real = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = real.split_at(66);
    let second = URL_SAFE_NO_PAD.encode([r, &difference(&order, s)].concat());
    assert_ne!(second, signature);
    let id = |token: &str| verifier.verify(token).unwrap().token_id().unwrap().to_owned();
    assert_eq!(id(&format!("{input}.{second}")), id(&token));
    let (other, _) = other.rsplit_once('.').unwrap();
    assert!(matches!(verifier.verify(format!("{other}.{second}")), Err(Error::BadSignature { .. })));
}

#[test]
fn p521_key_with_wrong_coordinates_is_skipped() {
    // FR-B9
    let good = jwk(&key());
    let (x, y) = (good["x"].clone(), good["y"].clone());
    let short = URL_SAFE_NO_PAD.encode([1; 65]);
    for (x, y) in [(json!(short), y.clone()), (x.clone(), json!(short)), (y.clone(), x.clone())] {
        let bad = json!({ "keys": [{ "kty": "EC", "crv": "P-521", "x": x, "y": y }] }).to_string();
        let error = Issuer::from_jwks("acme.com", &bad).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidKeySet { .. }), "{error:?}");
    }
}
