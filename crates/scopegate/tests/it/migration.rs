//! The bridge for applications that migrate from the crate jsonwebtoken (FR-C14).

use jsonwebtoken::TokenData;
use jsonwebtoken::jwk::JwkSet;
use scopegate::{ConfigError, Error, Issuer};
use scopegate_issuer::{Algorithm, SigningKey};
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, client_token, verifier_trusting};

#[derive(Debug, serde::Deserialize)]
struct Ours {
    client_id: String,
    tenant: String,
}

/// The public keys as jsonwebtoken reads them.
fn jwk_set(keys: &[&SigningKey], more: &[Value]) -> JwkSet {
    let keys = keys.iter().map(|key| key.jwk()).chain(more.iter().cloned());
    serde_json::from_value(json!({ "keys": keys.collect::<Vec<_>>() })).unwrap()
}

fn hmac_key() -> Value {
    json!({ "kty": "oct", "kid": "hmac", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0" })
}

#[test]
fn token_data_has_header_and_claims() {
    // FR-C14
    for algorithm in [Algorithm::RS256, Algorithm::PS384, Algorithm::ES256, Algorithm::EdDSA] {
        let key = SigningKey::generate(algorithm);
        let issuer = Issuer::from_jwk_set(ISSUER, &jwk_set(&[&key], &[])).unwrap().client(CLIENT);
        let token = client_token().claim("tenant", "t1").header("kid", key.kid()).sign_with(&key);
        let claims = verifier_trusting(issuer).verify(&token).unwrap();
        let data: TokenData<Ours> = claims.token_data().unwrap();
        assert_eq!(data.header.kid.as_deref(), Some(key.kid()));
        assert_eq!(format!("{:?}", data.header.alg), format!("{algorithm:?}"));
        assert_eq!((&*data.claims.client_id, &*data.claims.tenant), (CLIENT, "t1"));
    }
}

#[test]
fn token_data_of_another_type_is_unexpected() {
    // FR-C14
    let key = SigningKey::generate(Algorithm::ES256);
    let issuer = Issuer::from_jwk_set(ISSUER, &jwk_set(&[&key], &[])).unwrap().client(CLIENT);
    let token = client_token().claim("tenant", 7).sign_with(&key);
    let claims = verifier_trusting(issuer).verify(&token).unwrap();
    let Err(Error::UnexpectedClaims { claim, .. }) = claims.token_data::<Ours>() else { panic!() };
    assert_eq!(claim.as_deref(), Some("tenant"));
}

#[test]
fn header_that_jsonwebtoken_rejects_is_unexpected() {
    // FR-C14
    let key = SigningKey::generate(Algorithm::EdDSA);
    let issuer = Issuer::from_jwk_set(ISSUER, &jwk_set(&[&key], &[])).unwrap().client(CLIENT);
    let token = client_token().header("alg", "Ed25519").sign_with(&key);
    let claims = verifier_trusting(issuer).verify(&token).unwrap();
    let Err(Error::UnexpectedClaims { claim: None, .. }) = claims.token_data::<Value>() else { panic!() };
}

#[test]
fn jwk_set_without_the_key_rejects_its_tokens() {
    // FR-C14
    let (key, other) = (SigningKey::generate(Algorithm::RS256), SigningKey::generate(Algorithm::RS256));
    let issuer = Issuer::from_jwk_set(ISSUER, &jwk_set(&[&key], &[hmac_key()])).unwrap().client(CLIENT);
    let verifier = verifier_trusting(issuer);
    let token = |key: &SigningKey| client_token().header("kid", key.kid()).sign_with(key);
    assert!(verifier.verify(token(&key)).is_ok());
    assert!(matches!(verifier.verify(token(&other)), Err(Error::UnknownKey { .. })));
}

#[test]
fn jwk_set_without_usable_key_is_invalid() {
    // FR-C14
    for set in [jwk_set(&[], &[]), jwk_set(&[], &[hmac_key()])] {
        let error = Issuer::from_jwk_set(ISSUER, &set).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidKeySet { .. }), "{error}");
        assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
    }
}

#[cfg(feature = "test-util")]
#[test]
fn test_claims_become_token_data() {
    // FR-C14
    let claims = scopegate::Claims::for_test(json!({ "client_id": "c", "tenant": "t" }));
    let data: TokenData<Ours> = claims.token_data().unwrap();
    assert_eq!((data.header.kid, &*data.claims.tenant), (None, "t"));
}
