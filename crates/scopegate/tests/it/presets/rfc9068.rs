//! Issuers that follow RFC 9068.

use scopegate::{Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{accepted, assert_rejected, rejected};

use crate::presets::golden::{Golden, jwk, verifier_with_keys};

const ISSUER: &str = "https://issuer.example";
const API: &str = "https://my-api-server.org";
const CLIENT: &str = "order-importer";

fn keys() -> [Value; 1] {
    [jwk(json!({"kty": "RSA", "use": "sig", "kid": "rs256-1", "alg": "RS256", "e": "AQAB", "n": ""}))]
}

fn rfc9068_verifier() -> Verifier {
    verifier_with_keys(Issuer::rfc9068(ISSUER).unwrap().audience(API), &keys())
}

fn machine_token() -> Golden {
    Golden::new(
        r#"{"alg":"RS256","typ":"at+jwt","kid":"rs256-1"}"#,
        r#"{"iss":"https://issuer.example","sub":"order-importer","aud":"https://my-api-server.org","exp":1800003600,
            "iat":1800000000,"jti":"dbe39bf3a3ba4238a513f51d6e1691c4","client_id":"order-importer",
            "scope":"orders.read"}"#,
    )
}

fn user_token() -> Golden {
    Golden::new(
        r#"{"typ":"application/at+JWT","alg":"RS256","kid":"rs256-1"}"#,
        r#"{"iss":"https://issuer.example","sub":"5ba552d67","aud":["https://my-api-server.org"],"exp":1800003600,
            "iat":1800000000,"auth_time":1799999990,"acr":"1","amr":["pwd"],
            "jti":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","client_id":"s6BhdRkqt3","scope":"openid profile orders.read"}"#,
    )
}

fn id_token() -> Golden {
    Golden::new(
        r#"{"alg":"RS256","typ":"JWT","kid":"rs256-1"}"#,
        r#"{"iss":"https://issuer.example","sub":"5ba552d67","aud":"https://my-api-server.org","exp":1800003600,
            "iat":1800000000,"jti":"ffeeddccbbaa99887766554433221100","client_id":"s6BhdRkqt3"}"#,
    )
}

#[test]
fn machine_and_user_tokens_are_accepted() {
    // C14, C17
    let claims = accepted(&rfc9068_verifier(), &machine_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "orders.read");
    assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
    let claims = accepted(&rfc9068_verifier(), &user_token());
    assert_eq!(claims.client_id(), Some("s6BhdRkqt3"));
    assert!(matches!(claims.principal(), Principal::Subject { id: "5ba552d67", .. }));
}

#[test]
fn missing_required_claim_is_rejected() {
    // C06, C12, C17
    accepted(&rfc9068_verifier(), &machine_token());
    for claim in ["exp", "aud", "sub", "client_id", "iat", "jti"] {
        assert_rejected!(
            rfc9068_verifier(),
            machine_token().without(claim),
            Error::MissingClaim { .. },
            format!("claim `{claim}` is absent")
        );
    }
    assert!(matches!(
        rejected(&rfc9068_verifier(), &machine_token().without("iss")),
        Error::UnknownIssuer { found: None, .. }
    ));
    // `allow_any_audience` still requires an audience.
    let any = verifier_with_keys(Issuer::rfc9068(ISSUER).unwrap().allow_any_audience(), &keys());
    accepted(&any, &machine_token().with("aud", "https://other.example"));
    assert_rejected!(
        any,
        machine_token().without("aud"),
        Error::MissingClaim { .. },
        "claim `aud` is absent"
    );
}

#[test]
fn malformed_required_claim_is_rejected() {
    // C17
    accepted(&rfc9068_verifier(), &machine_token());
    for (claim, value) in [
        ("exp", json!("1800003600")),
        ("aud", json!(1)),
        ("sub", json!(1)),
        ("client_id", json!(["order-importer"])),
        ("iat", json!("1800000000")),
        ("jti", json!(1)),
        ("jti", json!({})),
    ] {
        let error = rejected(&rfc9068_verifier(), &machine_token().with(claim, value.clone()));
        assert!(
            matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim),
            "{claim} {value}: {error:?}"
        );
    }
    // FR-B1, FR-B2: a claim that is `null` or empty is missing.
    for (claim, value) in [
        ("aud", json!(null)),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("client_id", json!(null)),
        ("client_id", json!("")),
        ("iat", json!(null)),
        ("jti", json!(null)),
        ("jti", json!("")),
    ] {
        let error = rejected(&rfc9068_verifier(), &machine_token().with(claim, value.clone()));
        assert!(
            matches!(error, Error::MissingClaim { claim: named, .. } if named == claim),
            "{claim} {value}: {error:?}"
        );
    }
    assert!(matches!(
        rejected(&rfc9068_verifier(), &machine_token().with("iss", json!([ISSUER]))),
        Error::UnknownIssuer { .. }
    ));
}

#[test]
fn other_typ_is_rejected() {
    // C14, C18: an ID token that differs by its type only
    for (token, found) in [
        (id_token(), "\"JWT\""),
        (machine_token().with_header("typ", "JWT"), "\"JWT\""),
        (machine_token().with_header("typ", "logout+jwt"), "\"logout+jwt\""),
    ] {
        assert_rejected!(
            rfc9068_verifier(),
            token,
            Error::WrongType { .. },
            format!("expected `typ` to be at+jwt, found {found}")
        );
    }
    let untyped = Golden::new(r#"{"alg":"RS256","kid":"rs256-1"}"#, "{}").with("iss", ISSUER);
    assert_rejected!(
        rfc9068_verifier(),
        untyped,
        Error::WrongType { .. },
        "expected `typ` to be at+jwt, found none"
    );
}

#[test]
fn scopes_and_client_are_read_from_own_claims() {
    let claims = accepted(
        &rfc9068_verifier(),
        &machine_token().with("scp", json!(["admin"])).with("azp", "x").with("cid", "y"),
    );
    assert_eq!(claims.scopes().to_string(), "orders.read");
    assert_eq!(claims.client_id(), Some(CLIENT));
}
