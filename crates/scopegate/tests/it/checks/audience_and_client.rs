//! How do the rules about audience and client combine, and what does a waiver of one of them
//! affect?

use scopegate::{Error, Issuer};
use serde_json::Value;
use testkit::{
    AUDIENCE, CLIENT, ISSUER, KEY, accepted, assert_rejected, cognito_token, cognito_verifier,
    issuer_with_keys, jwks, rejected, rfc9068_token, verifier_trusting,
};

#[test]
fn configured_audience_and_client_are_both_required() {
    // C12
    let issuer = issuer_with_keys([KEY.jwk()]).audience(AUDIENCE).client(CLIENT);
    let verifier = verifier_trusting(issuer);
    accepted(&verifier, &rfc9068_token());
    assert_rejected!(verifier, rfc9068_token().client("other"), Error::WrongClient { .. });
    assert_rejected!(
        verifier,
        rfc9068_token().without_claim("aud"),
        Error::MissingClaim { claim: "aud", .. }
    );
}

#[test]
fn foreign_audience_is_rejected_despite_client_rule() {
    // C13, C34
    accepted(&cognito_verifier(), &cognito_token());
    assert_rejected!(cognito_verifier(), cognito_token().claim("aud", AUDIENCE), Error::WrongAudience { .. });
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).audience(AUDIENCE);
    let bound = verifier_trusting(issuer.jwks(jwks([KEY.jwk()])));
    accepted(&bound, &cognito_token());
    accepted(&bound, &cognito_token().claim("aud", AUDIENCE));
    assert_rejected!(bound, cognito_token().claim("aud", "other"), Error::WrongAudience { .. });
    assert_rejected!(
        bound,
        cognito_token().claim("aud", AUDIENCE).client("other"),
        Error::WrongClient { .. }
    );
}

#[test]
fn cognito_with_audience_alone_requires_the_audience() {
    // C34
    let issuer = Issuer::cognito_at(ISSUER).unwrap().audience(AUDIENCE);
    let verifier = verifier_trusting(issuer.jwks(jwks([KEY.jwk()])));
    accepted(&verifier, &cognito_token().claim("aud", AUDIENCE));
    assert_rejected!(verifier, cognito_token(), Error::MissingClaim { claim: "aud", .. });
}

#[test]
fn waived_client_does_not_replace_the_audience() {
    let issuer = Issuer::cognito_at(ISSUER).unwrap().allow_any_client().audience(AUDIENCE);
    let verifier = verifier_trusting(issuer.jwks(jwks([KEY.jwk()])));
    accepted(&verifier, &cognito_token().claim("aud", AUDIENCE).client("anybody"));
    assert_rejected!(verifier, cognito_token(), Error::MissingClaim { claim: "aud", .. });
}

#[test]
fn waiver_applies_to_its_own_check_only() {
    // C13
    let trusting = |issuer: Issuer| verifier_trusting(issuer);
    let draft = || issuer_with_keys([KEY.jwk()]);
    let any_client = trusting(draft().allow_any_client());
    accepted(&any_client, &cognito_token().client("anybody"));
    assert_rejected!(any_client, cognito_token().claim("aud", AUDIENCE), Error::WrongAudience { .. });
    let any_audience = trusting(draft().allow_any_audience());
    accepted(&any_audience, &cognito_token().claim("aud", "anything"));
    accepted(&any_audience, &cognito_token());
    assert_rejected!(any_audience, cognito_token().claim("aud", 1), Error::MalformedClaim { .. });
    let listed = trusting(draft().allow_any_audience().client(CLIENT));
    accepted(&listed, &cognito_token().claim("aud", "anything"));
    assert_rejected!(listed, cognito_token().client("other"), Error::WrongClient { .. });
}

#[test]
fn strings_are_compared_by_code_points() {
    // C25: there is no normalization, and an escape equals its character
    let (composed, decomposed) = ("https://api.example/caf\u{e9}", "https://api.example/cafe\u{301}");
    let issuer = issuer_with_keys([KEY.jwk()]).audience(composed).client("caf\u{e9}");
    let verifier = verifier_trusting(issuer);
    let token = rfc9068_token().claim("aud", composed).client("caf\u{e9}");
    accepted(&verifier, &token);
    assert_rejected!(verifier, token.clone().claim("aud", decomposed), Error::WrongAudience { .. });
    assert_rejected!(verifier, token.clone().client("cafe\u{301}"), Error::WrongClient { .. });
    let escaped = Value::Object(token.claims()).to_string().replace('\u{e9}', "\\u00e9");
    let escaped =
        escaped.replace("issuer.example", "issuer.ex\\u0061mple").replacen("\"iss\"", "\"\\u0069ss\"", 1);
    assert!(escaped.is_ascii() && escaped.contains("\\u0069ss"), "{escaped}");
    accepted(&verifier, &token.raw_payload(escaped));
}

#[test]
fn error_shows_three_configured_values_at_most() {
    let many = || (0..500).map(|n| format!("client-of-some-department-{n}"));
    let draft = || issuer_with_keys([KEY.jwk()]);
    let by_client = verifier_trusting(draft().clients(many()));
    accepted(&by_client, &cognito_token().client("client-of-some-department-499"));
    let error = rejected(&by_client, &cognito_token().client("other"));
    assert!(matches!(&error, Error::WrongClient { expected, .. } if expected.len() == 3), "{error:?}");
    let by_audience = verifier_trusting(draft().audiences(many()));
    accepted(&by_audience, &rfc9068_token().claim("aud", "client-of-some-department-499"));
    let error = rejected(&by_audience, &rfc9068_token().claim("aud", "other"));
    assert!(matches!(&error, Error::WrongAudience { expected, .. } if expected.len() == 3), "{error:?}");
}
