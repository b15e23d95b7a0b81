//! Issuers without a preset.

use scopegate::{ConfigError, Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{Log, accepted, assert_rejected, rejected};
use tracing_subscriber::filter::LevelFilter;

use crate::presets::golden::{Golden, jwk, verifier_with_keys};

const ISSUER: &str = "https://issuer.example/";
const API: &str = "https://my-api-server.org";
const CLIENT: &str = "order-importer";

fn keys() -> [Value; 1] {
    [jwk(json!({"kty": "RSA", "kid": "1", "e": "AQAB", "n": ""}))]
}

fn metadata_verifier() -> Verifier {
    verifier_with_keys(Issuer::from_metadata(ISSUER).unwrap().audience(API), &keys())
}

fn machine_token() -> Golden {
    Golden::new(
        r#"{"alg":"RS256","kid":"1"}"#,
        r#"{"iss":"https://issuer.example/","sub":"order-importer","aud":"https://my-api-server.org","exp":1800003600,
            "client_id":"order-importer","scope":"orders.read"}"#,
    )
}

#[test]
fn claims_common_to_providers_are_sufficient() {
    let claims = accepted(&metadata_verifier(), &machine_token());
    assert_eq!(claims.client_id(), Some(CLIENT));
    assert_eq!(claims.scopes().to_string(), "orders.read");
    assert!(matches!(claims.principal(), Principal::Client { id: CLIENT, .. }));
    assert_rejected!(
        metadata_verifier(),
        machine_token().with("nonce", "n-0S6_WzA2Mj"),
        Error::NotAnAccessToken { .. },
        "not an access token: expected `nonce` to be absent, found a string"
    );
}

#[test]
fn other_signed_documents_are_rejected() {
    // FR-B10: their audience may be a client that is also an API
    accepted(&metadata_verifier(), &machine_token());
    for (mark, value) in [
        ("code", json!("SplxlOBeZQQYbYS6WxSbIA")),
        ("response", json!("x")),
        ("id_token", json!("x")),
        ("access_token", json!("x")),
        ("token_introspection", json!({ "active": true })),
        ("urn:openid:params:jwt:claim:auth_req_id", json!("x")),
        ("urn:openid:params:jwt:claim:rt_hash", json!("x")),
    ] {
        for draft in [Issuer::from_metadata(ISSUER), Issuer::from_jwks_uri(ISSUER, "https://h/keys")] {
            let verifier = verifier_with_keys(draft.unwrap().audience(API), &keys());
            let error = rejected(&verifier, &machine_token().with(mark, value.clone()));
            assert!(matches!(error, Error::NotAnAccessToken { claim, .. } if claim == mark), "{error:?}");
        }
        // If the type distinguishes access tokens, the application's claims may have any name.
        let typed = Issuer::rfc9068(ISSUER).unwrap().audience(API);
        let token = machine_token().with("jti", "1").with("iat", 1_800_000_000).with_header("typ", "at+jwt");
        accepted(&verifier_with_keys(typed, &keys()), &token.with(mark, value));
    }
}

