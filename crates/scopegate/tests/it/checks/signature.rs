//! Does the signature verify, and are the claims checked only after it did? The folder has the
//! tests of each algorithm.

mod algorithms;
mod ecdsa;
mod es512;
mod ml_dsa;
mod mutation;

use scopegate::Error;
use testkit::{accepted, assert_rejected, cognito_token, cognito_verifier};

#[test]
fn forged_signature_is_rejected() {
    // A26, A28
    accepted(&cognito_verifier(), &cognito_token());
    for forged in
        [cognito_token().tampered(), cognito_token().bad_signature(), cognito_token().signed_by_unknown_key()]
    {
        assert_rejected!(cognito_verifier(), forged, Error::BadSignature { .. });
    }
}

#[test]
fn claims_are_checked_after_the_signature() {
    // A29, W21
    let wrong_in_every_way = cognito_token().client("other").claim("token_use", "id").claim("scope", 1);
    assert_rejected!(cognito_verifier(), wrong_in_every_way, Error::NotAnAccessToken { .. });
    assert_rejected!(
        cognito_verifier(),
        wrong_in_every_way.clone().bad_signature(),
        Error::BadSignature { .. }
    );
    // The lifetime is checked before: it can only reject a token.
    assert_rejected!(cognito_verifier(), wrong_in_every_way.bad_signature().expired(), Error::Expired { .. });
}
