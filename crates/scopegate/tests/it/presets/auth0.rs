//! Auth0.

use scopegate::{ConfigError, Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{accepted, assert_rejected};

use crate::presets::golden::{Golden, jwk, other_jwk, verifier_with_keys};

const API: &str = "https://my-api-server.org";
const CLIENT: &str = "K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja";

/// The current key and the next one, with certificates.
fn keys() -> [Value; 2] {
    let like = |kid: &str| {
        json!({"kty": "RSA", "use": "sig", "n": "", "e": "AQAB", "kid": kid, "x5t": "h0J3qYk1m8mZ0Yw0Zb8nQm1w3fE",
               "x5c": ["MIIDHTCCAgWgAwIBAgIJexampleexample"], "alg": "RS256"})
    };
    [jwk(like("NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4")), other_jwk(like("Rk00QjE1MkM3QzFBM0Y2RDkyRjQ4RUI3"))]
}

fn auth0_verifier() -> Verifier {
    verifier_with_keys(Issuer::auth0("example.eu.auth0.com").unwrap().audience(API), &keys())
}

const HEADER: &str = r#"{"alg":"RS256","typ":"JWT","kid":"NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4"}"#;

fn machine_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"iss":"https://example.eu.auth0.com/","sub":"K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja@clients",
            "aud":"https://my-api-server.org","iat":1800000000,"exp":1800086400,"scope":"read:orders",
            "gty":"client-credentials","azp":"K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja","permissions":["read:orders"]}"#,
    )
}

/// A token of the RFC 9068 profile.
fn machine_token_rfc9068() -> Golden {
    Golden::new(
        r#"{"alg":"RS256","typ":"at+jwt","kid":"NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4"}"#,
        r#"{"iss":"https://example.eu.auth0.com/","sub":"K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja@clients",
            "aud":"https://my-api-server.org","iat":1800000000,"exp":1800086400,"scope":"read:orders",
            "jti":"73WakrfVbNJBaAmhQtEeDv","client_id":"K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja"}"#,
    )
}

fn user_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"iss":"https://example.eu.auth0.com/","sub":"auth0|6553da60a54af58e29493993",
            "aud":["https://my-api-server.org","https://example.eu.auth0.com/userinfo"],"iat":1800000000,
            "exp":1800086400,"scope":"openid profile read:orders","azp":"K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
            "permissions":["read:orders","write:orders"]}"#,
    )
}

fn id_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"nickname":"ada","name":"Ada","updated_at":"2027-01-15T08:00:00.000Z","email":"ada@example.com",
            "iss":"https://example.eu.auth0.com/","aud":"K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja","iat":1800000000,
            "exp":1800036000,"sub":"auth0|6553da60a54af58e29493993","sid":"6s8mEx4mpleSession"}"#,
    )
}

#[test]
fn machine_token_of_both_profiles_is_accepted() {
    for token in [machine_token(), machine_token_rfc9068()] {
        let claims = accepted(&auth0_verifier(), &token);
        assert_eq!(claims.client_id(), Some(CLIENT));
        assert_eq!(claims.scopes().to_string(), "read:orders");
        assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
    }
}

#[test]
fn user_token_grants_permissions_on_request() {
    let claims = accepted(&auth0_verifier(), &user_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "openid profile read:orders");
    assert!(matches!(claims.principal(), Principal::Subject { id: "auth0|6553da60a54af58e29493993", .. }));
    let issuer = Issuer::auth0("example.eu.auth0.com").unwrap().audience(API).permissions_as_scopes();
    assert!(accepted(&verifier_with_keys(issuer, &keys()), &user_token()).scopes().contains("write:orders"));
}

#[test]
fn id_token_is_rejected() {
    // C18
    assert_rejected!(
        auth0_verifier(),
        id_token(),
        Error::WrongAudience { .. },
        r#"expected `aud` to hold an audience such as https://my-api-server.org, found "K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja""#
    );
    assert_rejected!(
        auth0_verifier(),
        id_token().with("nonce", "n-0S6_WzA2Mj"),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `nonce` to be absent, found a string"
    );
}

