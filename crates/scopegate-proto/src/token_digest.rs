//! Digests of tokens, so that a table of tokens holds no token.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use aws_lc_rs::digest::{Context, SHA256};

/// Computes digests of tokens: SHA-256 with a random prefix.
///
/// Two values compute different digests for one token, so that a result from one configuration is
/// not found by another one.
///
/// ```
/// use scopegate_proto::token_digest::TokenDigests;
///
/// let (one, other) = (TokenDigests::default(), TokenDigests::default());
/// assert_eq!(one.of(b"2YotnFZFEjr1zCsicMWpAA"), one.of(b"2YotnFZFEjr1zCsicMWpAA"));
/// assert_ne!(one.of(b"2YotnFZFEjr1zCsicMWpAA"), other.of(b"2YotnFZFEjr1zCsicMWpAA"));
/// ```
#[derive(Clone)]
pub struct TokenDigests {
    prefix: [u8; 16],
}

/// The digest of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigests {
    /// Returns the digest of all bytes of a token.
    pub fn of(&self, token: &[u8]) -> TokenDigest {
        let mut context = Context::new(&SHA256);
        context.update(&self.prefix);
        context.update(token);
        let mut bytes = [0; 32];
        // Both have 32 bytes.
        for (byte, found) in bytes.iter_mut().zip(context.finish().as_ref()) {
            *byte = *found;
        }
        TokenDigest(bytes)
    }
}

impl Default for TokenDigests {
    /// Chooses a random prefix. It keeps configurations apart, and need not be secret.
    fn default() -> Self {
        let random = RandomState::new();
        let [low, high] = [random.hash_one(0_u8), random.hash_one(1_u8)];
        Self { prefix: ((u128::from(high) << 64) | u128::from(low)).to_le_bytes() }
    }
}

impl TokenDigest {
    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for TokenDigests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenDigests").finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenDigest {
    /// Does not show the digest, because it identifies a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::digest::digest;

    use super::*;

    #[test]
    fn digest_is_sha256_of_prefix_and_token() {
        // IN22
        let digests = TokenDigests::default();
        let whole = [digests.prefix.as_slice(), b"token"].concat();
        assert_eq!(digests.of(b"token").as_bytes(), digest(&SHA256, &whole).as_ref());
        assert_ne!(digests.of(b"token"), digests.of(b"tokem"));
        assert_ne!(digests.of(b""), TokenDigest([0; 32]));
    }

    #[test]
    fn debug_shows_no_digest() {
        // IN22
        let digests = TokenDigests::default();
        assert_eq!(format!("{:?} {digests:?}", digests.of(b"t")), "TokenDigest(..) TokenDigests { .. }");
    }
}
