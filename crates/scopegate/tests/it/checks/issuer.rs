//! Is the issuer trusted, and do its own rules and keys apply?

use scopegate::{Error, Issuer};
use serde_json::json;
use testkit::{
    AUDIENCE, CLIENT, ISSUER, KEY, NOW, OTHER_KEY, accepted, assert_rejected, builder_at, cognito_token,
    cognito_verifier, issuer_with_keys, jwks, rfc9068_token, verifier_trusting,
};

#[test]
fn issuer_is_compared_character_by_character() {
    // C10, C11, C25
    accepted(&cognito_verifier(), &cognito_token());
    for iss in [
        "https://issuer.example/pool/",
        "https://issuer.example/POOL",
        "https://ISSUER.example/pool",
        "https://issuer.example:443/pool",
        "https://issuer.example/poo%6C",
        "https://issuer.example/pool2",
        "https://issuer.example/poo",
        "https://issuer.example//pool",
        "https://issuer.example/./pool",
        "https://issuer.example/pool?",
        "https://issuer.example/pool#",
        "https://issuer.example/pool ",
        "https://issuer.example/p\u{f6}ol",
        "https://issuer.example",
        "http://issuer.example/pool",
        "issuer.example/pool",
        "",
    ] {
        assert_rejected!(
            cognito_verifier(),
            cognito_token().claim("iss", iss),
            Error::UnknownIssuer { found: Some(_), .. }
        );
    }
}

#[test]
fn both_cognito_issuer_forms_match_exactly() {
    // C32: Cognito's ORIGINAL and UPDATED issuer configurations; replicas have other names
    const ORIGINAL: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
    const UPDATED: &str = "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";
    let with_keys = |issuer: Issuer| issuer.jwks(jwks([KEY.jwk()]));
    let original = || with_keys(Issuer::cognito("eu-west-1_Ab12Cd34E").unwrap().client(CLIENT));
    let updated = || with_keys(Issuer::cognito_at(UPDATED).unwrap().client(CLIENT));
    let token = |iss: &str| cognito_token().claim("iss", iss);
    for (verifier, of_original, of_updated) in [
        (verifier_trusting(original()), true, false),
        (verifier_trusting(updated()), false, true),
        (builder_at(NOW).trust(original()).trust(updated()).build().unwrap(), true, true),
    ] {
        for (iss, trusted) in [(ORIGINAL, of_original), (UPDATED, of_updated)] {
            assert_eq!(verifier.verify(token(iss).sign_with(&KEY)).is_ok(), trusted, "{iss}");
        }
        for iss in [
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34F",
            "https://cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Ab12Cd34E",
            "https://issuer-cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34F",
            "https://issuer-cognito-idp.eu-central-1.amazonaws.com/eu-west-1_Ab12Cd34E",
        ] {
            assert_rejected!(verifier, token(iss), Error::UnknownIssuer { found: Some(_), .. });
        }
    }
}

#[test]
fn issuer_that_is_not_a_string_is_rejected() {
    // C10, FR-B1, FR-B12
    const EXPECTED: &str =
        "expected `iss` to be a trusted issuer such as https://issuer.example/pool, found ";
    for (iss, found) in [
        (json!(null), "null"),
        (json!(1), r#"a number, "1""#),
        (json!([ISSUER]), r#"an array, "[\"https://issuer.example/pool\"]""#),
        (json!({ "iss": "x" }), r#"an object, "{\"iss\":\"x\"}""#),
    ] {
        assert_rejected!(
            cognito_verifier(),
            cognito_token().claim("iss", iss),
            Error::UnknownIssuer { found: Some(_), .. },
            format!("{EXPECTED}{found}")
        );
    }
    assert_rejected!(
        cognito_verifier(),
        cognito_token().without_claim("iss"),
        Error::UnknownIssuer { found: None, .. }
    );
}

#[test]
fn each_issuer_has_its_own_rules_and_keys() {
    // B13: the other issuer's key does not verify, even under its own `kid`
    const OTHER: &str = "https://other.example/";
    let verifier = builder_at(NOW)
        .trust(issuer_with_keys([KEY.jwk()]).client(CLIENT))
        .trust(Issuer::from_jwks(OTHER, &jwks([OTHER_KEY.jwk()])).unwrap().audience(AUDIENCE))
        .build()
        .unwrap();
    let (ours, others) = (cognito_token(), rfc9068_token().claim("iss", OTHER));
    assert_eq!(verifier.verify(ours.sign_with(&KEY)).unwrap().issuer(), ISSUER);
    assert_eq!(verifier.verify(others.sign_with(&OTHER_KEY)).unwrap().issuer(), OTHER);
    assert!(matches!(verifier.verify(ours.sign_with(&OTHER_KEY)), Err(Error::UnknownKey { .. })));
    let stolen_kid = OTHER_KEY.clone().with_kid(KEY.kid());
    assert!(matches!(verifier.verify(ours.sign_with(&stolen_kid)), Err(Error::BadSignature { .. })));
    let other_rules = cognito_token().claim("iss", OTHER).sign_with(&OTHER_KEY);
    assert!(matches!(verifier.verify(&other_rules), Err(Error::MissingClaim { claim: "aud", .. })));
}
