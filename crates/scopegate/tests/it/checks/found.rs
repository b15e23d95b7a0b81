//! Do errors say what was found, so that an operator can act on them?

use scopegate::{Error, Excerpt, Issuer};
use serde_json::json;
use testkit::{
    AUDIENCE, KEY, assert_rejected, cognito_token, cognito_verifier, jwks, rejected, rfc9068_token,
    verifier_for_audience, verifier_trusting,
};

#[test]
fn error_names_type_and_value_that_were_found() {
    // FR-B12
    for (claim, value, message) in [
        ("nonce", json!(5), r#"not an access token: expected `nonce` to be absent, found a number"#),
        (
            "events",
            json!({ "a": {} }),
            r#"not an access token: expected `events` to be absent, found an object"#,
        ),
        ("at_hash", json!(true), r#"not an access token: expected `at_hash` to be absent, found a boolean"#),
        (
            "token_use",
            json!([]),
            r#"not an access token: expected `token_use` to be access, found an array, "[]""#,
        ),
        ("exp", json!("x"), r#"claim `exp`: expected a number of seconds since 1970, found "x""#),
        ("aud", json!(7), r#"claim `aud`: expected a string or an array of strings, found a number, "7""#),
        ("sub", json!(7), r#"claim `sub`: expected a string, found a number, "7""#),
        ("jti", json!({}), r#"claim `jti`: expected a string, found an object, "{}""#),
        ("client_id", json!(["a"]), r#"claim `client_id`: expected a string, found an array, "[\"a\"]""#),
        (
            "azp",
            json!("other"),
            r#"claim `azp`: expected the client that another claim names, found "other""#,
        ),
        ("scope", json!(1), r#"claim `scope`: expected scopes separated by spaces, found a number, "1""#),
    ] {
        assert_eq!(
            rejected(&verifier_for_audience(), &rfc9068_token().claim(claim, value)).to_string(),
            message
        );
    }
    assert_rejected!(
        verifier_for_audience(),
        rfc9068_token().header("kid", 7),
        Error::MalformedHeader { .. },
        r#"header parameter `kid`: expected a string, found a number, "7""#
    );
    let claims = verifier_for_audience().verify(rfc9068_token().claim("level", "high").sign_with(&KEY));
    let error = claims.unwrap().claim::<u32>("level").unwrap_err();
    // FR-C6: the token is valid, and the message says whose fault it is.
    assert_eq!(
        error.to_string(),
        "the claims of a valid token do not fit the application's type u32: claim \"level\": \
         \"invalid type: string, expected u32\""
    );
}

#[test]
fn identifier_to_copy_is_not_cut_at_80_characters() {
    // FR-B12
    let name = format!("https://issuer.example/{}", "a".repeat(200));
    let whole = format!("{name:?}");
    for (error, what) in [
        (rejected(&cognito_verifier(), &cognito_token().claim("iss", name.as_str())), "iss"),
        (rejected(&verifier_for_audience(), &rfc9068_token().claim("aud", name.as_str())), "aud"),
        (rejected(&cognito_verifier(), &cognito_token().header("kid", name.as_str())), "kid"),
        (rejected(&cognito_verifier(), &cognito_token().client(&name)), "client"),
    ] {
        assert!(error.to_string().ends_with(&whole), "{what}: {error}");
    }
    // A longer one is cut, because it fills a log.
    let longest = Excerpt::IDENTIFIER_LIMIT;
    let cut = rejected(&cognito_verifier(), &cognito_token().claim("iss", "a".repeat(longest + 1)));
    assert!(cut.to_string().ends_with(&format!("\"{}\"…", "a".repeat(longest))), "{cut}");
}

#[test]
fn skipped_signature_key_is_named_by_its_parameter() {
    // FR-B8, FR-B12
    let issuer = Issuer::from_jwks("acme.com", &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE);
    let token = rfc9068_token().claim("iss", "acme.com").header("kid", "other");
    assert_rejected!(
        verifier_trusting(issuer.clone()),
        token,
        Error::UnknownKey { .. },
        r#"acme.com publishes no RS256 key with `kid` "other""#
    );
    assert_rejected!(
        verifier_trusting(issuer),
        token.clone().without_header("kid").header("x5t", "other"),
        Error::UnknownKey { .. },
        r#"acme.com publishes no RS256 key with `x5t` "other""#
    );
}
