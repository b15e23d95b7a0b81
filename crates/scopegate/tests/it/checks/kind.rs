//! Is it an access token? `typ`, Cognito's `token_use`, and the claims that only ID tokens have.

use scopegate::{Error, Issuer};
use serde_json::json;
use testkit::{
    AUDIENCE, CLIENT, ISSUER, KEY, accepted, assert_rejected, cognito_token, cognito_verifier,
    issuer_with_keys, jwks, rfc9068_token, verifier_for_audience, verifier_trusting,
};

#[test]
fn typ_of_other_token_kinds_is_rejected() {
    // C14, C15, C16
    for typ in ["at+jwt", "application/at+jwt", "AT+JWT", "JWT", "jwt"] {
        accepted(&verifier_for_audience(), &rfc9068_token().header("typ", typ));
    }
    accepted(&verifier_for_audience(), &rfc9068_token().without_header("typ"));
    for typ in ["id_token+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "", "at+jwt "] {
        assert_rejected!(
            verifier_for_audience(),
            rfc9068_token().header("typ", typ),
            Error::WrongType { .. }
        );
    }
    assert_rejected!(
        verifier_for_audience(),
        rfc9068_token().header("typ", 1),
        Error::MalformedHeader { parameter: "typ", .. }
    );
}

#[test]
fn required_at_jwt_typ_is_enforced() {
    // C14
    let issuer = issuer_with_keys([KEY.jwk()]).audience(AUDIENCE);
    let verifier = verifier_trusting(issuer.require_at_jwt());
    accepted(&verifier, &rfc9068_token());
    assert_rejected!(verifier, rfc9068_token().header("typ", "JWT"), Error::WrongType { .. });
    assert_rejected!(verifier, rfc9068_token().without_header("typ"), Error::WrongType { found: None, .. });
}

#[test]
fn token_use_other_than_access_is_rejected() {
    // C18, C30
    accepted(&cognito_verifier(), &cognito_token());
    for token_use in
        [json!("id"), json!("refresh"), json!("ACCESS"), json!(["access"]), json!(null), json!("")]
    {
        let token = cognito_token().claim("token_use", token_use);
        assert_rejected!(cognito_verifier(), token, Error::NotAnAccessToken { claim: "token_use", .. });
    }
    let unmarked = cognito_token().without_claim("token_use");
    assert_rejected!(
        cognito_verifier(),
        unmarked,
        Error::NotAnAccessToken { claim: "token_use", found: None, .. }
    );
}

#[test]
fn claims_of_id_tokens_are_rejected() {
    // C18: its audience may be a client that is also an API
    accepted(&verifier_for_audience(), &rfc9068_token());
    for claim in ["nonce", "at_hash", "c_hash"] {
        assert_rejected!(
            verifier_for_audience(),
            rfc9068_token().claim(claim, "n-0S6_WzA2Mj"),
            Error::NotAnAccessToken { .. }
        );
    }
    assert_rejected!(
        verifier_for_audience(),
        rfc9068_token().claim("token_use", "id"),
        Error::NotAnAccessToken { .. }
    );
    accepted(&verifier_for_audience(), &rfc9068_token().claim("token_use", "access"));
}

#[test]
fn id_token_is_rejected_under_every_configuration() {
    // C18: an ID token as OpenID Connect Core §2 has it, for a client that is trusted here
    let key = || jwks([KEY.jwk()]);
    let draft = || Issuer::from_jwks(ISSUER, &key()).unwrap();
    let id_token = cognito_token()
        .without_claim("token_use")
        .without_claim("client_id")
        .without_claim("scope")
        .claim("aud", CLIENT)
        .claim("azp", CLIENT)
        .claim("sub", "user-1")
        .claim("nonce", "n-0S6_WzA2Mj")
        .claim("at_hash", "77QmUPtjPfzWtF2AnpK9RQ");
    let access_token = id_token.clone().without_claim("nonce").without_claim("at_hash");
    for (name, issuer, without_marks_too) in [
        ("audience", draft().audience(AUDIENCE), true),
        ("client as audience", draft().audience(CLIENT), false),
        ("client", draft().client(CLIENT), true),
        ("both", draft().audience(CLIENT).client(CLIENT), false),
        ("any client", draft().allow_any_client(), true),
        ("any audience", draft().allow_any_audience(), false),
        ("type", draft().audience(CLIENT).require_at_jwt(), true),
        ("nonce", draft().audience(CLIENT).allow_nonce(), false),
        ("Cognito", Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).jwks(key()), true),
    ] {
        let verifier = verifier_trusting(issuer);
        assert!(verifier.verify(id_token.sign_with(&KEY)).is_err(), "{name}");
        // Without these claims it may be an access token, and the other rules decide.
        let unmarked = verifier.verify(access_token.sign_with(&KEY));
        assert_eq!(unmarked.is_err(), without_marks_too, "{name}: {unmarked:?}");
    }
}

#[test]
fn allowed_nonce_admits_no_other_id_token_claim() {
    // C18
    let issuer = issuer_with_keys([KEY.jwk()]).audience(AUDIENCE).allow_nonce();
    let verifier = verifier_trusting(issuer);
    accepted(&verifier, &rfc9068_token().claim("nonce", "n-0S6_WzA2Mj"));
    assert_rejected!(verifier, rfc9068_token().claim("at_hash", "x"), Error::NotAnAccessToken { .. });
}
