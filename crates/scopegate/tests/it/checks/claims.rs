//! What do the claims of an accepted token say about its caller?

use scopegate::{Error, Principal};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{
    AUDIENCE, CLIENT, ISSUER, accepted, cognito_token, cognito_verifier, rejected, rfc9068_token,
    verifier_for_audience,
};

#[test]
fn malformed_standard_claim_is_rejected() {
    for claim in ["sub", "jti"] {
        accepted(&cognito_verifier(), &cognito_token().claim(claim, "x"));
        accepted(&cognito_verifier(), &cognito_token().without_claim(claim));
        let error = rejected(&cognito_verifier(), &cognito_token().claim(claim, 1));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
}

#[test]
fn claims_report_caller_and_scopes() {
    let token = cognito_token().claim("jti", "id-1").scope("a b").claim("tenant", "t1");
    let claims = accepted(&cognito_verifier(), &token);
    assert_eq!(claims.issuer(), ISSUER);
    assert_eq!((claims.subject(), claims.client_id()), (Some(CLIENT), Some(CLIENT)));
    assert_eq!(claims.token_id(), Some("id-1"));
    assert_eq!(claims.audience().count(), 0);
    let for_two =
        accepted(&verifier_for_audience(), &rfc9068_token().claim("aud", json!([AUDIENCE, "other"])));
    assert_eq!(for_two.audience().collect::<Vec<_>>(), [AUDIENCE, "other"]);
    assert!(claims.scopes().contains("a") && !claims.scopes().contains("c"));
    assert!((claims.expires_at().as_secs_f64() - 1_800_003_600.0).abs() < f64::EPSILON);
    assert!(claims.issued_at().is_some_and(|at| (at.as_secs_f64() - 1_800_000_000.0).abs() < f64::EPSILON));
    assert_eq!(claims.claim::<String>("tenant").unwrap().as_deref(), Some("t1"));
    assert_eq!(claims.claim::<String>("absent").unwrap(), None);
    assert!(claims.claim::<u32>("tenant").is_err());
    assert!(claims.require("a").is_ok());
    assert!(matches!(claims.require("c"), Err(Error::InsufficientScope { .. })));
}

#[test]
fn claims_deserialize_into_application_types() {
    let claims = accepted(&cognito_verifier(), &cognito_token().claim("tenant", "t1"));
    let read: std::collections::BTreeMap<String, Value> = claims.parse().unwrap();
    assert_eq!(read["tenant"], "t1");
    assert!(matches!(claims.parse::<Vec<u8>>(), Err(Error::UnexpectedClaims { .. })));
}

#[test]
fn principal_distinguishes_clients_from_subjects() {
    // C23
    let principal = |token: Mint| match accepted(&verifier_for_audience(), &token).principal() {
        Principal::Client { id, .. } => format!("client {id}"),
        Principal::Subject { id, .. } => format!("subject {id}"),
        other => format!("{other:?}"),
    };
    assert_eq!(principal(rfc9068_token()), format!("client {CLIENT}"));
    assert_eq!(principal(rfc9068_token().without_claim("sub")), format!("client {CLIENT}"));
    assert_eq!(
        principal(rfc9068_token().claim("sub", format!("{CLIENT}@clients"))),
        format!("client {CLIENT}")
    );
    // Also where an id ends like what Auth0 adds.
    let odd = "job@clients";
    assert_eq!(principal(rfc9068_token().client(odd).claim("sub", odd)), format!("client {odd}"));
    assert_eq!(principal(rfc9068_token().client(odd).claim("sub", "job")), "subject job");
    assert_eq!(principal(rfc9068_token().claim("sub", "user-1")), "subject user-1");
    assert_eq!(principal(rfc9068_token().without_claim("client_id")), format!("subject {CLIENT}"));
    assert_eq!(principal(rfc9068_token().without_claim("client_id").without_claim("sub")), "Unnamed");
}
