//! Which scopes does a token grant, and which claims are they read from?

use scopegate::Error;
use scopegate_issuer::Mint;
use serde_json::json;
use testkit::{
    AUDIENCE, KEY, accepted, assert_rejected, cognito_token, cognito_verifier, issuer_with_keys, rejected,
    rfc9068_token, verifier_for_audience, verifier_trusting,
};

#[test]
fn scopes_are_read_from_strings_and_arrays() {
    // C20, C21
    let scopes = |token: Mint| accepted(&verifier_for_audience(), &token).scopes().to_string();
    assert_eq!(scopes(rfc9068_token().scope("b a")), "a b");
    assert_eq!(scopes(rfc9068_token().scope("  a   b ")), "a b");
    assert_eq!(scopes(rfc9068_token().scope("")), "");
    let none = || rfc9068_token().without_claim("scope");
    assert_eq!(scopes(none()), "");
    assert_eq!(scopes(none().claim("scp", "a b")), "a b");
    assert_eq!(scopes(none().claim("scp", json!(["a", "b"]))), "a b");
    assert_eq!(scopes(none().claim("scp", json!([]))), "");
    assert_eq!(scopes(rfc9068_token().scope("a").claim("scp", json!(["b"]))), "a b");
    // Cognito's claim is `scope`.
    let both = cognito_token().scope("a").claim("scp", json!(["b"]));
    assert_eq!(accepted(&cognito_verifier(), &both).scopes().to_string(), "a");
    for (claim, value) in [
        ("scope", json!(["a"])),
        ("scope", json!(1)),
        ("scope", json!(null)),
        ("scope", json!("a\tb")),
        ("scope", json!("a\nb")),
        ("scope", json!("a\"")),
        ("scope", json!("a\\")),
        ("scope", json!("ä")),
        ("scope", json!("a\u{a0}b")),
        ("scope", json!({ "a": true })),
        ("scp", json!(["a", 1])),
        ("scp", json!(["a b"])),
        ("scp", json!({ "a": true })),
        ("scp", json!("a\\")),
    ] {
        let error = rejected(&verifier_for_audience(), &none().claim(claim, value));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
}

#[test]
fn scope_is_granted_by_exact_match_only() {
    // C20, C36: identifiers of Cognito's resource servers may be URLs
    let granted = "https://api.example/read";
    let claims = accepted(&cognito_verifier(), &cognito_token().scope(granted));
    assert!(claims.require(granted).is_ok());
    for other in [
        "https://api.example/rea",
        "https://api.example/reads",
        "https://api.example/read/",
        "https://api.example/Read",
        "https://API.example/read",
        "https://api.example:443/read",
        "https://api.example/",
        "https://api.example",
        "http://api.example/read",
        "read",
        "api.example/read",
        "https://api.example/*",
    ] {
        assert!(matches!(claims.require(other), Err(Error::InsufficientScope { .. })), "{other}");
    }
}

#[test]
fn permissions_and_roles_grant_scopes_on_request_only() {
    // C21
    let issuer = || issuer_with_keys([KEY.jwk()]).audience(AUDIENCE);
    let with = verifier_trusting(issuer().permissions_as_scopes().roles_as_scopes());
    let token = rfc9068_token()
        .scope("a")
        .claim("permissions", json!(["b", "not a scope"]))
        .claim("roles", json!(["c"]));
    assert_eq!(accepted(&with, &token).scopes().to_string(), "a b c");
    assert_eq!(accepted(&verifier_for_audience(), &token).scopes().to_string(), "a");
    for claim in ["permissions", "roles"] {
        assert_rejected!(with, token.clone().claim(claim, "b"), Error::MalformedClaim { .. });
        accepted(&verifier_for_audience(), &token.clone().claim(claim, "b"));
    }
}
