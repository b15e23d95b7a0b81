//! Issuers without a preset.

use scopegate::{Error, Issuer, Principal, Verifier};
use serde_json::{Value, json};
use testkit::{accepted, assert_rejected};

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
        r#"not an access token: expected `nonce` to be absent, found "n-0S6_WzA2Mj""#
    );
}

#[test]
fn client_claim_can_be_configured() {
    let decorated = machine_token().with("cid", "customer-7");
    assert_rejected!(
        metadata_verifier(),
        decorated,
        Error::MalformedClaim { .. },
        "claim `cid`: expected the client that another claim names"
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