#[test]
fn marks_of_access_tokens_can_be_configured() {
    // FR-B6, FR-B10
    let draft = || Issuer::from_metadata(ISSUER).unwrap().audience(API);
    let verifier = |issuer| verifier_with_keys(issuer, &keys());
    let token = machine_token().with("ver", "2.0");
    let ver = verifier(draft().require_claim("ver", "2.0"));
    accepted(&ver, &token);
    let optional = verifier(draft().require_claim_if_present("ver", "2.0"));
    accepted(&optional, &token);
    accepted(&optional, &machine_token());
    accepted(&optional, &machine_token().with("ver", Value::Null));
    let absent = verifier(draft().reject_claim("ver"));
    accepted(&absent, &machine_token());
    let present = verifier(draft().require_claim_present("ver"));
    accepted(&present, &token);
    for (verifier, token, message) in [
        (&ver, machine_token(), "expected `ver` to be 2.0, found none"),
        (&ver, machine_token().with("ver", "1.0"), r#"expected `ver` to be 2.0, found "1.0""#),
        (&ver, machine_token().with("ver", 2.0), r#"expected `ver` to be 2.0, found a number, "2.0""#),
        (&optional, machine_token().with("ver", "1.0"), r#"expected `ver` to be 2.0, found "1.0""#),
        (&absent, token.clone(), "expected `ver` to be absent, found a string"),
        (&present, machine_token(), "expected `ver` to be present, found none"),
    ] {
        assert_rejected!(verifier, token, Error::WrongClaim { .. }, message);
    }
    let empty = Verifier::builder().trust(draft().reject_claim("").jwks(testkit::jwks(keys())));
    assert!(matches!(empty.build(), Err(ConfigError::EmptyList { setting: "names of claims", .. })));
}

#[test]
fn accounts_of_clients_can_be_configured() {
    // FR-B6
    let draft = || Issuer::from_metadata(ISSUER).unwrap().audience(API);
    let is_client = |issuer: Issuer, token: Golden| {
        let claims = accepted(&verifier_with_keys(issuer, &keys()), &token);
        matches!(claims.principal(), Principal::Client { id: CLIENT, .. })
    };
    let account = machine_token().with("sub", "account-1");
    let subject = || draft().service_account_if_subject_in("oid");
    assert!(is_client(subject(), account.clone().with("oid", "account-1")));
    for other in [account.clone(), account.clone().with("oid", "account-2"), account.clone().with("oid", "")]
    {
        assert!(!is_client(subject(), other));
    }
    assert!(!is_client(draft(), account.clone().with("oid", "account-1")));
    let client = || draft().service_account_if_client_in("acting");
    assert!(is_client(client(), account.clone().with("acting", CLIENT)));
    assert!(!is_client(client(), account.clone().with("acting", "other")));
    assert!(!is_client(client(), account));
}

#[test]
fn client_that_is_an_audience_is_logged() {
    // FR-B10
    let log = |issuer: Issuer| {
        let log = Log::of_thread(LevelFilter::WARN);
        Verifier::builder().trust(issuer.jwks(testkit::jwks(keys()))).build().unwrap();
        log.text()
    };
    let draft = || Issuer::from_metadata(ISSUER).unwrap();
    let warned = log(draft().audiences([API, CLIENT]).client(CLIENT));
    assert!(warned.contains("an audience is also a client") && warned.contains(CLIENT), "{warned}");
    for silent in [
        draft().audience(API).client(CLIENT),
        draft().audiences([API, CLIENT]),
        draft().audience(CLIENT).client(CLIENT).require_at_jwt(),
        draft().audience(CLIENT).client(CLIENT).require_claim("ver", "2.0"),
        Issuer::auth0("example.eu.auth0.com").unwrap().audience(CLIENT).client(CLIENT),
    ] {
        assert_eq!(log(silent), "");
    }
}

#[test]
fn client_claim_can_be_configured() {
    let decorated = machine_token().with("cid", "customer-7");
    assert_rejected!(
        metadata_verifier(),
        decorated,
        Error::MalformedClaim { .. },
        r#"claim `cid`: expected the client that another claim names, found "customer-7""#
    );
    let told = |claim: &'static str| {
        let issuer = Issuer::from_metadata(ISSUER).unwrap().audience(API).client(CLIENT).client_claim(claim);
        verifier_with_keys(issuer, &keys())
    };
    assert_eq!(accepted(&told("client_id"), &decorated).client_id(), Some(CLIENT));
    assert_rejected!(
        told("cid"),
        decorated,
        Error::WrongClient { .. },
        r#"expected a client such as order-importer, found "customer-7""#
    );
    assert_eq!(accepted(&told("app"), &decorated.clone().with("app", CLIENT)).client_id(), Some(CLIENT));
}
