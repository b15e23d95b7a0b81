//! Which key verifies a token? The key that `kid` names, and never a key in the token itself.

use scopegate::Error;
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::json;
use testkit::{
    AUDIENCE, CLIENT, KEY, OTHER_KEY, accepted, cognito_token, cognito_verifier, issuer_with_keys, rejected,
    rfc9068_token, verifier_for_audience, verifier_trusting,
};

#[test]
fn key_id_is_compared_exactly() {
    // A18, C35: Cognito's ids hold `+`, `/` and `=`
    let key = KEY.clone().with_kid("abc+/D=");
    let issuer = issuer_with_keys([key.jwk(), OTHER_KEY.jwk()]).client(CLIENT);
    let verifier = verifier_trusting(issuer);
    assert!(verifier.verify(cognito_token().sign_with(&key)).is_ok());
    for kid in ["ABC+/D=", "abc+/D", "abc%2B/D=", "", "abc+/D=\0", "../abc+/D="] {
        let error = verifier.verify(cognito_token().header("kid", kid).sign_with(&key)).unwrap_err();
        assert!(matches!(error, Error::UnknownKey { key_id: Some(_), .. }), "{kid} {error:?}");
    }
}

#[test]
fn hostile_key_id_is_escaped_and_cut() {
    // A18, A19
    let verifier = verifier_for_audience();
    accepted(&verifier, &rfc9068_token());
    let long = "x".repeat(10_000);
    for kid in
        ["../../etc/passwd", "' OR '1'='1", "a\0b", "a\nINFO forged", "\u{202e}\u{1b}[31m", "{{7*7}}", &long]
    {
        let error = rejected(&verifier, &rfc9068_token().header("kid", kid));
        assert!(matches!(error, Error::UnknownKey { .. }), "{error:?}");
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.len() < 500, "{text}");
            assert!(!text.chars().any(char::is_control), "{text}");
        }
    }
    for kid in [json!(1), json!(null), json!([KEY.kid()])] {
        let error = rejected(&verifier, &rfc9068_token().header("kid", kid));
        assert!(matches!(error, Error::MalformedHeader { parameter: "kid", .. }), "{error:?}");
    }
}

#[test]
fn missing_key_id_needs_one_matching_key() {
    // B10
    let es256 = SigningKey::generate(Algorithm::ES256);
    let token = rfc9068_token().without_header("kid").sign_with(&KEY);
    let trusting = |keys: &[&SigningKey]| {
        verifier_trusting(issuer_with_keys(keys.iter().map(|key| key.jwk())).audience(AUDIENCE))
    };
    assert!(trusting(&[&es256, &KEY]).verify(&token).is_ok());
    let error = trusting(&[&OTHER_KEY, &KEY]).verify(&token).unwrap_err();
    assert!(matches!(error, Error::AmbiguousKey { found: 2, key_id: None, .. }), "{error:?}");
}

#[test]
fn keys_sharing_an_id_differ_by_type() {
    // B09
    let es256 = SigningKey::generate(Algorithm::ES256).with_kid(KEY.kid());
    let same_id = OTHER_KEY.clone().with_kid(KEY.kid());
    let trusting = |keys: &[&SigningKey]| {
        verifier_trusting(issuer_with_keys(keys.iter().map(|key| key.jwk())).audience(AUDIENCE))
    };
    let verifier = trusting(&[&es256, &KEY]);
    assert!(verifier.verify(rfc9068_token().sign_with(&KEY)).is_ok());
    assert!(verifier.verify(rfc9068_token().sign_with(&es256)).is_ok());
    let error = trusting(&[&same_id, &KEY]).verify(rfc9068_token().sign_with(&KEY)).unwrap_err();
    assert!(matches!(error, Error::AmbiguousKey { found: 2, key_id: Some(_), .. }), "{error:?}");
}

#[test]
fn key_embedded_in_token_is_not_used() {
    // A17: the token is signed with the key that is embedded in it
    let own = OTHER_KEY.clone().with_kid(KEY.kid());
    let with_key = |token: Mint| {
        let x5c = "bm90IGEgY2VydGlmaWNhdGU=";
        token
            .header("jwk", OTHER_KEY.jwk())
            .header("x5c", json!([x5c]))
            .header("jku", "https://evil.example/keys")
    };
    accepted(&cognito_verifier(), &with_key(cognito_token()));
    let error = cognito_verifier().verify(with_key(cognito_token()).sign_with(&own)).unwrap_err();
    assert!(matches!(error, Error::BadSignature { .. }), "{error:?}");
}
