//! Verifiers that trust the issuer of the fixtures, or a local one.

use std::time::{Duration, UNIX_EPOCH};

use scopegate::{Claims, ConfigError, Error, Issuer, IssuerWithoutAudience, Verifier, VerifierBuilder};
use scopegate_issuer::LocalIssuer;
use serde_json::Value;

use crate::keys::{KEY, jwks};
use crate::names::{AUDIENCE, CLIENT, ISSUER, LOCAL_CLIENT, NOW};
use crate::tokens::Token;

/// Returns a builder with a fixed clock (`now` in seconds since 1970) and no leeway.
pub fn builder_at(now: u64) -> VerifierBuilder {
    Verifier::builder().clock(move || UNIX_EPOCH + Duration::from_secs(now)).leeway(Duration::ZERO)
}

/// Returns a verifier that trusts this issuer, at [`NOW`].
pub fn verifier_trusting(issuer: Issuer) -> Verifier {
    builder_at(NOW).trust(issuer).build().unwrap()
}

/// Returns a trusted Cognito user pool whose tokens must be for [`CLIENT`].
pub fn cognito_issuer() -> Issuer {
    Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).jwks(jwks([KEY.jwk()]))
}

/// Returns an issuer without preset that publishes these keys. You must add an audience or a
/// client.
pub fn issuer_with_keys(keys: impl IntoIterator<Item = Value>) -> IssuerWithoutAudience {
    Issuer::from_jwks(ISSUER, &jwks(keys)).unwrap()
}

/// Returns a trusted issuer without preset whose tokens must be for [`CLIENT`].
///
/// # Errors
///
/// Returns the error of [`Issuer::from_jwks`] if none of the keys is usable.
pub fn issuer_for_client(keys: impl IntoIterator<Item = Value>) -> Result<Issuer, ConfigError> {
    Ok(Issuer::from_jwks(ISSUER, &jwks(keys))?.client(CLIENT))
}

/// Returns a verifier that accepts [`cognito_token`](crate::cognito_token).
pub fn cognito_verifier() -> Verifier {
    verifier_trusting(cognito_issuer())
}

/// Returns a verifier that accepts [`rfc9068_token`](crate::rfc9068_token): it trusts an issuer
/// without preset for [`AUDIENCE`].
pub fn verifier_for_audience() -> Verifier {
    verifier_trusting(issuer_with_keys([KEY.jwk()]).audience(AUDIENCE))
}

/// Returns a verifier that accepts [`client_token`](crate::client_token) signed with one of these
/// keys: it trusts an issuer without preset for [`CLIENT`].
pub fn verifier_for_client(keys: impl IntoIterator<Item = Value>) -> Verifier {
    verifier_trusting(issuer_with_keys(keys).client(CLIENT))
}

/// Returns a builder that trusts the default pool of a local issuer for [`LOCAL_CLIENT`].
pub fn builder_trusting(local: &LocalIssuer) -> VerifierBuilder {
    Verifier::builder().trust(Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT))
}

/// Returns the claims of a valid token. Panics if it is rejected.
#[track_caller]
pub fn accepted(verifier: &Verifier, token: &(impl Token + ?Sized)) -> Claims {
    verifier.verify(token.compact()).expect("the token was rejected")
}

/// Returns the error of an invalid token. Panics if it is accepted.
#[track_caller]
pub fn rejected(verifier: &Verifier, token: &(impl Token + ?Sized)) -> Error {
    verifier.verify(token.compact()).expect_err("the token was accepted")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::{client_token, cognito_token, rfc9068_token};

    #[test]
    fn each_verifier_accepts_its_own_token_only() {
        let client = verifier_for_client([KEY.jwk()]);
        accepted(&cognito_verifier(), &cognito_token());
        accepted(&client, &client_token());
        accepted(&verifier_for_audience(), &rfc9068_token());
        for (verifier, token) in [
            (&cognito_verifier(), cognito_token().client("other")),
            (&client, client_token().client("other")),
            (&verifier_for_audience(), client_token()),
        ] {
            rejected(verifier, &token);
        }
    }

    #[test]
    fn assertion_about_wrong_error_fails() {
        let outcome = std::panic::catch_unwind(|| {
            crate::assert_rejected!(cognito_verifier(), cognito_token().expired(), Error::WrongClient { .. });
        });
        assert!(outcome.is_err());
        crate::assert_rejected!(cognito_verifier(), cognito_token().expired(), Error::Expired { .. });
    }
}
