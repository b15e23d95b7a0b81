//! SHA-256, for thumbprints of certificates and hashes of tokens.

use aws_lc_rs::digest::{SHA256, digest};

use crate::base64url;

/// Returns the SHA-256 of the bytes, as base64url.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    base64url::encode(digest(&SHA256, bytes.as_ref()))
}
