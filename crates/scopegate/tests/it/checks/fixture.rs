//! The issuers, keys and good tokens that the checks are shown with, and the two verdicts.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use scopegate::{Claims, Error, Issuer, Verifier, VerifierBuilder};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use serde_json::json;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example/pool";
pub(crate) const CLIENT: &str = "1example23456789";
pub(crate) const AUDIENCE: &str = "https://my-api-server.org";

/// RSA keys take a while to make, so all tests share these.
pub(crate) static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256));
pub(crate) static OTHER_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::RS256));

pub(crate) fn jwks(keys: &[&SigningKey]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}

pub(crate) fn at(now: u64) -> VerifierBuilder {
    Verifier::builder().clock(move || UNIX_EPOCH + Duration::from_secs(now)).leeway(Duration::ZERO)
}

/// Trusts a Cognito-like issuer for one client.
pub(crate) fn cognito() -> Verifier {
    let issuer = Issuer::cognito_at(ISSUER).unwrap().client(CLIENT).jwks(&jwks(&[&KEY]));
    at(NOW).trust(issuer).build().unwrap()
}

/// Trusts any kind of issuer for one audience.
pub(crate) fn generic() -> Verifier {
    at(NOW).trust(Issuer::from_jwks(ISSUER, &jwks(&[&KEY])).unwrap().audience(AUDIENCE)).build().unwrap()
}

/// A good Cognito token at `NOW`.
pub(crate) fn cognito_token() -> Mint {
    Mint::cognito(ISSUER, CLIENT).issued_at(NOW).lifetime(3_600)
}

/// A good token of an issuer that follows RFC 9068.
pub(crate) fn generic_token() -> Mint {
    cognito_token().without_claim("token_use").header("typ", "at+jwt").claim("aud", AUDIENCE)
}

#[track_caller]
pub(crate) fn accepted(verifier: &Verifier, token: &Mint) -> Claims {
    verifier.verify(&token.sign_with(&KEY)).expect("the token is good")
}

#[track_caller]
pub(crate) fn refused(verifier: &Verifier, token: &Mint) -> Error {
    verifier.verify(&token.sign_with(&KEY)).expect_err("the token is bad")
}

macro_rules! assert_refused {
    ($verifier:expr, $token:expr, $pattern:pat) => {
        let error = $crate::checks::fixture::refused(&$verifier, &$token);
        assert!(matches!(error, $pattern), "{error:?}");
    };
}
pub(crate) use assert_refused;
