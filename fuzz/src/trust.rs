//! A realistic configuration: three issuers with RSA, EC and Ed25519 keys, at a time that stands still.
//!
//! The RSA and EC keys have no private halves any more; the tokens they once signed are in `trust/signed_elsewhere.txt`.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use scopegate::{Algorithm, Issuer, Verifier};

use crate::signer::Signer;

/// In seconds since 1970.
pub(crate) const NOW: u64 = 1_800_000_000;

pub(crate) const LEEWAY: u64 = 30;

/// Like Cognito: RS256 in the field, EdDSA so that a target can sign; app clients, no audience.
pub(crate) const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Ab12Cd34E";

/// Binds its tokens to an audience, and writes scopes in every way there is.
pub(crate) const AUDIENCE: &str = "https://issuer.example/";

/// Binds them to an audience and a client, always says `at+jwt`, and may write a nonce.
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

/// The Ed25519 keys: of Cognito, of the audience's issuer, and of the third.
pub(crate) static SIGNERS: LazyLock<[Signer; 3]> = LazyLock::new(|| [1, 2, 3].map(Signer::new));

/// Whether the holder of an issuer's keys did sign this, the first two parts of a token, with this signature.
pub(crate) fn was_signed(issuer: &str, input: &str, signature: &str) -> bool {
    let signer = [COGNITO, AUDIENCE, BOTH].iter().zip(SIGNERS.iter()).find(|(name, _)| **name == issuer);
    // Ed25519 has one signature for each message; of an ECDSA signature there is a second spelling.
    signer.is_some_and(|(_, signer)| signer.signature(input) == signature)
        || include_str!("trust/signed_elsewhere.txt")
            .lines()
            .any(|token| token.rsplit_once('.').is_some_and(|(signed, _)| signed == input))
}
