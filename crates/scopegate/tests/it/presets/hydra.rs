//! Ory Hydra.

use scopegate::{Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{accepted, assert_rejected};

use crate::presets::golden::{Golden, jwk, other_jwk, verifier_with_keys};

const ISSUER: &str = "https://hydra.example/";
const API: &str = "https://my-api-server.org";
const CLIENT: &str = "order-importer";

/// One key set for both kinds of tokens.
fn keys() -> [Value; 2] {
    let like =
        |kid: &str| json!({"use": "sig", "kty": "RSA", "kid": kid, "alg": "RS256", "n": "", "e": "AQAB"});
    [
        other_jwk(like("9f7e6d5c-4b3a-4291-8070-f6e5d4c3b2a1")),
        jwk(like("c3a1f0e9-8d7c-4b6a-95f4-e3d2c1b0a9f8")),
    ]
}

fn hydra_verifier() -> Verifier {
    verifier_with_keys(Issuer::hydra(ISSUER).unwrap().audience(API), &keys())
}

const HEADER: &str = r#"{"alg":"RS256","kid":"c3a1f0e9-8d7c-4b6a-95f4-e3d2c1b0a9f8","typ":"JWT"}"#;

fn machine_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"aud":["https://my-api-server.org"],"client_id":"order-importer","exp":1800003600,"ext":{},"iat":1800000000,
            "iss":"https://hydra.example/","jti":"6f0a9f0c-63a9-4d1a-9f8e-2f8a6a4f7c53","nbf":1800000000,
            "scp":["orders.read"],"sub":"order-importer"}"#,
    )
}

fn user_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"aud":["https://my-api-server.org"],"client_id":"shop","exp":1800003600,"ext":{"tenant":"acme"},
            "iat":1800000000,"iss":"https://hydra.example/","jti":"0b1c2d3e-4f50-4617-8829-3a4b5c6d7e8f",
            "nbf":1800000000,"scp":["openid","orders.read"],"sub":"7b1f2d3e-4c5a-46b7-98c8-d9e0f1a2b3c4"}"#,
    )
}

fn id_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"at_hash":"77QmUPtjPfzWtF2AnpK9RQ","aud":["shop"],"auth_time":1799999990,"exp":1800003600,"iat":1800000000,
            "iss":"https://hydra.example/","jti":"f1e2d3c4-b5a6-4978-8869-5a4b3c2d1e0f","rat":1799999980,
            "sid":"2a1b0c9d-8e7f-4605-9d4c-3b2a19080f7e","sub":"7b1f2d3e-4c5a-46b7-98c8-d9e0f1a2b3c4"}"#,
    )
}

#[test]
fn machine_token_grants_its_scope_array() {
    // C21
    let claims = accepted(&hydra_verifier(), &machine_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "orders.read");
    assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
    for other in [
        machine_token().without("scp").with("scope", "orders.read"),
        machine_token().with("scope", "orders.read"),
    ] {
        assert_eq!(accepted(&hydra_verifier(), &other).scopes(), claims.scopes());
    }
}

#[test]
fn user_token_names_the_user() {
    let claims = accepted(&hydra_verifier(), &user_token());
    assert_eq!(claims.client_id(), Some("shop"));
    let user = "7b1f2d3e-4c5a-46b7-98c8-d9e0f1a2b3c4";
    assert!(matches!(claims.principal(), Principal::Subject { id, .. } if id == user));
    assert_eq!(claims.claim::<Value>("ext").unwrap().unwrap(), json!({ "tenant": "acme" }));
}

#[test]
fn empty_audience_counts_as_missing() {
    // C12
    for nobody in [machine_token().with("aud", json!([])), machine_token().without("aud")] {
        assert_rejected!(hydra_verifier(), nobody, Error::MissingClaim { .. }, "claim `aud` is absent");
        let by_client = verifier_with_keys(Issuer::hydra(ISSUER).unwrap().client(CLIENT), &keys());
        assert_eq!(accepted(&by_client, &nobody).audience().count(), 0);
        // If both are configured, the client does not replace the audience.
        let by_both =
            verifier_with_keys(Issuer::hydra(ISSUER).unwrap().client(CLIENT).audience(API), &keys());
        assert_rejected!(by_both, nobody, Error::MissingClaim { .. }, "claim `aud` is absent");
    }
    // For issuers without a preset, an empty list is an audience that matches nothing.
    let jwks = json!({ "keys": keys() }).to_string();
    let other = verifier_with_keys(Issuer::from_jwks(ISSUER, &jwks).unwrap().client(CLIENT), &keys());
    assert_rejected!(
        other,
        machine_token().with("aud", json!([])),
        Error::WrongAudience { .. },
        "expected no `aud`, because no audience is configured; found none"
    );
}

#[test]
fn other_audience_is_rejected() {
    assert_rejected!(
        hydra_verifier(),
        machine_token().with("aud", json!(["https://other.example"])),
        Error::WrongAudience { .. },
        r#"expected `aud` to hold an audience such as https://my-api-server.org, found "https://other.example""#
    );
}

#[test]
fn id_token_without_hash_is_reported() {
    // C18
    assert_rejected!(
        hydra_verifier(),
        id_token(),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `at_hash` to be absent, found a string"
    );
    let both = verifier_with_keys(Issuer::hydra(ISSUER).unwrap().audience("shop"), &keys());
    accepted(&both, &user_token().with("aud", json!(["shop"])));
    assert_rejected!(
        both,
        id_token().without("at_hash"),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `client_id` to be the client's id, found none"
    );
}

#[test]
fn opaque_token_is_rejected() {
    // A03
    accepted(&hydra_verifier(), &machine_token());
    let error = hydra_verifier()
        .verify("ory_at_3xampleexampleexampleexampleexample.exampleexampleexample")
        .unwrap_err();
    assert!(matches!(error, Error::NotThreeParts { found: 2, .. }));
    assert_eq!(error.to_string(), "expected a token of 3 parts, found 2");
}

#[test]
fn final_slash_is_part_of_the_issuer() {
    // C10
    assert_rejected!(
        hydra_verifier(),
        machine_token().with("iss", "https://hydra.example"),
        Error::UnknownIssuer { .. },
        r#"expected `iss` to be a trusted issuer such as https://hydra.example/, found "https://hydra.example""#
    );
    let without = verifier_with_keys(Issuer::hydra("https://hydra.example").unwrap().audience(API), &keys());
    accepted(&without, &machine_token().with("iss", "https://hydra.example"));
}
