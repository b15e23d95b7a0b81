//! Names of revoked things as 128-bit keyed hashes, so that an entry has one size and holds no
//! personal data.
//!
//! The hash is SipHash-1-3 of the standard library with a random key of the store's own. It is
//! finished twice with different last bytes. An attacker without the key cannot search for two
//! names with one hash. By chance, a lookup among 1,000,000 entries finds a foreign entry with a
//! probability of 2⁻¹⁰⁶. Then a valid token is rejected. A revoked token is never accepted.

use std::hash::{BuildHasher as _, DefaultHasher, Hasher as _, RandomState};

use crate::revocation::kind::Kind;

/// The hash of an issuer's name and the name of one of its tokens, subjects, clients, sessions or
/// keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest {
    pub(crate) high: u64,
    pub(crate) low: u64,
}

/// The key of the hash.
#[derive(Debug, Default)]
pub(crate) struct DigestKey(RandomState);

impl DigestKey {
    /// Hashes a name. Strings are taken as they are: compared exactly, without normalization.
    pub(crate) fn digest(&self, kind: Kind, issuer: &str, name: &str) -> Digest {
        let mut running = self.running();
        running.update(&[kind as u8]);
        // With the length before it, no other pair of strings is the same sequence of bytes.
        running.update(&(issuer.len() as u64).to_le_bytes());
        running.update(issuer.as_bytes());
        running.update(name.as_bytes());
        running.finish()
    }

    /// Begins the hash of bytes that come in pieces.
    pub(crate) fn running(&self) -> RunningDigest {
        RunningDigest(self.0.build_hasher())
    }
}

/// The hash of the bytes so far.
#[derive(Clone, Debug)]
pub(crate) struct RunningDigest(DefaultHasher);

impl RunningDigest {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        let half = |last: u8| {
            let mut hasher = self.0.clone();
            hasher.write(&[last]);
            hasher.finish()
        };
        Digest { high: half(0), low: half(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_kind_issuer_or_name_has_another_digest() {
        let key = DigestKey::default();
        let one = key.digest(Kind::Token, "https://issuer.example", "id");
        assert_eq!(one, key.digest(Kind::Token, "https://issuer.example", "id"));
        assert_ne!(one.high, one.low);
        for (kind, issuer, name) in [
            (Kind::Session, "https://issuer.example", "id"),
            (Kind::Token, "https://issuer.example/", "id"),
            (Kind::Token, "https://issuer.exampl", "eid"),
            (Kind::Token, "https://issuer.example", "ID"),
            (Kind::Token, "https://issuer.example", "id\0"),
            (Kind::Token, "https://issuer.example", ""),
        ] {
            assert_ne!(one, key.digest(kind, issuer, name), "{kind:?} {issuer} {name:?}");
        }
        assert_ne!(one, DigestKey::default().digest(Kind::Token, "https://issuer.example", "id"));
    }

    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let key = DigestKey::default();
        let digest = |pieces: &[&str]| {
            let mut running = key.running();
            for piece in pieces {
                running.update(piece.as_bytes());
            }
            running.finish()
        };
        assert_eq!(digest(&["one line\nanother"]), digest(&["one", " line\n", "", "another"]));
        assert_ne!(digest(&["ab"]), digest(&["a"]));
    }
}
