//! Do errors have the value that was found, so that an operator can act on them?

use scopegate::{Error, Excerpt, Issuer};
use serde_json::json;
use testkit::{
    AUDIENCE, KEY, OTHER_KEY, assert_rejected, cognito_token, cognito_verifier, jwks, rejected,
    rfc9068_token, verifier_for_audience, verifier_trusting,
};

#[test]
fn error_names_type_and_value_that_were_found() {
    // FR-B12
    for (claim, value, message) in [
        ("nonce", json!(5), "not an access token: expected `nonce` to be absent, found a number"),
        (
            "events",
            json!({ "a": {} }),
            "not an access token: expected `events` to be absent, found an object",
        ),
        ("at_hash", json!(true), "not an access token: expected `at_hash` to be absent, found a boolean"),
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
    // FR-C6: the token is valid, and the message names the application's type as the cause.
    assert_eq!(
        error.to_string(),
        "the claims of a valid token do not fit the application's type u32: claim \"level\": \
         \"invalid type: string, expected u32\""
    );
}

#[test]
fn identifier_is_not_truncated_at_80_characters() {
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
    // A longer identifier is truncated, because it would fill a log.
    let longest = Excerpt::IDENTIFIER_LIMIT;
    let cut = rejected(&cognito_verifier(), &cognito_token().claim("iss", "a".repeat(longest + 1)));
    assert!(cut.to_string().ends_with(&format!("\"{}\"…", "a".repeat(longest))), "{cut}");
}

#[test]
fn skipped_signature_key_is_named_by_its_parameter() {
    // FR-A17, FR-B8, FR-B12
    let member = |name: &str, value: &str, extra: serde_json::Value| {
        let mut jwk = OTHER_KEY.jwk();
        let members = jwk.as_object_mut().unwrap();
        members.remove("kid");
        members.insert(name.to_owned(), json!(value));
        members.extend(extra.as_object().unwrap().clone());
        jwk
    };
    let verifier = |key| {
        let keys = jwks([KEY.jwk(), key]);
        verifier_trusting(Issuer::from_jwks("acme.com", &keys).unwrap().audience(AUDIENCE))
    };
    let token = rfc9068_token().claim("iss", "acme.com").without_header("kid");
    for name in ["kid", "x5t", "x5t#S256"] {
        let skipped = verifier(member(name, "other", json!({ "use": "enc" })));
        assert_rejected!(
            skipped,
            token.clone().header(name, "other"),
            Error::UnknownKey { skipped: Some(_), .. },
            format!(
                "the key of acme.com with `{name}` \"other\" is not used: it is not for verifying signatures"
            )
        );
        // The same key is used if it is for signatures.
        let used = verifier(member(name, "other", json!({ "use": "sig" })));
        assert!(used.verify(token.clone().header(name, "other").sign_with(&OTHER_KEY)).is_ok(), "{name}");
        assert_rejected!(
            used,
            token.clone().header(name, "third"),
            Error::UnknownKey { skipped: None, .. },
            format!("acme.com publishes no RS256 key with `{name}` \"third\"")
        );
        // The error names the key for the operator.
        let id = if name == "kid" { "other".to_owned() } else { format!("{name}=other") };
        let (used, skipped) = (used.status(), skipped.status());
        assert!(used.issuer("acme.com").unwrap().key_ids.contains(&id), "{used:?}");
        assert_eq!(skipped.issuer("acme.com").unwrap().skipped_keys[0].key_id.as_ref(), Some(&id));
    }
}
