//! Is the token for this API (`aud`)?

use scopegate::Error;
use serde_json::json;
use testkit::{AUDIENCE, accepted, assert_rejected, rejected, rfc9068_token, verifier_for_audience};

#[test]
fn token_without_configured_audience_is_rejected() {
    // C12
    for aud in [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE])] {
        accepted(&verifier_for_audience(), &rfc9068_token().claim("aud", aud));
    }
    for aud in [
        json!("https://my-api-server.org/"),
        json!("https://MY-api-server.org"),
        json!("https://my-api-server.or"),
        json!("https://my-api-server.orga"),
        json!(format!("other {AUDIENCE}")),
        json!([format!("{AUDIENCE},other")]),
        json!([]),
        json!(["other"]),
        json!(""),
    ] {
        assert_rejected!(
            verifier_for_audience(),
            rfc9068_token().claim("aud", aud),
            Error::WrongAudience { .. }
        );
    }
    assert_rejected!(
        verifier_for_audience(),
        rfc9068_token().without_claim("aud"),
        Error::MissingClaim { claim: "aud", .. }
    );
    for aud in [json!(1), json!(null), json!([AUDIENCE, 1]), json!({ "aud": AUDIENCE })] {
        let error = rejected(&verifier_for_audience(), &rfc9068_token().claim("aud", aud));
        assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "aud"), "{error:?}");
    }
}

#[test]
fn error_shows_three_audiences_at_most() {
    let many = |n: usize| json!((0..n).map(|i| format!("https://api-{i}.example")).collect::<Vec<_>>());
    let mut with_ours = many(200);
    with_ours.as_array_mut().unwrap().push(json!(AUDIENCE));
    accepted(&verifier_for_audience(), &rfc9068_token().claim("aud", with_ours));
    let error = rejected(&verifier_for_audience(), &rfc9068_token().claim("aud", many(200)));
    assert!(matches!(&error, Error::WrongAudience { found, .. } if found.len() == 3), "{error:?}");
    assert!(format!("{error} {error:?}").len() < 1_000, "{error:?}");
}
