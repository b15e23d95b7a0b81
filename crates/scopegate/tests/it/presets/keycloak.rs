//! Keycloak.

use scopegate::{ConfigError, Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{accepted, assert_rejected, rejected};

use crate::presets::golden::{Golden, jwk, other_jwk, verifier_with_keys};

const REALM: &str = "https://sso.example/realms/acme";
const API: &str = "my-api";
const CLIENT: &str = "order-importer";

/// The key for signatures, and one for encryption, each with its certificate.
fn keys() -> [Value; 2] {
    let like = |kid: &str, alg: &str, usage: &str| {
        json!({"kid": kid, "kty": "RSA", "alg": alg, "use": usage, "n": "", "e": "AQAB",
               "x5c": ["MIICmzCCAYMCBgGexampleexample"], "x5t": "vBc9l1o6XJ6yqk2exampleexamp",
               "x5t#S256": "Kp2exampleexampleexampleexampleexampleexamp"})
    };
    [
        other_jwk(like("p8exampleENC", "RSA-OAEP", "enc")),
        jwk(like("FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE", "RS256", "sig")),
    ]
}

fn keycloak_verifier_with(issuer: impl FnOnce(Issuer) -> Issuer) -> Verifier {
    verifier_with_keys(issuer(Issuer::keycloak(REALM).unwrap().audience(API)), &keys())
}

fn keycloak_verifier() -> Verifier {
    keycloak_verifier_with(|issuer| issuer)
}

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE"}"#;

fn machine_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"exp":1800000300,"iat":1800000000,"jti":"trrtcc:9c2f3b1e-7d44-4a3f-9c57-2a1f0d6f3e11",
            "iss":"https://sso.example/realms/acme","aud":["my-api","account"],
            "sub":"1f4db6ad-5e75-479c-b289-b8096ec1f4f4","typ":"Bearer","azp":"order-importer","acr":"1",
            "realm_access":{"roles":["offline_access","default-roles-acme","uma_authorization","staff"]},
            "resource_access":{"my-api":{"roles":["orders-reader"]},"account":{"roles":["manage-account"]}},
            "scope":"orders:read email profile","email_verified":false,"clientHost":"192.0.2.7",
            "preferred_username":"service-account-order-importer","clientAddress":"192.0.2.7",
            "client_id":"order-importer"}"#,
    )
}

fn user_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"exp":1800000300,"iat":1800000000,"auth_time":1799999990,"jti":"onrtac:0f0e8f0a-1c7e-4b64-8d5b-7a1c2f3e4d5c",
            "iss":"https://sso.example/realms/acme","aud":["my-api","account"],
            "sub":"7b1f2d3e-4c5a-46b7-98c8-d9e0f1a2b3c4","typ":"Bearer","azp":"shop",
            "sid":"0e2c1a9b-8d7f-4e6a-9b5c-3d2e1f0a9b8c","acr":"1","allowed-origins":["https://shop.example"],
            "realm_access":{"roles":["default-roles-acme"]},"resource_access":{"account":{"roles":["view-profile"]}},
            "scope":"openid orders:read email profile","email_verified":true,"name":"Ada Lovelace",
            "preferred_username":"ada","given_name":"Ada","family_name":"Lovelace","email":"ada@example.com"}"#,
    )
}

fn id_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"exp":1800000300,"iat":1800000000,"auth_time":1799999990,"jti":"5e4d3c2b-1a09-48f7-96e5-d4c3b2a19087",
            "iss":"https://sso.example/realms/acme","aud":"shop","sub":"7b1f2d3e-4c5a-46b7-98c8-d9e0f1a2b3c4",
            "typ":"ID","azp":"shop","sid":"0e2c1a9b-8d7f-4e6a-9b5c-3d2e1f0a9b8c","acr":"1","email_verified":true,
            "preferred_username":"ada"}"#,
    )
}

#[test]
fn service_account_token_names_the_client() {
    // C23: although its `sub` looks like a user's
    let claims = accepted(&keycloak_verifier(), &machine_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "email orders:read profile");
    assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
    // Tokens of older servers do not show it.
    let older = machine_token().without("client_id").with("clientId", CLIENT);
    assert!(matches!(accepted(&keycloak_verifier(), &older).principal(), Principal::Subject { .. }));
}

#[test]
fn user_token_names_the_user() {
    let claims = accepted(&keycloak_verifier(), &user_token());
    assert_eq!(claims.client_id(), Some("shop"));
    let user = "7b1f2d3e-4c5a-46b7-98c8-d9e0f1a2b3c4";
    assert!(matches!(claims.principal(), Principal::Subject { id, .. } if id == user));
}

#[test]
fn at_jwt_typ_and_nonce_are_accepted() {
    accepted(&keycloak_verifier(), &machine_token().with_header("typ", "at+jwt"));
    accepted(&keycloak_verifier(), &user_token().with("nonce", "n-0S6_WzA2Mj"));
}

#[test]
fn only_requested_roles_are_scopes() {
    assert!(!accepted(&keycloak_verifier(), &machine_token()).scopes().contains("staff"));
    let claims = accepted(&keycloak_verifier_with(Issuer::realm_roles_as_scopes), &machine_token());
    assert!(claims.scopes().contains("staff") && !claims.scopes().contains("orders-reader"));
    let claims =
        accepted(&keycloak_verifier_with(|issuer| issuer.client_roles_as_scopes(API)), &machine_token());
    assert!(claims.scopes().contains("orders-reader") && claims.scopes().contains("orders:read"));
    // The roles of another client do not count.
    assert!(!claims.scopes().contains("manage-account") && !claims.scopes().contains("staff"));
}

