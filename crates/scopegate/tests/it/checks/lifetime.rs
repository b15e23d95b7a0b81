//! Is the token valid at this time: `exp`, `nbf`, `iat`, and the leeway?

use std::time::{Duration, UNIX_EPOCH};

use scopegate::{Error, Part, Verifier};
use serde_json::{Value, json};
use testkit::{
    NOW, accepted, assert_rejected, builder_at, cognito_issuer, cognito_token, cognito_verifier, rejected,
};

#[test]
fn token_is_rejected_from_its_expiry() {
    // C04, W10
    accepted(&cognito_verifier(), &cognito_token().expires_at(NOW + 1));
    for exp in [NOW, NOW - 1, 0] {
        assert_rejected!(cognito_verifier(), cognito_token().expires_at(exp), Error::Expired { .. });
    }
}

#[test]
fn missing_or_malformed_expiry_is_rejected() {
    // C06, C07, W9
    accepted(&cognito_verifier(), &cognito_token().claim("exp", NOW + 1));
    accepted(&cognito_verifier(), &cognito_token().claim("exp", json!(1_800_000_000.5)));
    assert_rejected!(
        cognito_verifier(),
        cognito_token().without_claim("exp"),
        Error::MissingClaim { claim: "exp", .. }
    );
    for exp in [json!("1800000001"), json!(true), json!(null), json!([NOW + 1]), json!(1e300)] {
        let error = rejected(&cognito_verifier(), &cognito_token().claim("exp", exp));
        assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "exp"), "{error:?}");
    }
}

#[test]
fn only_json_numbers_are_accepted_as_times() {
    // C07: the text is inserted into the payload unchanged
    let payload = Value::Object(cognito_token().without_claim("exp").claims()).to_string();
    let with =
        |exp: &str| cognito_token().raw_payload(payload.replacen('{', &format!("{{\"exp\":{exp},"), 1));
    for exp in ["1800000001", "1800000000.5", "1.8000000005e9", "18000000005E-1", "253402300799"] {
        accepted(&cognito_verifier(), &with(exp));
    }
    for past in ["1.8e9", "1799999999.999", "1e3", "-1", "-1.5", "0", "-0", "1e-400"] {
        assert_rejected!(cognito_verifier(), with(past), Error::Expired { .. });
    }
    for exp in
        ["\"1800000001\"", "true", "[]", "{}", "null", "1e400", "-1e400", "9223372036854775808", "1e30"]
    {
        let error = rejected(&cognito_verifier(), &with(exp));
        assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "exp"), "{exp} {error:?}");
    }
    for exp in ["NaN", "Infinity", "+1800000001", "01800000001", "1800000001.", "0x6b49d201"] {
        assert_rejected!(cognito_verifier(), with(exp), Error::InvalidJson { part: Part::Payload, .. });
    }
}

#[test]
fn leeway_applies_to_all_times() {
    // C05
    let lenient = builder_at(NOW).leeway(Duration::from_secs(30)).trust(cognito_issuer()).build().unwrap();
    accepted(&lenient, &cognito_token().expires_at(NOW - 29));
    assert_rejected!(lenient, cognito_token().expires_at(NOW - 30), Error::Expired { .. });
    for claim in ["nbf", "iat"] {
        accepted(&lenient, &cognito_token().claim(claim, NOW + 30));
        assert_rejected!(lenient, cognito_token().claim(claim, NOW + 31), Error::NotYetValid { .. });
    }
}

#[test]
fn leeway_defaults_to_30_seconds() {
    // C05
    let builder = Verifier::builder().clock(|| UNIX_EPOCH + Duration::from_secs(NOW));
    let issuer = cognito_issuer();
    let verifier = builder.trust(issuer).build().unwrap();
    accepted(&verifier, &cognito_token().expires_at(NOW - 29));
    assert_rejected!(verifier, cognito_token().expires_at(NOW - 30), Error::Expired { .. });
}

#[test]
fn token_is_rejected_before_its_time() {
    // C08, C09
    for claim in ["nbf", "iat"] {
        accepted(&cognito_verifier(), &cognito_token().claim(claim, NOW));
        let error = rejected(&cognito_verifier(), &cognito_token().claim(claim, NOW + 1));
        assert!(matches!(error, Error::NotYetValid { claim: named, .. } if named == claim), "{error:?}");
        let error = rejected(&cognito_verifier(), &cognito_token().claim(claim, "1"));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
    accepted(&cognito_verifier(), &cognito_token().without_claim("iat"));
}
