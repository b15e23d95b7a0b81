//! What do the claims of an accepted token report about its caller?

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
fn null_claim_is_absent_when_parsed() {
    // FR-B1
    type All = std::collections::BTreeMap<String, Value>;

    #[derive(Debug, serde::Deserialize)]
    #[allow(dead_code, reason = "only its shape counts")]
    struct Strict {
        tenant: String,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    struct Ours {
        tenant: Option<String>,
        #[serde(default)]
        groups: Vec<String>,
        limits: Option<Value>,
    }
    let token = cognito_token().claim("limits", json!({ "orders": null, "a\"b": "null" }));
    let absent = accepted(&cognito_verifier(), &token);
    let null =
        token.claim("tenant", Value::Null).claim("groups", Value::Null).claim("\"\n\u{1}", Value::Null);
    let null = accepted(&cognito_verifier(), &null);
    let parsed: Ours = null.parse().unwrap();
    assert_eq!(parsed, absent.parse().unwrap());
    assert_eq!((parsed.tenant, parsed.groups), (None, vec![]));
    // `null` within a claim is data of the application.
    assert_eq!(parsed.limits, Some(json!({ "orders": null, "a\"b": "null" })));
    for claim in ["tenant", "groups"] {
        assert_eq!(null.claim::<Vec<String>>(claim).unwrap(), None);
    }
    // The other claims stay.
    let all = null.parse::<All>().unwrap();
    assert!(!all.contains_key("tenant") && all.contains_key("iss"));
    let quoted = cognito_token().claim("\u{e4}\"\\", "x").claim("tenant", Value::Null);
    assert_eq!(accepted(&cognito_verifier(), &quoted).parse::<All>().unwrap()["\u{e4}\"\\"], "x");
    // A claim that has to be there is missing.
    let error = null.parse::<Strict>().unwrap_err();
    assert!(error.to_string().ends_with("\"missing field `tenant`\""), "{error}");
    let present = accepted(&cognito_verifier(), &cognito_token().claim("tenant", "t1"));
    assert_eq!(present.parse::<Strict>().unwrap().tenant, "t1");
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
    // Also if an id ends like the suffix that Auth0 adds.
    let odd = "job@clients";
    assert_eq!(principal(rfc9068_token().client(odd).claim("sub", odd)), format!("client {odd}"));
    assert_eq!(principal(rfc9068_token().client(odd).claim("sub", "job")), "subject job");
    assert_eq!(principal(rfc9068_token().claim("sub", "user-1")), "subject user-1");
    assert_eq!(principal(rfc9068_token().without_claim("client_id")), format!("subject {CLIENT}"));
    assert_eq!(principal(rfc9068_token().without_claim("client_id").without_claim("sub")), "Unnamed");
}
