//! Public "private" keys, so that a target can sign generated input, with the same result every
//! time.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An Ed25519 key, whose signatures are deterministic and cheap.
pub(crate) struct Signer(Ed25519KeyPair);

impl Signer {
    /// Creates the key whose 32 secret bytes are all this number.
    pub(crate) fn new(number: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[number; 32]).expect("a seed has 32 bytes"))
    }

    /// Returns the `x` of its JWK.
    pub(crate) fn x(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.public_key())
    }

    /// Returns a compact token of these parts.
    pub(crate) fn sign(&self, header: &[u8], payload: &[u8]) -> String {
        let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.signature(&input);
        format!("{input}.{signature}")
    }

    /// Returns the third part of a compact token: the signature over the first two.
    pub(crate) fn signature(&self, input: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.0.sign(input.as_bytes()))
    }
}
