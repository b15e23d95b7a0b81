//! Does the signature verify, and is nothing said about the claims before it does?
//! How each algorithm's signatures are read is asked in the files of this folder.

mod algorithms;
mod ecdsa;
mod mutation;

use scopegate::Error;

use crate::checks::fixture::{accepted, assert_refused, cognito, cognito_token};

#[test]
fn the_signature_must_verify() {
    // A26, A28
    accepted(&cognito(), &cognito_token());
    for forged in
        [cognito_token().tampered(), cognito_token().bad_signature(), cognito_token().signed_by_unknown_key()]
    {
        assert_refused!(cognito(), forged, Error::BadSignature { .. });
    }
}

#[test]
fn claims_are_not_judged_before_the_signature() {
    // A29, W21
    let wrong_in_every_way = cognito_token().client("other").claim("token_use", "id").claim("scope", 1);
    assert_refused!(cognito(), wrong_in_every_way, Error::NotAnAccessToken { .. });
    assert_refused!(cognito(), wrong_in_every_way.clone().bad_signature(), Error::BadSignature { .. });
    // But for the times, by which a token can only be refused.
    assert_refused!(cognito(), wrong_in_every_way.bad_signature().expired(), Error::Expired { .. });
}
