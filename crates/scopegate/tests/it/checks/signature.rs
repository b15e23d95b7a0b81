//! Does the signature verify, and is nothing said about the claims before it does?
//! How each algorithm's signatures are read is asked in the files of this folder.

mod algorithms;
mod ecdsa;
mod mutation;

use scopegate::Error;
use testkit::{accepted, assert_rejected, cognito_token, cognito_verifier};

#[test]
fn the_signature_must_verify() {
    // A26, A28
    accepted(&cognito_verifier(), &cognito_token());
    for forged in
        [cognito_token().tampered(), cognito_token().bad_signature(), cognito_token().signed_by_unknown_key()]
    {
        assert_rejected!(cognito_verifier(), forged, Error::BadSignature { .. });
    }
}

#[test]
fn claims_are_not_judged_before_the_signature() {
    // A29, W21
    let wrong_in_every_way = cognito_token().client("other").claim("token_use", "id").claim("scope", 1);
    assert_rejected!(cognito_verifier(), wrong_in_every_way, Error::NotAnAccessToken { .. });
    assert_rejected!(
        cognito_verifier(),
        wrong_in_every_way.clone().bad_signature(),
        Error::BadSignature { .. }
    );
    // But for the times, by which a token can only be refused.
    assert_rejected!(cognito_verifier(), wrong_in_every_way.bad_signature().expired(), Error::Expired { .. });
}
