//! The certificate of a private key, which names the key in the header of an assertion.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::base64url;

use crate::client_auth::digest::sha256;

/// The thumbprints of a certificate (RFC 7515 §4.1.7, §4.1.8).
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) sha256: String,
    pub(crate) sha1: String,
}

impl Certificate {
    /// Reads the first certificate from PEM. A chain may follow it. Returns `None` if there is no
    /// certificate, or if it does not contain this public key.
    pub(crate) fn of_key(pem: &str, public_key: &[u8]) -> Option<Self> {
        let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
        let (base64, _) = rest.split_once("-----END CERTIFICATE-----")?;
        let base64: String = base64.chars().filter(|character| !character.is_ascii_whitespace()).collect();
        let der = STANDARD.decode(base64).ok()?;
        // The encodings of public keys by `aws-lc-rs` are those of RFC 5280 §4.1.2.7 in the
        // `subjectPublicKey` of the certificate: whole bytes, so they can be searched for.
        der.windows(public_key.len().max(1)).any(|part| part == public_key).then(|| Self {
            sha256: sha256(&der),
            sha1: base64url::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &der)),
        })
    }
}
