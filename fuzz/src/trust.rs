//! A realistic configuration with a fixed clock. Its three issuers have RSA, EC and Ed25519 keys.
//!
//! The private halves of the RSA and EC keys no longer exist. `trust/signed_elsewhere.txt` has the
//! tokens that they have signed.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use scopegate::{Algorithm, Issuer, Verifier};

use crate::signer::Signer;

/// In seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) const LEEWAY: u64 = 30;

/// Like Cognito, with RS256 and app clients. It also has EdDSA, so that a target can sign.
pub(crate) const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";

/// Issues tokens for an audience with scopes in every supported form.
pub(crate) const AUDIENCE: &str = "https://issuer.example/";

/// Issues tokens for an audience and a client. They always have `at+jwt`, and may have a nonce.
pub(crate) const BOTH: &str = "https://login.example/tenant";

pub(crate) const THIS_API: [&str; 2] = ["https://my-api-server.org", "api://orders"];
pub(crate) const CLIENTS: [&str; 2] = ["1example23456789", "2example23456789"];

pub(crate) static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let cognito = Issuer::cognito("eu-west-1_Ab12Cd34E").expect("it is a pool's id");
    let cognito = cognito.clients(CLIENTS).algorithms([Algorithm::RS256, Algorithm::EdDSA]);
    let cognito = cognito.jwks(include_str!("trust/cognito.json"));
    let audience = Issuer::from_jwks(AUDIENCE, include_str!("trust/audience.json")).expect("it is a key set");
    let audience = audience.audiences(THIS_API).permissions_as_scopes().roles_as_scopes();
    let both = Issuer::from_jwks(BOTH, include_str!("trust/both.json")).expect("it is a key set");
    let both = both.audiences(THIS_API).clients(CLIENTS).require_at_jwt().allow_nonce();
    let builder = Verifier::builder().trust(cognito).trust(audience).trust(both);
    let builder = builder.clock(|| UNIX_EPOCH + Duration::from_secs(NOW));
    builder.leeway(Duration::from_secs(LEEWAY)).build().expect("the configuration is complete")
});

/// The Ed25519 keys of `COGNITO`, `AUDIENCE` and `BOTH`.
pub(crate) static SIGNERS: LazyLock<[Signer; 3]> = LazyLock::new(|| [1, 2, 3].map(Signer::new));

/// Returns whether the holder of an issuer's keys has signed the first two parts of a token with
/// this signature.
pub(crate) fn was_signed(issuer: &str, input: &str, signature: &str) -> bool {
    let signer = [COGNITO, AUDIENCE, BOTH].iter().zip(SIGNERS.iter()).find(|(name, _)| **name == issuer);
    // Ed25519 has one signature for each message. An ECDSA signature has a second form.
    signer.is_some_and(|(_, signer)| signer.signature(input) == signature)
        || include_str!("trust/signed_elsewhere.txt")
            .lines()
            .any(|token| token.rsplit_once('.').is_some_and(|(signed, _)| signed == input))
}
