//! Which security event tokens are accepted?

use scopegate::{Error, Received, SecurityEventError};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::json;
use testkit::{AUDIENCE, CLIENT, ISSUER, KEY, NOW, OTHER_KEY, Token as _, accepted, rejected, rfc9068_token};

use super::fixture::{Fixture, HUB, RECEIVER, empty_set, iss_sub, set, token, verifier};

#[test]
fn valid_set_revokes_cached_and_new_tokens() {
    // RV03, RV06
    let fixture = Fixture::new();
    assert_eq!(fixture.applied(&set()), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
    assert_eq!(fixture.revoked_by(&token().claim("sub", "user-2")), None);
}

#[test]
fn repeated_id_is_acknowledged_without_effect() {
    // RV06
    let fixture = Fixture::new();
    assert_eq!(fixture.applied(&set()), 1);
    assert_eq!(fixture.receive(&set()).unwrap(), Received::Repeated);
    // Another SET with the same id is the same one.
    let other = set().claim("sub_id", iss_sub(ISSUER, "user-2"));
    assert_eq!(fixture.receive(&other).unwrap(), Received::Repeated);
    assert_eq!(fixture.revoked_by(&token().claim("sub", "user-2")), None);
    assert_eq!(fixture.applied(&other.claim("jti", "set-2")), 1);
    assert_eq!(fixture.revoked_by(&token().claim("sub", "user-2")), Some("sub"));
}

#[test]
fn wrong_type_is_rejected() {
    // RV06
    for typ in ["JWT", "at+jwt", "logout+jwt", "secevent", "x/secevent+jwt", ""] {
        let error = Fixture::assert_rejected(&set().header("typ", typ), "invalid_request");
        assert!(matches!(error, SecurityEventError::Invalid(Error::WrongType { .. })), "{typ}: {error:?}");
    }
    Fixture::assert_rejected(&set().without_header("typ"), "invalid_request");
    let fixture = Fixture::new();
    assert_eq!(fixture.applied(&set().header("typ", "application/secevent+jwt")), 1);
}

#[test]
fn bad_signature_and_foreign_key_are_rejected() {
    // RV06
    let error = Fixture::assert_rejected(&set().bad_signature(), "invalid_key");
    assert!(matches!(error, SecurityEventError::Invalid(Error::BadSignature { .. })), "{error:?}");
    Fixture::assert_rejected(&set().tampered(), "invalid_key");
    let foreign = set().sign_with(&OTHER_KEY);
    let error = Fixture::assert_rejected(&foreign, "invalid_key");
    assert!(matches!(error, SecurityEventError::Invalid(Error::UnknownKey { .. })), "{error:?}");
    Fixture::assert_rejected(&set().unsigned(), "invalid_request");
    let elliptic = set().sign_with(&SigningKey::generate(Algorithm::ES256));
    Fixture::assert_rejected(&elliptic, "invalid_key");
}

#[test]
fn algorithm_outside_of_transmitters_list_is_rejected() {
    // RV06
    let issuer = testkit::issuer_with_keys([KEY.jwk()]).audience(RECEIVER);
    let only = |algorithm| {
        let issuer = issuer.clone().algorithms([algorithm]);
        Fixture::with(scopegate::Transmitter::new(issuer)).receive(&set())
    };
    assert!(only(scopegate::Algorithm::RS256).is_ok());
    // With a key for both, only the list decides.
    let mut jwk = KEY.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let both = scopegate::Transmitter::new(
        testkit::issuer_with_keys([jwk]).audience(RECEIVER).algorithms([scopegate::Algorithm::PS256]),
    );
    let error = Fixture::with(both).receive(&set()).unwrap_err();
    assert_eq!(error.code(), "invalid_key", "{error:?}");
}

#[test]
fn unknown_issuer_is_rejected() {
    // RV06
    let other = set().claim("iss", HUB);
    let error = Fixture::assert_rejected(&other, "invalid_issuer");
    assert!(matches!(error, SecurityEventError::Invalid(Error::UnknownIssuer { .. })), "{error:?}");
    Fixture::assert_rejected(&set().claim("iss", format!("{ISSUER}/")), "invalid_issuer");
    Fixture::assert_rejected(&set().without_claim("iss"), "invalid_issuer");
    Fixture::assert_rejected(&set().claim("iss", json!([ISSUER])), "invalid_issuer");
}

#[test]
fn audience_of_another_receiver_is_rejected() {
    // RV06
    for aud in [json!("https://other.example"), json!([]), json!(format!("{RECEIVER}/")), json!(7)] {
        Fixture::assert_rejected(&set().claim("aud", aud), "invalid_audience");
    }
    Fixture::assert_rejected(&set().without_claim("aud"), "invalid_audience");
    let fixture = Fixture::new();
    assert_eq!(fixture.applied(&set().claim("aud", json!(["https://other.example", RECEIVER]))), 1);
}

#[test]
fn required_claims_are_present_and_well_formed() {
    // RV06: RFC 8417 §2.2
    for claim in ["iat", "jti", "events", "sub_id"] {
        let error = Fixture::assert_rejected(&set().without_claim(claim), "invalid_request");
        assert!(
            matches!(&error, SecurityEventError::Invalid(Error::MissingClaim { claim: found, .. }) if *found == claim),
            "{error:?}"
        );
    }
    for (claim, value) in [
        ("iat", json!("1800000000")),
        ("iat", json!(NOW + 1)),
        ("nbf", json!(NOW + 1)),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("toe", json!("now")),
        ("events", json!({})),
        ("events", json!([])),
        ("events", json!("session-revoked")),
        ("events", json!(null)),
        ("events", json!({ Mint::SESSION_REVOKED: [] })),
        ("sub_id", json!("user-1")),
    ] {
        Fixture::assert_rejected(&set().claim(claim, value), "invalid_request");
    }
    let fixture = Fixture::new();
    let later = set().issued_at(NOW).claim("nbf", NOW).claim("toe", NOW);
    assert_eq!(fixture.applied(&later), 1);
}

#[test]
fn claims_of_other_tokens_are_rejected() {
    // RV06
    for (claim, value) in [("exp", json!(NOW + 60)), ("sub", json!("user-1"))] {
        let error = Fixture::assert_rejected(&set().claim(claim, value), "invalid_request");
        assert!(error.to_string().contains("absent in a security event token"), "{error}");
    }
}

#[test]
fn other_token_is_no_set() {
    // RV06
    let id_token = rfc9068_token().header("typ", "JWT").claim("nonce", "n").audience(RECEIVER);
    for other in [rfc9068_token().audience(RECEIVER), token(), id_token] {
        // Even with the type of a SET.
        for typ in [None, Some("secevent+jwt")] {
            let other = match typ {
                Some(typ) => other.clone().header("typ", typ).audience(RECEIVER),
                None => other.clone(),
            };
            Fixture::assert_rejected(&other, "invalid_request");
        }
    }
}

#[test]
fn set_is_no_access_token() {
    // RV06
    let verifiers = [testkit::verifier_for_audience(), verifier(&super::fixture::store())];
    for verifier in &verifiers {
        let error = rejected(verifier, &set().audience(AUDIENCE));
        assert!(
            matches!(error, Error::WrongType { .. } | Error::MissingClaim { claim: "exp", .. }),
            "{error:?}"
        );
        let as_access = set().claim("exp", NOW + 60).claim("client_id", CLIENT);
        assert!(matches!(rejected(verifier, &as_access), Error::WrongType { .. }));
        let untyped = as_access.without_header("typ");
        let error = rejected(verifier, &untyped);
        assert!(matches!(error, Error::NotAnAccessToken { claim: "events", .. }), "{error:?}");
    }
}

#[test]
fn malformed_set_is_rejected() {
    let too_long = set().claim("padding", "x".repeat(16 * 1024)).compact();
    for text in ["", "a.b", "a.b.c", "a.b.c.d.e", &too_long] {
        Fixture::assert_rejected(text, "invalid_request");
    }
    let twice = format!(r#"{{"iss":"{ISSUER}","iss":"{ISSUER}","events":{{}}}}"#);
    Fixture::assert_rejected(&set().raw_payload(twice), "invalid_request");
}

#[test]
fn unknown_event_is_ignored() {
    // RV07
    let fixture = Fixture::new();
    let unknown = "https://schemas.openid.net/secevent/caep/event-type/device-compliance-change";
    let only_unknown = empty_set(ISSUER).event(unknown, json!({ "any": 1 })).event("urn:x", json!(7));
    assert_eq!(fixture.receive(&only_unknown).unwrap(), Received::Ignored);
    assert_eq!(fixture.receive(&only_unknown).unwrap(), Received::Repeated);
    accepted(&fixture.verifier, &token());
    // Beside a known one.
    assert_eq!(fixture.applied(&set().event(unknown, json!(null)).claim("jti", "set-2")), 1);
    assert_eq!(fixture.revoked_by(&token()), Some("sub"));
}
