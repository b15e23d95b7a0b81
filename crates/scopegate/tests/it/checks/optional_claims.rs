//! How are `null` and empty strings treated in claims that may be absent?

use scopegate::{Error, Issuer, Principal, ScopeSource};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{
    AUDIENCE, CLIENT, KEY, accepted, assert_rejected, cognito_token, cognito_verifier, issuer_with_keys,
    rejected, rfc9068_token, verifier_for_audience, verifier_trusting,
};

#[test]
fn null_in_an_optional_claim_is_absent() {
    // FR-B1
    for claim in [
        "jti",
        "sub",
        "iat",
        "client_id",
        "azp",
        "appid",
        "cid",
        "nonce",
        "at_hash",
        "c_hash",
        "s_hash",
        "events",
        "token_use",
        "typ",
        "code",
    ] {
        let claims = accepted(&verifier_for_audience(), &rfc9068_token().claim(claim, Value::Null));
        assert_eq!(claims.claim::<Value>(claim).unwrap(), None, "{claim}");
        // Any other value is still checked.
        let other = if claim == "typ" { json!("ID") } else { json!([1]) };
        rejected(&verifier_for_audience(), &rfc9068_token().claim(claim, other));
    }
    let claims = accepted(&verifier_for_audience(), &rfc9068_token().claim("jti", Value::Null));
    assert_eq!(claims.token_id(), None);
}

#[test]
fn null_in_a_strict_claim_is_rejected() {
    // FR-B1
    let every_source = verifier_trusting(
        issuer_with_keys([KEY.jwk()])
            .audience(AUDIENCE)
            .permissions_as_scopes()
            .roles_as_scopes()
            .scopes_from(ScopeSource::array(["app", "roles"])),
    );
    accepted(&every_source, &rfc9068_token());
    for claim in ["aud", "exp", "nbf", "scope", "scp", "permissions", "roles", "app"] {
        let error = rejected(&every_source, &rfc9068_token().claim(claim, Value::Null));
        assert!(matches!(error, Error::MalformedClaim { .. }), "{claim}: {error:?}");
        assert!(error.to_string().ends_with(", found null"), "{error}");
    }
    accepted(&every_source, &rfc9068_token().claim("app", json!({})));
    let null_member = rfc9068_token().claim("app", json!({ "roles": null }));
    assert_rejected!(every_source, null_member, Error::MalformedClaim { .. });
    assert_rejected!(
        every_source,
        rfc9068_token().claim("cnf", Value::Null),
        Error::SenderConstrained { .. }
    );
    assert_rejected!(every_source, rfc9068_token().claim("iss", Value::Null), Error::UnknownIssuer { .. });
}

#[test]
fn required_claim_that_is_null_is_missing() {
    // FR-B1
    let required = |issuer: Issuer| verifier_trusting(issuer.require_claim_present("tenant"));
    let verifier = required(issuer_with_keys([KEY.jwk()]).audience(AUDIENCE));
    accepted(&verifier, &rfc9068_token().claim("tenant", 1));
    for token in [rfc9068_token(), rfc9068_token().claim("tenant", Value::Null)] {
        assert_rejected!(
            verifier,
            token,
            Error::WrongClaim { .. },
            "expected `tenant` to be present, found none"
        );
    }
    // The claim that distinguishes Cognito's access tokens.
    assert_rejected!(
        cognito_verifier(),
        cognito_token().claim("token_use", Value::Null),
        Error::NotAnAccessToken { claim: "token_use", found: None, .. }
    );
}

#[test]
fn empty_identity_claim_counts_as_absent() {
    // FR-B2
    let common_name =
        verifier_trusting(issuer_with_keys([KEY.jwk()]).audience(AUDIENCE).client_claim("common_name"));
    let principal = |token: Mint| match accepted(&verifier_for_audience(), &token).principal() {
        Principal::Client { id, .. } => format!("client {id}"),
        Principal::Subject { id, .. } => format!("subject {id}"),
        other => format!("{other:?}"),
    };
    for nothing in [json!(""), Value::Null] {
        let nameless = rfc9068_token().claim("sub", nothing.clone());
        assert_eq!(principal(nameless.clone()), format!("client {CLIENT}"));
        assert_eq!(principal(nameless.clone().claim("client_id", nothing.clone())), "Unnamed");
        // An empty claim does not contradict another claim.
        let elsewhere = nameless.clone().claim("client_id", nothing.clone()).claim("azp", "a");
        assert_eq!(principal(elsewhere), "client a");
        let user = rfc9068_token().claim("sub", "user-1").claim("client_id", nothing.clone());
        assert_eq!(principal(user), "subject user-1");

        let service = nameless.claim("client_id", nothing.clone()).claim("common_name", "service.access");
        let claims = accepted(&common_name, &service);
        assert_eq!((claims.subject(), claims.client_id()), (None, Some("service.access")));
        assert!(matches!(claims.principal(), Principal::Client { id: "service.access", .. }));

        let token = rfc9068_token().claim("jti", nothing);
        assert_eq!(accepted(&verifier_for_audience(), &token).token_id(), None);
    }
    assert_eq!(principal(rfc9068_token().claim("sub", " ")), "subject  ");
}
