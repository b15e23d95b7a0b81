//! Was the token issued to a client that is listed, and do the claims that name it agree?

use scopegate::Error;
use serde_json::json;
use testkit::{
    CLIENT, KEY, accepted, assert_rejected, cognito_token, cognito_verifier, issuer_with_keys, rejected,
    verifier_trusting,
};

#[test]
fn cognito_token_of_unlisted_client_is_rejected() {
    // C31
    accepted(&cognito_verifier(), &cognito_token());
    for client in ["other", "1EXAMPLE23456789", "1example2345678", "1example234567890"] {
        assert_rejected!(
            cognito_verifier(),
            cognito_token().client(client),
            Error::WrongClient { found: Some(_), .. }
        );
    }
    assert_rejected!(
        cognito_verifier(),
        cognito_token().without_claim("client_id"),
        Error::WrongClient { found: None, .. }
    );
    // FR-B2: an empty id names no client.
    assert_rejected!(cognito_verifier(), cognito_token().client(""), Error::WrongClient { found: None, .. });
    // Another claim does not replace it.
    let elsewhere = cognito_token().without_claim("client_id").claim("azp", CLIENT);
    assert_rejected!(cognito_verifier(), elsewhere, Error::WrongClient { found: None, .. });
    let error = rejected(&cognito_verifier(), &cognito_token().claim("client_id", json!([CLIENT])));
    assert!(matches!(&error, Error::MalformedClaim { claim, .. } if claim == "client_id"), "{error:?}");
}

#[test]
fn client_is_read_from_common_claims() {
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let verifier = verifier_trusting(issuer);
    let nameless = cognito_token().without_claim("client_id");
    for claim in ["client_id", "azp", "appid", "cid"] {
        let claims = accepted(&verifier, &nameless.clone().claim(claim, CLIENT));
        assert_eq!(claims.client_id(), Some(CLIENT));
        assert_rejected!(verifier, nameless.clone().claim(claim, "other"), Error::WrongClient { .. });
    }
    assert_rejected!(verifier, nameless, Error::WrongClient { found: None, .. });
}

#[test]
fn contradicting_client_claims_are_rejected() {
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let verifier = verifier_trusting(issuer);
    accepted(&verifier, &cognito_token().claim("azp", CLIENT).claim("cid", CLIENT));
    for claim in ["azp", "appid", "cid"] {
        let error = rejected(&verifier, &cognito_token().claim(claim, "other"));
        assert!(matches!(&error, Error::MalformedClaim { claim: named, .. } if named == claim), "{error:?}");
    }
    // Cognito names the client by one claim, so the pool may use the others freely.
    accepted(&cognito_verifier(), &cognito_token().claim("azp", "other"));
}
