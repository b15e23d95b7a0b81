//! Amazon Cognito.

use scopegate::{Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{Token as _, accepted, assert_rejected};

use crate::presets::golden::{Golden, jwk, other_jwk, verifier_with_keys};

const POOL: &str = "eu-west-1_Ab12Cd34E";
const CLIENT: &str = "1example23456789abcdefghij";
const API: &str = "https://my-api-server.org";

/// A pool signs access tokens with one of two keys, and ID tokens with the other.
fn keys() -> [Value; 2] {
    let like = |kid: &str| json!({"alg": "RS256", "e": "", "kid": kid, "kty": "RSA", "n": "", "use": "sig"});
    [other_jwk(like("1234example+/AbCdEfGhIjKlMnOpQrStUvWxYz01=")), jwk(like(KID))]
}

const KID: &str = "5678example+/AbCdEfGhIjKlMnOpQrStUvWxYz01=";

fn cognito_verifier() -> Verifier {
    verifier_with_keys(Issuer::cognito(POOL).unwrap().client(CLIENT), &keys())
}

const HEADER: &str = r#"{"kid":"5678example+/AbCdEfGhIjKlMnOpQrStUvWxYz01=","alg":"RS256"}"#;

fn machine_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"sub":"1example23456789abcdefghij","token_use":"access","scope":"https://my-api-server.org/api.read",
            "auth_time":1800000000,"iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E",
            "exp":1800003600,"iat":1800000000,"version":2,"jti":"9f0b0e5c-6c1e-4d53-8f5e-0d9a4c1f7b21",
            "client_id":"1example23456789abcdefghij"}"#,
    )
}

fn user_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"sub":"a2c5d4f4-90d1-70b7-5a5c-9d1f0e7c6b5a","cognito:groups":["readers"],
            "iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E","version":2,
            "client_id":"1example23456789abcdefghij","origin_jti":"5c1d3e44-8a4f-4a35-9d41-3bb0a3c0c9a2",
            "event_id":"0c6f1f7e-8f39-4b7a-8f1c-1a1a0f2e6d3b","token_use":"access",
            "scope":"openid profile https://my-api-server.org/api.read","auth_time":1800000000,"exp":1800003600,
            "iat":1800000000,"jti":"2f1b9a0c-5f4e-4a3d-8c1b-6a7d8e9f0a1b","username":"ada"}"#,
    )
}

fn id_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"at_hash":"yHHRd7QZ0kQZl3b1vXo9Zg","sub":"a2c5d4f4-90d1-70b7-5a5c-9d1f0e7c6b5a",
            "iss":"https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E","cognito:username":"ada",
            "origin_jti":"5c1d3e44-8a4f-4a35-9d41-3bb0a3c0c9a2","aud":"1example23456789abcdefghij",
            "event_id":"0c6f1f7e-8f39-4b7a-8f1c-1a1a0f2e6d3b","token_use":"id","auth_time":1800000000,
            "exp":1800003600,"iat":1800000000,"jti":"7d1e2c3b-4a5f-4e6d-9c8b-0a1b2c3d4e5f","email":"ada@example.com"}"#,
    )
}

#[test]
fn machine_token_is_accepted_for_its_client() {
    // C30, C31, C35, C36
    let claims = accepted(&cognito_verifier(), &machine_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.audience().count(), 0);
    assert_eq!(claims.scopes().to_string(), "https://my-api-server.org/api.read");
    assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
}

#[test]
fn user_token_names_client_and_user() {
    let claims = accepted(&cognito_verifier(), &user_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert!(claims.scopes().contains("https://my-api-server.org/api.read"));
    assert!(matches!(
        claims.principal(),
        Principal::Subject { id: "a2c5d4f4-90d1-70b7-5a5c-9d1f0e7c6b5a", .. }
    ));
}

#[test]
fn id_token_is_reported_as_one() {
    // C18, C30: before its audience is checked, which is the client
    accepted(&cognito_verifier(), &user_token());
    assert_rejected!(
        cognito_verifier(),
        id_token(),
        Error::NotAnAccessToken { .. },
        r#"not an access token: expected `token_use` to be access, found "id""#
    );
    assert_rejected!(
        cognito_verifier(),
        machine_token().without("token_use"),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `token_use` to be access, found none"
    );
}

#[test]
fn bound_resource_requires_a_configured_audience() {
    // C13, C34
    let bound = machine_token().with("aud", API);
    assert_rejected!(
        cognito_verifier(),
        bound,
        Error::WrongAudience { .. },
        r#"expected no `aud`, because no audience is configured; found "https://my-api-server.org""#
    );
    let api = verifier_with_keys(Issuer::cognito(POOL).unwrap().client(CLIENT).audience(API), &keys());
    accepted(&api, &bound);
    accepted(&api, &machine_token());
    assert_rejected!(
        api,
        machine_token().with("aud", "https://other.example"),
        Error::WrongAudience { .. },
        r#"expected `aud` to hold an audience such as https://my-api-server.org, found "https://other.example""#
    );
    let audience_only = verifier_with_keys(Issuer::cognito(POOL).unwrap().audience(API), &keys());
    accepted(&audience_only, &bound);
    assert_rejected!(audience_only, machine_token(), Error::MissingClaim { .. }, "claim `aud` is absent");
}

#[test]
fn other_pool_region_or_client_is_rejected() {
    // C31, C32
    for iss in [
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34F",
        "https://cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Ab12Cd34E",
        "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E",
        "https://cognito-idp.eu-west-1.amazonaws.com.evil.example/eu-west-1_Ab12Cd34E",
    ] {
        assert_rejected!(
            cognito_verifier(),
            machine_token().with("iss", iss),
            Error::UnknownIssuer { .. },
            format!(
                "expected `iss` to be a trusted issuer such as \
                 https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E, found {iss:?}"
            )
        );
    }
    assert_rejected!(
        cognito_verifier(),
        machine_token().with("client_id", "2example").with("sub", "2example"),
        Error::WrongClient { .. },
        r#"expected a client such as 1example23456789abcdefghij, found "2example""#
    );
}

#[test]
fn updated_issuer_and_replica_are_trusted_if_listed() {
    // C32
    for (issuer, iss) in [
        (
            Issuer::cognito_updated(POOL),
            "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E",
        ),
        (
            Issuer::cognito_replica(POOL, "eu-central-1"),
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Ab12Cd34E",
        ),
    ] {
        let verifier = verifier_with_keys(issuer.unwrap().client(CLIENT), &keys());
        assert_eq!(accepted(&verifier, &machine_token().with("iss", iss)).issuer(), iss);
        assert!(verifier.verify(machine_token().compact()).is_err());
        assert!(verifier.verify(id_token().with("iss", iss).compact()).is_err());
    }
}

#[test]
fn lambda_claims_change_neither_client_nor_scopes() {
    let decorated = machine_token().with("cid", "customer-7").with("azp", "x").with("scp", json!(["admin"]));
    let claims = accepted(&cognito_verifier(), &decorated);
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes(), accepted(&cognito_verifier(), &machine_token()).scopes());
}
