//! Token responses, as servers write them.

use proptest::prelude::*;

use scopegate_proto::clock::{Clock, SystemClock};

use super::*;
use crate::dpop::Dpop;
use crate::dpop::key::DpopKey;

fn read(body: &str) -> Result<TokenResponse, TokenResponseError> {
    token(body.as_bytes(), &TokenTypes::Bearer, &mut SentSecrets::default())
}

fn with(member: &str) -> Result<TokenResponse, TokenResponseError> {
    read(&format!(r#"{{"access_token":"t","token_type":"Bearer"{member}}}"#))
}

#[test]
fn response_without_token_or_type_is_rejected() {
    // E08
    assert_eq!(with("").unwrap().token.as_str(), "t");
    for (body, expected) in [
        (r#"{"token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
        (r#"{"access_token":"","token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
        (r#"{"access_token":1,"token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
        (r#"{"access_token":null,"token_type":"Bearer"}"#, TokenResponseError::NoAccessToken),
        (r#"{"access_token":"t"}"#, TokenResponseError::NoTokenType),
        (r#"{"access_token":"t","token_type":1}"#, TokenResponseError::NoTokenType),
        (r#"["t"]"#, TokenResponseError::Json(JsonError::NotJson)),
        ("<!doctype html>", TokenResponseError::Json(JsonError::NotJson)),
        ("", TokenResponseError::Json(JsonError::NotJson)),
    ] {
        assert_eq!(read(body).err(), Some(expected), "{body}");
    }
}

#[test]
fn token_type_must_be_bearer_in_any_case() {
    // E09
    // FR-B9: Apigee writes `BearerToken`.
    for kind in ["Bearer", "bearer", "BEARER", "bEaReR", "BearerToken", "bearertoken"] {
        assert!(read(&format!(r#"{{"access_token":"t","token_type":"{kind}"}}"#)).is_ok(), "{kind}");
    }
    for kind in ["mac", "N_A", "DPoP", "Bearer ", "", "bearer,DPoP", "Bearer Token", "BearerTokens", "token"]
    {
        let read = read(&format!(r#"{{"access_token":"t0","token_type":"{kind}"}}"#));
        assert_eq!(
            read.err(),
            Some(TokenResponseError::OtherTokenType {
                found: SentSecrets::default().show(kind),
                expected: "Bearer"
            }),
            "{kind}"
        );
    }
}

#[test]
fn unknown_members_are_ignored_and_repeated_rejected() {
    // E10, E13
    assert!(with(r#","x":{"access_token":"y"},"refresh_token":"r","id_token":null"#).is_ok());
    let repeated = TokenResponseError::Json(JsonError::RepeatedName);
    assert_eq!(with(r#","access_token":"u""#).err(), Some(repeated));
    // With the two of every response, one more than an object may have.
    let further = (0..255).map(|n| format!(",\"x{n}\":0")).collect::<Vec<_>>().concat();
    assert_eq!(with(&further).err(), Some(TokenResponseError::Json(JsonError::TooManyMembers)));
}

#[test]
fn expires_in_is_number_or_number_in_string() {
    // E11
    let seconds = |value: &str| with(&format!(r#","expires_in":{value}"#)).map(|read| read.lifetime.unwrap());
    for (value, expected) in [
        ("3600", 3_600),
        (r#""3600""#, 3_600),
        ("3600.9", 3_600),
        ("3.6e3", 3_600),
        ("1", 1),
        ("86400", 86_400),
        ("86401", 86_400),
        ("1e18", 86_400),
        ("1e400", 86_400),
        ("99999999999999999999999999", 86_400),
    ] {
        assert_eq!(seconds(value), Ok(Duration::from_secs(expected)), "{value}");
    }
    for value in
        ["0", "-1", "0.9", "-1e400", "true", "[]", r#""""#, r#""x""#, r#""inf""#, r#""nan""#, r#"" 1""#]
    {
        let read = with(&format!(r#","expires_in":{value}"#)).unwrap();
        let names: Vec<_> = read.unreadable.iter().map(|member| member.name).collect();
        assert_eq!((read.lifetime, names), (None, vec!["expires_in"]), "{value}: FR-D3");
    }
    for absent in ["", r#","expires_in":null"#] {
        let read = with(absent).unwrap();
        assert_eq!((read.lifetime, read.unreadable), (None, Vec::new()));
    }
}

#[test]
fn granted_scopes_are_read_if_present() {
    // E12
    let scopes = |value: &str| with(&format!(r#","scope":{value}"#)).unwrap().scopes;
    let stated = |scopes: &str| GrantedScopes::Stated(scopes.parse().unwrap());
    assert_eq!(scopes(r#""b a""#), stated("a b"));
    assert_eq!(scopes(r#""""#), stated(""));
    assert_eq!(scopes("null"), GrantedScopes::AsRequested);
    assert_eq!(with("").unwrap().scopes, GrantedScopes::AsRequested);
}

#[test]
fn unreadable_scope_is_reported_and_token_used() {
    // FR-D3
    for (value, scopes, found) in [
        (r#"["a","b c"]"#, Some("a b c"), None),
        ("[]", Some(""), None),
        (r#""a é""#, Some("a"), Some("é")),
        (r#"["a","b\"c"]"#, Some("a"), Some("b?c")),
        ("1", None, Some("1")),
        ("false", None, Some("false")),
        ("[1]", None, Some("[1]")),
        (r#"{"a":1}"#, None, Some("{?a?:1}")),
    ] {
        let read = with(&format!(r#","scope":{value}"#)).unwrap();
        let expected =
            scopes.map_or(GrantedScopes::Unknown, |scopes| GrantedScopes::Stated(scopes.parse().unwrap()));
        assert_eq!(read.scopes, expected, "{value}");
        let reported: Vec<_> =
            read.unreadable.iter().map(|member| member.found.as_ref().unwrap().as_str()).collect();
        assert_eq!(reported, found.into_iter().collect::<Vec<_>>(), "{value}");
    }
}

#[test]
fn optional_member_of_any_type_keeps_the_token() {
    // FR-D3
    for name in ["expires_in", "scope", "refresh_token", "id_token", "not_before", "ext_expires_in", "x"] {
        for value in ["null", "true", "0", "-1", "1e400", r#""""#, r#""é""#, "[]", "[null]", "{}"] {
            assert_eq!(
                with(&format!(r#","{name}":{value}"#)).unwrap().token.as_str(),
                "t",
                "{name}: {value}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_body_is_read_without_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = token(&body, &TokenTypes::Bearer, &mut SentSecrets::default());
    }

    #[test]
    fn written_token_response_is_read_back(
        text in "[ -~]{1,40}",
        expires in proptest::option::of(1u64..200_000),
        scope in proptest::option::of("[a-z]{1,5}( [a-z]{1,5}){0,3}"),
    ) {
        let mut body = serde_json::json!({ "access_token": text, "token_type": "bearer" });
        if let Some(expires) = expires { body["expires_in"] = expires.into(); }
        if let Some(scope) = &scope { body["scope"] = scope.as_str().into(); }
        let read = read(&body.to_string()).unwrap();
        prop_assert_eq!(read.token.as_str(), text);
        prop_assert_eq!(read.lifetime, expires.map(|s| Duration::from_secs(s.min(86_400))));
        let stated = scope.map_or(GrantedScopes::AsRequested, |scope| GrantedScopes::Stated(scope.parse().unwrap()));
        prop_assert_eq!(read.scopes, stated);
    }
}

/// Returns the type of the accepted token.
fn accepted(kind: &str, types: &TokenTypes) -> Option<&'static str> {
    let body = format!(r#"{{"access_token":"t","token_type":"{kind}"}}"#);
    let read = token(body.as_bytes(), types, &mut SentSecrets::default()).ok()?;
    Some(match read.kind {
        TokenKind::Bound(_) => "bound",
        TokenKind::Bearer { bound_was_requested: true } => "downgraded",
        TokenKind::Bearer { bound_was_requested: false } => "bearer",
    })
}

#[test]
fn token_type_must_be_the_requested_one() {
    // DP51: RFC 9449 §5
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let binding = Dpop::new(DpopKey::per_token(), false).next_binding(&clock).unwrap();
    let binding = Arc::new(binding);
    let (dpop, both) = (TokenTypes::Dpop(Arc::clone(&binding)), TokenTypes::DpopOrBearer(binding));
    for kind in ["DPoP", "dpop", "DPOP"] {
        assert_eq!(accepted(kind, &dpop), Some("bound"), "{kind}");
        assert_eq!(accepted(kind, &both), Some("bound"), "{kind}");
        assert_eq!(accepted(kind, &TokenTypes::Bearer), None, "{kind}");
    }
    for kind in ["Bearer", "bearer", "BearerToken"] {
        assert_eq!(accepted(kind, &dpop), None, "{kind}");
        assert_eq!(accepted(kind, &both), Some("downgraded"), "{kind}");
        assert_eq!(accepted(kind, &TokenTypes::Bearer), Some("bearer"), "{kind}");
    }
    for kind in ["", "mac", "DPoP Bearer", "N_A"] {
        for types in [&dpop, &both, &TokenTypes::Bearer] {
            assert_eq!(accepted(kind, types), None, "{kind}");
        }
    }
}