#[test]
fn malformed_roles_are_rejected() {
    const NAMES: &str = "an array of strings";
    const OBJECTS: &str = "an array of strings within objects";
    // C21
    let realm_roles = keycloak_verifier_with(Issuer::realm_roles_as_scopes);
    let client_roles = keycloak_verifier_with(|issuer| issuer.client_roles_as_scopes(API));
    for (verifier, claim, nothing) in [
        (&realm_roles, "realm_access", vec![json!({})]),
        (&client_roles, "resource_access", vec![json!({}), json!({ "my-api": {} })]),
    ] {
        accepted(verifier, &machine_token().without(claim));
        for nothing in nothing {
            accepted(verifier, &machine_token().with(claim, nothing));
        }
    }
    for (verifier, claim, value, message, found) in [
        (&realm_roles, "realm_access", json!([]), OBJECTS, r#"an array, "[]""#),
        (&realm_roles, "realm_access", json!({ "roles": "staff" }), NAMES, r#""staff""#),
        (&realm_roles, "realm_access", json!({ "roles": [1] }), NAMES, r#"an array, "[1]""#),
        (&realm_roles, "realm_access", json!(null), OBJECTS, "null"),
        (&realm_roles, "realm_access", json!({ "roles": null }), NAMES, "null"),
        (&client_roles, "resource_access", json!({ "my-api": [] }), OBJECTS, r#"an array, "[]""#),
        (&client_roles, "resource_access", json!({ "my-api": { "roles": {} } }), NAMES, r#"an object, "{}""#),
    ] {
        let error = rejected(verifier, &machine_token().with(claim, value));
        assert!(matches!(&error, Error::MalformedClaim { .. }), "{error:?}");
        let path =
            if claim == "realm_access" { "realm_access.roles" } else { "resource_access.my-api.roles" };
        assert_eq!(error.to_string(), format!("claim `{path}`: expected {message}, found {found}"));
    }
}

#[test]
fn token_without_audience_mapper_is_rejected() {
    // C12
    assert_rejected!(
        keycloak_verifier(),
        machine_token().with("aud", "account"),
        Error::WrongAudience { .. },
        r#"expected `aud` to hold an audience such as my-api, found "account""#
    );
    assert_rejected!(
        keycloak_verifier(),
        machine_token().without("aud"),
        Error::MissingClaim { .. },
        "claim `aud` is absent"
    );
    // If the tokens of a realm have no audience, clients can be listed.
    let by_client = verifier_with_keys(Issuer::keycloak(REALM).unwrap().client(CLIENT), &keys());
    accepted(&by_client, &machine_token().without("aud"));
}

#[test]
fn other_token_kinds_are_reported() {
    // C18
    for (typ, token) in [
        ("ID", id_token()),
        ("Refresh", machine_token().with("typ", "Refresh")),
        ("Offline", machine_token().with("typ", "Offline")),
    ] {
        assert_rejected!(
            keycloak_verifier(),
            token,
            Error::NotAnAccessToken { .. },
            format!("not an access token: expected `typ` to be that of an access token, found {typ:?}")
        );
    }
    assert_rejected!(
        keycloak_verifier(),
        machine_token().without("typ"),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `typ` to be Bearer, found none"
    );
    // An ID token for an application that is also an API.
    let both = verifier_with_keys(Issuer::keycloak(REALM).unwrap().audience("shop"), &keys());
    accepted(&both, &user_token().with("aud", "shop"));
    assert!(matches!(rejected(&both, &id_token()), Error::NotAnAccessToken { claim: "typ", .. }));
    // A refresh token as Keycloak signs it.
    assert_rejected!(
        keycloak_verifier(),
        machine_token().with("typ", "Refresh").with_header("alg", "HS512"),
        Error::UnacceptableAlgorithm { .. },
        "expected `alg` to be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, ML-DSA-44, ML-DSA-65, ML-DSA-87, found \"HS512\""
    );
}

#[test]
fn other_realm_or_host_is_rejected() {
    for iss in [
        "https://sso.example/realms/master",
        "https://sso.example/auth/realms/acme",
        "http://keycloak:8080/realms/acme",
        "https://sso.example/realms/acme/",
    ] {
        assert_rejected!(
            keycloak_verifier(),
            machine_token().with("iss", iss),
            Error::UnknownIssuer { .. },
            format!(
                "expected `iss` to be a trusted issuer such as https://sso.example/realms/acme, found {iss:?}"
            )
        );
    }
}

#[test]
fn client_is_read_from_azp_only() {
    let verifier = keycloak_verifier_with(|issuer| issuer.client(CLIENT));
    accepted(&verifier, &machine_token());
    // A `client_id` that differs from `azp` is not the mark of a service account.
    let decorated = accepted(&verifier, &machine_token().with("client_id", "customer-7").with("cid", 7));
    assert_eq!(decorated.client_id(), Some(CLIENT));
    assert!(matches!(decorated.principal(), Principal::Subject { .. }));
    assert_rejected!(
        verifier,
        machine_token().with("azp", "shop"),
        Error::WrongClient { .. },
        r#"expected a client such as order-importer, found "shop""#
    );
}

#[test]
fn realm_without_its_path_is_rejected() {
    for realm in ["https://sso.example/auth/realms/acme", "http://127.0.0.1:8080/realms/acme"] {
        assert!(Issuer::keycloak(realm).is_ok(), "{realm}");
    }
    for realm in [
        "https://sso.example",
        "https://sso.example/",
        "https://sso.example/realms",
        "https://sso.example/realms/",
        "https://sso.example/realms/acme/",
        "https://sso.example/realms/acme/protocol/openid-connect",
    ] {
        let error = Issuer::keycloak(realm).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidUrl { setting: "realm", .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "realm: expected a realm, https://HOST/realms/REALM without final slash, found {realm:?}"
            )
        );
    }
}
