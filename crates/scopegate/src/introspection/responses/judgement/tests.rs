//! Tests of the rules for active tokens. Each rejected response differs from an accepted one in one
//! member.

use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use super::*;
use crate::issuer::Issuer;

const ISSUER: &str = "https://issuer.example";
const NOW: u64 = 1_750_000_000;

fn issuer() -> Issuer {
    let jwks = testkit::jwks([testkit::KEY.jwk()]);
    Issuer::from_jwks(ISSUER, &jwks).unwrap().audience("https://api.example")
}

/// Returns an accepted response with other members. `null` removes one.
fn members(changed: &Value) -> String {
    let mut members = json!({
        "active": true, "iss": ISSUER, "aud": "https://api.example", "client_id": "c", "sub": "s",
        "scope": "orders/read", "exp": NOW + 600, "token_type": "Bearer",
    });
    let object = members.as_object_mut().unwrap();
    for (name, value) in changed.as_object().unwrap() {
        match value {
            Value::Null => object.remove(name),
            value => object.insert(name.clone(), value.clone()),
        };
    }
    members.to_string()
}

fn judged<T>(issuer: &Issuer, text: &str, read: impl FnOnce(Judged<'_>) -> T) -> Result<T, Unaccepted> {
    let policy = &issuer.policy;
    let rules = Rules {
        issuer: &issuer.identifier,
        kind: &policy.kind,
        audience: &policy.audience,
        leeway: Duration::from_secs(60),
    };
    let now = NumericDate::from(UNIX_EPOCH + Duration::from_secs(NOW));
    rules.check(&JsonObject::from_text(text).unwrap(), now).map(read)
}

fn check_text(issuer: &Issuer, text: &str) -> Result<(Option<String>, i64), Unaccepted> {
    judged(issuer, text, |judged| {
        let client = judged.issued_for.client.map(std::borrow::Cow::into_owned);
        (client, judged.lifetime.expires_at.as_secs())
    })
}

#[track_caller]
fn accepted(issuer: &Issuer, changed: &Value) -> (Option<String>, i64) {
    match check_text(issuer, &members(changed)) {
        Ok(judged) => judged,
        Err(Unaccepted::Rejected(error) | Unaccepted::Malformed(error)) => panic!("{changed}: {error}"),
    }
}

#[track_caller]
fn rejected(issuer: &Issuer, changed: &Value) -> Error {
    match check_text(issuer, &members(changed)) {
        Err(Unaccepted::Rejected(error)) => error,
        other => panic!("{changed}: {other:?}"),
    }
}

#[track_caller]
fn is_malformed(issuer: &Issuer, text: &str) {
    let result = check_text(issuer, text);
    assert!(matches!(result, Err(Unaccepted::Malformed(_))), "{text}: {result:?}");
}

#[test]
fn lifetime_is_judged_where_it_is_stated() {
    // IN07
    let issuer = issuer();
    let expires_at = i64::try_from(NOW + 600).unwrap();
    assert_eq!(accepted(&issuer, &json!({})), (Some("c".to_owned()), expires_at));
    accepted(&issuer, &json!({ "exp": null }));
    accepted(&issuer, &json!({ "exp": NOW - 59, "nbf": NOW + 60, "iat": NOW + 60 }));
    assert!(matches!(rejected(&issuer, &json!({ "exp": NOW - 60 })), Error::Expired { .. }));
    for claim in ["nbf", "iat"] {
        let error = rejected(&issuer, &json!({ claim: NOW + 61 }));
        assert!(matches!(error, Error::NotYetValid { claim: found, .. } if found == claim));
    }
}

#[test]
fn audience_and_client_are_judged_as_configured() {
    // IN08
    let issuer = issuer();
    accepted(&issuer, &json!({ "aud": ["x", "https://api.example"] }));
    assert!(matches!(rejected(&issuer, &json!({ "aud": "x" })), Error::WrongAudience { .. }));
    let absent = rejected(&issuer, &json!({ "aud": null }));
    assert!(matches!(absent, Error::MissingClaim { claim: "aud" }));
    let for_client = issuer.clone().client("c");
    accepted(&for_client, &json!({}));
    for client in [json!("other"), Value::Null] {
        let error = rejected(&for_client, &json!({ "client_id": client }));
        assert!(matches!(error, Error::WrongClient { .. }));
    }
}

#[test]
fn stated_issuer_is_the_configured_one() {
    // IN08
    let issuer = issuer();
    accepted(&issuer, &json!({ "iss": null }));
    for other in ["https://issuer.example/", "https://other.example", ""] {
        let error = rejected(&issuer, &json!({ "iss": other }));
        assert!(matches!(error, Error::WrongClaim { ref claim, .. } if claim == "iss"), "{other}");
    }
}

#[test]
fn token_type_is_bearer_or_absent() {
    // IN10
    let issuer = issuer();
    for accepted_type in [Value::Null, json!("Bearer"), json!("bearer"), json!("")] {
        accepted(&issuer, &json!({ "token_type": accepted_type }));
    }
    for other in ["refresh_token", "N_A", "access_token", "mac", "Bearer "] {
        let error = rejected(&issuer, &json!({ "token_type": other }));
        assert!(matches!(error, Error::NotAnAccessToken { claim: "token_type", .. }), "{other}");
    }
    for accepted_use in ["access", "access_token"] {
        accepted(&issuer, &json!({ "token_use": accepted_use }));
    }
    for other in ["refresh_token", "id", "refresh"] {
        let error = rejected(&issuer, &json!({ "token_use": other }));
        assert!(matches!(error, Error::NotAnAccessToken { claim: "token_use", .. }), "{other}");
    }
    accepted(&issuer, &json!({ "typ": "Bearer" }));
    for (claim, value) in [("typ", "Refresh"), ("nonce", "n"), ("token_introspection", "x")] {
        assert!(matches!(rejected(&issuer, &json!({ claim: value })), Error::NotAnAccessToken { .. }));
    }
}

#[test]
fn binding_follows_from_confirmation_and_type() {
    // IN10
    let issuer = issuer();
    for (changed, expected) in [
        (json!({}), false),
        (json!({ "cnf": {} }), false),
        (json!({ "cnf": { "jkt": "t" } }), true),
        (json!({ "cnf": { "jkt": "t" }, "token_type": "DPoP" }), true),
    ] {
        let is_bound = judged(&issuer, &members(&changed), |judged| judged.is_bound);
        assert_eq!(is_bound.unwrap(), expected, "{changed}");
    }
    let error = rejected(&issuer, &json!({ "token_type": "DPoP" }));
    assert!(matches!(error, Error::SenderConstrained { binding: "token_type", .. }), "{error}");
}

#[test]
fn malformed_member_decides_nothing_about_the_token() {
    // IN03
    let issuer = issuer();
    for changed in [
        json!({ "exp": "1750000600" }),
        json!({ "nbf": true }),
        json!({ "iss": 1 }),
        json!({ "aud": 1 }),
        json!({ "aud": [1] }),
        json!({ "client_id": 1 }),
        json!({ "client_id": "c", "azp": "d" }),
        json!({ "token_type": ["Bearer"] }),
        json!({ "token_use": 1 }),
        json!({ "cnf": "x" }),
    ] {
        is_malformed(&issuer, &members(&changed));
    }
    for null in ["exp", "nbf", "iss", "aud", "cnf"] {
        is_malformed(&issuer, &members(&json!({ null: "@" })).replace("\"@\"", "null"));
    }
}

#[test]
fn members_about_a_verified_jwt_may_be_absent() {
    // IN18
    let issuer = issuer();
    let unbound = json!({});
    let bound = json!({ "cnf": { "jkt": "of the JWT" } });
    let check = |changed: &Value, claims: &Value| check_verified(&issuer, changed, claims);
    for (accepted, claims) in [
        (json!({ "active": true }), &unbound),
        (json!({ "active": true }), &bound),
        (json!({ "iss": ISSUER, "aud": "https://api.example", "exp": NOW + 1 }), &unbound),
        (json!({ "token_type": "DPoP" }), &bound),
        (json!({ "cnf": { "jkt": "of the JWT" }, "nonce": "n" }), &bound),
        (json!({ "cnf": { "unknown": "x" } }), &unbound),
    ] {
        assert!(check(&accepted, claims).is_ok(), "{accepted}");
    }
    for (rejected, claims) in [
        (json!({ "exp": NOW - 60 }), &unbound),
        (json!({ "nbf": NOW + 61 }), &unbound),
        (json!({ "iss": "https://other.example" }), &unbound),
        (json!({ "aud": "https://other.example" }), &unbound),
        (json!({ "token_type": "refresh_token" }), &unbound),
        (json!({ "token_use": "refresh_token" }), &unbound),
        // IN10, MT15: a bound token must not be accepted without its proof.
        (json!({ "token_type": "DPoP" }), &unbound),
        (json!({ "cnf": { "jkt": "of the JWT" } }), &unbound),
        (json!({ "cnf": { "jkt": "another" } }), &bound),
        (json!({ "cnf": { "x5t#S256": "x" } }), &bound),
    ] {
        assert!(matches!(check(&rejected, claims), Err(Unaccepted::Rejected(_))), "{rejected}");
    }
    for malformed in [json!({ "exp": "x" }), json!({ "iss": 1 }), json!({ "aud": 1 }), json!({ "cnf": null })]
    {
        assert!(matches!(check(&malformed, &unbound), Err(Unaccepted::Malformed(_))), "{malformed}");
    }
}

fn check_verified(issuer: &Issuer, changed: &Value, claims: &Value) -> Result<Lifetime, Unaccepted> {
    let policy = &issuer.policy;
    let (kind, audience) = (&policy.kind, &policy.audience);
    let rules = Rules { issuer: ISSUER, kind, audience, leeway: Duration::from_secs(60) };
    let now = NumericDate::from(UNIX_EPOCH + Duration::from_secs(NOW));
    let (members, claims) = (changed.to_string(), claims.to_string());
    let [members, claims] = [&members, &claims].map(|text| JsonObject::from_text(text).unwrap());
    rules.check_verified(&members, &claims, now)
}

#[test]
fn client_of_response_is_judged_by_client_id() {
    // IN08: tokens of this issuer name the client in `cid`, and responses do not.
    let okta = Issuer::okta("https://acme.okta.com/oauth2/default").unwrap();
    let okta = okta.audience("https://api.example").client("importer");
    for (members, is_accepted) in [
        (json!({ "aud": "https://api.example" }), true),
        (json!({ "aud": "https://api.example", "client_id": "importer" }), true),
        (json!({ "aud": "https://api.example", "client_id": "another" }), false),
        (json!({ "client_id": "another" }), false),
    ] {
        let checked = check_verified(&okta, &members, &json!({}));
        assert_eq!(checked.is_ok(), is_accepted, "{members} {checked:?}");
    }
}