#[test]
fn token_without_client_is_rejected_despite_matching_audience() {
    // FR-B10
    let issuer = Issuer::auth0("example.eu.auth0.com").unwrap().audiences([API, CLIENT]);
    let verifier = verifier_with_keys(issuer, &keys());
    accepted(&verifier, &machine_token());
    accepted(&verifier, &machine_token_rfc9068());
    accepted(&verifier, &machine_token().with("aud", CLIENT));
    for token in [
        id_token(),
        id_token().with("azp", Value::Null),
        id_token().with("azp", ""),
        machine_token().without("azp"),
    ] {
        assert_rejected!(
            verifier,
            token,
            Error::NotAnAccessToken { .. },
            "not an access token: expected `azp` to be the client's id, found none"
        );
    }
}

#[test]
fn token_for_other_api_or_tenant_is_rejected() {
    assert_rejected!(
        auth0_verifier(),
        machine_token().with("aud", "https://example.eu.auth0.com/api/v2/"),
        Error::WrongAudience { .. },
        "expected `aud` to hold an audience such as https://my-api-server.org, found \
         \"https://example.eu.auth0.com/api/v2/\""
    );
    for iss in ["https://other.eu.auth0.com/", "https://example.eu.auth0.com", "https://login.example.com/"] {
        assert_rejected!(
            auth0_verifier(),
            machine_token().with("iss", iss),
            Error::UnknownIssuer { .. },
            format!(
                "expected `iss` to be a trusted issuer such as https://example.eu.auth0.com/, found {iss:?}"
            )
        );
    }
}

#[test]
fn token_requested_without_audience_is_rejected() {
    // C19: Auth0 encrypts a token that is for Auth0 itself
    accepted(&auth0_verifier(), &machine_token());
    let error =
        auth0_verifier().verify("eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..AAAA.AAAA.AAAA").unwrap_err();
    assert_eq!(error.to_string(), "expected a signed token (JWS), found an encrypted one (JWE)");
}

#[test]
fn token_signed_with_secret_is_rejected() {
    // A12
    assert_rejected!(
        auth0_verifier(),
        machine_token().with_header("alg", "HS256"),
        Error::UnacceptableAlgorithm { .. },
        "expected `alg` to be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA, ML-DSA-44, ML-DSA-65, ML-DSA-87, found \"HS256\""
    );
}

#[test]
fn unlisted_or_contradicting_client_is_rejected() {
    let issuer = Issuer::auth0("example.eu.auth0.com").unwrap().audience(API).client(CLIENT);
    let verifier = verifier_with_keys(issuer, &keys());
    accepted(&verifier, &machine_token());
    accepted(&verifier, &machine_token_rfc9068());
    assert_rejected!(
        verifier,
        machine_token().with("azp", "other"),
        Error::WrongClient { .. },
        r#"expected a client such as K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja, found "other""#
    );
    assert_rejected!(
        verifier,
        machine_token().with("client_id", "other"),
        Error::MalformedClaim { .. },
        r#"claim `client_id`: expected the client that another claim names, found "other""#
    );
    // A custom claim of the tenant is not the client's id.
    accepted(&verifier, &machine_token().with("cid", "customer-7"));
}

#[test]
fn malformed_domain_is_rejected() {
    for domain in ["example.eu.auth0.com", "login.example.com"] {
        assert!(Issuer::auth0(domain).is_ok(), "{domain}");
    }
    for domain in [
        "",
        "example",
        "https://example.eu.auth0.com",
        "example.eu.auth0.com/",
        "example.eu.auth0.com:443",
        "Example.eu.auth0.com",
        " example.eu.auth0.com",
        "example.eu.auth0.com#",
    ] {
        let error = Issuer::auth0(domain).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidName { setting: "domain", .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "domain: expected a domain name in lower case like example.eu.auth0.com, without https:// and slash, \
                 found {domain:?}"
            )
        );
    }
    for domain in ["user:secret@example.eu.auth0.com", "example.eu.auth0.com?secret"] {
        assert!(!format!("{:?}", Issuer::auth0(domain).unwrap_err()).contains("secret"));
    }
}
