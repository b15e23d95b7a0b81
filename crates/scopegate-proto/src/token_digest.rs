//! Digests of tokens, so that a table of tokens holds no token.

use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

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
    prefix: Prefix,
}

/// With it, the digest of a token of 47 bytes takes one block of SHA-256.
type Prefix = [u8; 8];

/// The digest of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

/// Keeps the digest of a token whose bytes are in memory anyway, so that it is computed once.
///
/// ```
/// use scopegate_proto::token_digest::{KeptDigest, TokenDigests};
///
/// let (digests, kept) = (TokenDigests::default(), KeptDigest::default());
/// assert_eq!(digests.of_kept(b"2YotnFZFEjr1zCsicMWpAA", &kept), digests.of(b"2YotnFZFEjr1zCsicMWpAA"));
/// ```
#[derive(Default)]
pub struct KeptDigest(OnceLock<(Prefix, TokenDigest)>);

impl TokenDigests {
    /// Returns the digest of a token. The first configuration that asks keeps it in `kept`, which must
    /// belong to this token only. Another configuration computes its own digest each time.
    #[inline]
    pub fn of_kept(&self, token: &[u8], kept: &KeptDigest) -> TokenDigest {
        let (prefix, digest) = kept.0.get_or_init(|| (self.prefix, self.of(token)));
        if *prefix == self.prefix { *digest } else { self.of(token) }
    }

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
        Self { prefix: RandomState::new().hash_one(0_u8).to_le_bytes() }
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

impl fmt::Debug for KeptDigest {
    /// Does not show the digest, because it identifies a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeptDigest(..)")
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
    fn kept_digest_counts_for_one_configuration() {
        // IN16
        let (first, second, kept) = (TokenDigests::default(), TokenDigests::default(), KeptDigest::default());
        for digests in [&first, &second, &first.clone(), &second] {
            assert_eq!(digests.of_kept(b"token", &kept), digests.of(b"token"));
        }
        // It is not computed again, so it must belong to one token.
        assert_eq!(first.of_kept(b"other", &kept), first.of(b"token"));
    }

    #[test]
    fn debug_shows_no_digest() {
        // IN22
        let (digests, kept) = (TokenDigests::default(), KeptDigest::default());
        let shown = format!("{:?} {digests:?} {kept:?}", digests.of_kept(b"t", &kept));
        assert_eq!(shown, "TokenDigest(..) TokenDigests { .. } KeptDigest(..)");
    }
}
