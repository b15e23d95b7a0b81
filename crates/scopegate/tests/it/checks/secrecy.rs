//! Do errors and `Debug` hide the token?

use scopegate::{Error, Issuer};
use testkit::{
    AUDIENCE, CLIENT, ISSUER, KEY, cognito_token, cognito_verifier, jwks, rejected, rfc9068_token,
    verifier_for_audience, verifier_trusting,
};

#[test]
fn errors_and_claims_hide_the_token() {
    // D18, W12
    let token = cognito_token().sign_with(&KEY);
    let parts: Vec<&str> = token.split('.').collect();
    let mut texts = vec![
        format!("{:?}", cognito_verifier().verify(&token).unwrap()),
        format!("{:?}", cognito_verifier()),
    ];
    assert!(texts[0].contains(CLIENT) && texts[1].contains(ISSUER), "{texts:?}");
    for bad in [
        cognito_token().bad_signature(),
        cognito_token().expired(),
        cognito_token().header("kid", "x".repeat(5_000)),
        cognito_token().claim("iss", "x\n".repeat(5_000)),
        cognito_token().client("other"),
        cognito_token().raw_payload("[]"),
    ] {
        let error = rejected(&cognito_verifier(), &bad);
        texts.push(format!("{error} {error:?}"));
    }
    for text in texts {
        assert!(!parts.iter().any(|part| text.contains(part)), "{text}");
        assert!(text.len() < 1_000 && !text.contains('\n'), "{text}");
    }
}

#[test]
fn credential_in_claim_is_not_in_error() {
    // FR-B12: the claims of JARM, introspection and CIBA responses hold live credentials.
    const SECRET: &str = "eyJhbGciOiJSUzI1NiJ9.SplxlOBeZQQYbYS6WxSbIA";
    let generic = Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE);
    let marked = [
        "code",
        "response",
        "id_token",
        "access_token",
        "token_introspection",
        "urn:openid:params:jwt:claim:auth_req_id",
        "urn:openid:params:jwt:claim:rt_hash",
        "at_hash",
        "c_hash",
        "s_hash",
        "nonce",
        "events",
    ];
    let verifier = verifier_trusting(generic.clone());
    let token = rfc9068_token().claim("iss", ISSUER);
    assert!(verifier.verify(token.sign_with(&KEY)).is_ok());
    for claim in marked {
        for (value, found) in [
            (serde_json::json!(SECRET), "a string"),
            (serde_json::json!({ "access_token": SECRET }), "an object"),
            (serde_json::json!([SECRET]), "an array"),
        ] {
            let error = rejected(&verifier, &token.clone().claim(claim, value));
            let shown = format!("{error} {error:?}");
            assert!(matches!(error, Error::NotAnAccessToken { .. }), "{shown}");
            assert!(shown.contains(claim) && shown.contains(found) && !shown.contains("Splxl"), "{shown}");
            assert!(!shown.contains("eyJ"), "{shown}");
        }
    }
    // Configured rules about such claims.
    let rejecting = |rule: fn(Issuer) -> Issuer| verifier_trusting(rule(generic.clone()));
    for (verifier, claim) in [
        (rejecting(|issuer| issuer.reject_claim("refresh_token")), "refresh_token"),
        (rejecting(|issuer| issuer.reject_claim("email")), "email"),
        (rejecting(|issuer| issuer.require_claim_if_present("auth_req_id", "1")), "auth_req_id"),
        (rejecting(|issuer| issuer.require_claim("refresh_token", "1")), "refresh_token"),
    ] {
        let error = rejected(&verifier, &token.clone().claim(claim, SECRET));
        let shown = format!("{error} {error:?}");
        assert!(matches!(error, Error::WrongClaim { .. }) && shown.contains("a string"), "{shown}");
        assert!(!shown.contains("Splxl"), "{shown}");
    }
    // Other values stay visible, because an operator needs them.
    let error = rejected(&verifier_for_audience(), &rfc9068_token().claim("token_use", "id"));
    assert!(error.to_string().ends_with(r#"found "id""#), "{error}");
}
