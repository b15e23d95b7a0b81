//! A key for message authentication codes (HMAC-SHA256), for values that this process writes and
//! reads again.

use aws_lc_rs::{hmac, rand};

/// A secret key.
#[derive(Clone)]
pub(crate) struct MacKey(hmac::Key);

/// Tags are cut to 128 bits (RFC 2104 §5).
pub(crate) const TAG_LENGTH: usize = 16;

impl MacKey {
    /// Creates a key from a secret.
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// Creates a random key.
    ///
    /// # Panics
    /// Panics if the system has no random numbers, as `RandomState` of the standard library does.
    pub(crate) fn random() -> Self {
        let mut secret = [0; 32];
        rand::fill(&mut secret).expect("the system has random numbers");
        Self::new(&secret)
    }

    pub(crate) fn tag(&self, message: &[u8]) -> [u8; TAG_LENGTH] {
        let mut tag = [0; TAG_LENGTH];
        for (byte, found) in tag.iter_mut().zip(hmac::sign(&self.0, message).as_ref()) {
            *byte = *found;
        }
        tag
    }

    /// Compares in a time that does not depend on the tag.
    pub(crate) fn verifies(&self, message: &[u8], tag: &[u8]) -> bool {
        super::verifying_key::equal_in_constant_time(&self.tag(message), tag)
    }
}
