//! Okta.

use scopegate::{ConfigError, Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{accepted, assert_rejected};

use crate::presets::golden::{Golden, jwk, other_jwk, verifier_with_keys};

const SERVER: &str = "https://example.okta.com/oauth2/default";
const API: &str = "https://my-api-server.org";
const CLIENT: &str = "0oa1example2clientid3";

fn keys() -> [Value; 2] {
    let like =
        |kid: &str| json!({"kty": "RSA", "alg": "RS256", "kid": kid, "use": "sig", "e": "AQAB", "n": ""});
    [other_jwk(like("Y3vBOdYT-l-I0j-gRQ26XjutSX00TeWiSguuDhW3ngo")), jwk(like(KID))]
}

const KID: &str = "U5R8cHbGw445Qbq8zVO1PcCpXL8yG6IcovVa3laCoxM";

fn okta_verifier() -> Verifier {
    verifier_with_keys(Issuer::okta(SERVER).unwrap().audience(API), &keys())
}

const HEADER: &str = r#"{"kid":"U5R8cHbGw445Qbq8zVO1PcCpXL8yG6IcovVa3laCoxM","alg":"RS256"}"#;

fn machine_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"ver":1,"jti":"AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE","iss":"https://example.okta.com/oauth2/default",
            "aud":"https://my-api-server.org","iat":1800000000,"exp":1800003600,"cid":"0oa1example2clientid3",
            "scp":["orders.read"],"sub":"0oa1example2clientid3"}"#,
    )
}

fn user_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"ver":1,"jti":"AT.uvSvJBq8mRi0Q0pjhkfu1D7y6KjDQjaGzKPKMEG","iss":"https://example.okta.com/oauth2/default",
            "aud":"https://my-api-server.org","iat":1800000000,"exp":1800003600,"cid":"0oa1example2clientid3",
            "uid":"00uid4BxXw6I6TV4m0g3","scp":["openid","profile","orders.read"],"auth_time":1799999990,
            "sub":"ada@example.com"}"#,
    )
}

fn id_token() -> Golden {
    Golden::new(
        HEADER,
        r#"{"sub":"00uid4BxXw6I6TV4m0g3","ver":1,"iss":"https://example.okta.com/oauth2/default",
            "aud":"0oa1example2clientid3","iat":1800000000,"exp":1800003600,"jti":"ID.4eAWJOCMB3SX8XewDfVR",
            "amr":["pwd"],"idp":"00ok1u7AsAkrwdZL3z0g3","auth_time":1799999990,"at_hash":"cpqKfdQA5eH891Ff5oJr_Q"}"#,
    )
}

#[test]
fn machine_token_grants_its_scope_array() {
    // C21
    let claims = accepted(&okta_verifier(), &machine_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "orders.read");
    assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
}

#[test]
fn user_token_names_the_user() {
    let claims = accepted(&okta_verifier(), &user_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "openid orders.read profile");
    assert!(matches!(claims.principal(), Principal::Subject { id: "ada@example.com", .. }));
}

#[test]
fn id_token_without_hash_is_reported() {
    // C18
    assert_rejected!(
        okta_verifier(),
        id_token(),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `at_hash` to be absent, found a string"
    );
    // This holds even if the API has the name of the client.
    let both = verifier_with_keys(Issuer::okta(SERVER).unwrap().audience(CLIENT), &keys());
    accepted(&both, &machine_token().with("aud", CLIENT));
    assert_rejected!(
        both,
        id_token().without("at_hash"),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `cid` to be the client's id, found none"
    );
}

#[test]
fn other_authorization_server_is_rejected() {
    for iss in ["https://example.okta.com", "https://example.okta.com/oauth2/aus9o8wzkhckw9TLa0h7z"] {
        assert_rejected!(
            okta_verifier(),
            machine_token().with("iss", iss),
            Error::UnknownIssuer { .. },
            format!(
                "expected `iss` to be a trusted issuer such as https://example.okta.com/oauth2/default, found {iss:?}"
            )
        );
    }
    // Its type is Okta's own, for tokens that others should not inspect.
    assert_rejected!(
        okta_verifier(),
        machine_token().with_header("typ", "application/okta-internal-at+jwt"),
        Error::WrongType { .. },
        r#"expected `typ` to be at+jwt, JWT or absent, found "application/okta-internal-at+jwt""#
    );
}

#[test]
fn default_audience_is_rejected() {
    assert_rejected!(
        okta_verifier(),
        machine_token().with("aud", "api://default"),
        Error::WrongAudience { .. },
        r#"expected `aud` to hold an audience such as https://my-api-server.org, found "api://default""#
    );
}

#[test]
fn client_is_read_from_cid_only() {
    let verifier = verifier_with_keys(Issuer::okta(SERVER).unwrap().audience(API).client(CLIENT), &keys());
    accepted(&verifier, &machine_token().with("client_id", "customer-7"));
    assert_rejected!(
        verifier,
        machine_token().with("cid", "other").with("client_id", CLIENT),
        Error::WrongClient { .. },
        r#"expected a client such as 0oa1example2clientid3, found "other""#
    );
}

#[test]
fn org_authorization_server_is_rejected() {
    assert!(Issuer::okta("https://login.example.com/oauth2/aus9o8wzkhckw9TLa0h7z").is_ok());
    for issuer in [
        "https://example.okta.com",
        "https://example.okta.com/",
        "https://example.okta.com/oauth2",
        "https://example.okta.com/oauth2/",
        "https://example.okta.com/oauth2/default/",
        "https://example.okta.com/oauth2/default/v1",
    ] {
        let error = Issuer::okta(issuer).unwrap_err();
        assert!(matches!(error, ConfigError::InvalidUrl { setting: "issuer", .. }), "{error:?}");
        assert_eq!(
            error.to_string(),
            format!(
                "issuer: expected a custom authorization server, https://ORG.okta.com/oauth2/ID without final slash; \
                 tokens of the org authorization server are for Okta only, found {issuer:?}"
            )
        );
    }
    assert!(Issuer::okta("example.okta.com/oauth2/default").is_err());
}
