//! The keys of one pool over time: which one signs, and which ones are published.
//!
//! No I/O and no lock; making a key (slow) is left to the caller.

use serde_json::{Value, json};

use crate::keys::signing_key::SigningKey;

/// A Cognito pool publishes two keys, one for access tokens and one for ID tokens. Only the first one ever
/// rotates here; the second one is always published, as a key that resource servers must not confuse with the
/// first.
pub(crate) struct KeyRing {
    id_token: SigningKey,
    current: SigningKey,
    current_is_published: bool,
    /// The generation before the current one, while it is still published.
    previous: Option<SigningKey>,
}

impl KeyRing {
    pub(crate) fn new(access_token: SigningKey, id_token: SigningKey) -> Self {
        Self { id_token, current: access_token, current_is_published: true, previous: None }
    }

    /// The key that signs access tokens from now on.
    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    pub(crate) fn id_token(&self) -> &SigningKey {
        &self.id_token
    }

    /// `next` signs and is published; the generation that was published before it stays.
    pub(crate) fn rotate(&mut self, next: SigningKey) {
        self.rotate_unpublished(next);
        self.publish();
    }

    /// `next` signs and is published; every earlier generation leaves at once.
    pub(crate) fn rotate_without_overlap(&mut self, next: SigningKey) {
        self.rotate(next);
        self.revoke_previous();
    }

    /// `next` signs but is not published until [`publish`](Self::publish).
    pub(crate) fn rotate_unpublished(&mut self, next: SigningKey) {
        let last = std::mem::replace(&mut self.current, next);
        // A key that was never published is no overlap, so the generation before it stays.
        if self.current_is_published {
            self.previous = Some(last);
        }
        self.current_is_published = false;
    }

    pub(crate) fn publish(&mut self) {
        self.current_is_published = true;
    }

    /// Publishes the current key if it has this id: a key that was rotated away has missed its time.
    pub(crate) fn publish_if_current(&mut self, kid: &str) {
        if self.current.kid() == kid {
            self.publish();
        }
    }

    pub(crate) fn revoke_previous(&mut self) {
        self.previous = None;
    }

    /// `next` takes the place of the current key, under the current key's id.
    pub(crate) fn replace_key_material(&mut self, next: SigningKey) {
        self.current = next.with_kid(self.current.kid());
    }

    /// The published set (RFC 7517 §5), in the order previous, current, ID tokens.
    pub(crate) fn jwks(&self) -> Value {
        let current = self.current_is_published.then_some(&self.current);
        let published = self.previous.iter().chain(current).chain([&self.id_token]);
        json!({ "keys": published.map(SigningKey::jwk).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::algorithm::Algorithm;

    fn key(kid: &str) -> SigningKey {
        SigningKey::generate(Algorithm::EdDSA).with_kid(kid)
    }

    fn ring() -> KeyRing {
        KeyRing::new(key("a"), key("id"))
    }

    fn published(ring: &KeyRing) -> String {
        let jwks = ring.jwks();
        let kids: Vec<_> =
            jwks["keys"].as_array().unwrap().iter().map(|k| k["kid"].as_str().unwrap()).collect();
        kids.join(" ")
    }

    #[test]
    fn rotation_keeps_two_signing_generations_at_most() {
        let mut ring = ring();
        assert_eq!(published(&ring), "a id");
        ring.rotate(key("b"));
        assert_eq!(published(&ring), "a b id");
        ring.rotate(key("c"));
        assert_eq!(published(&ring), "b c id");
        assert_eq!(ring.current().kid(), "c");
    }

    #[test]
    fn rotation_without_overlap_drops_every_earlier_generation() {
        let mut ring = ring();
        ring.rotate(key("b"));
        ring.rotate_without_overlap(key("c"));
        assert_eq!(published(&ring), "c id");
    }

    #[test]
    fn late_key_signs_before_it_is_published() {
        let mut ring = ring();
        ring.rotate_unpublished(key("b"));
        assert_eq!(ring.current().kid(), "b");
        assert_eq!(published(&ring), "a id");
        ring.publish();
        assert_eq!(published(&ring), "a b id");
    }

    #[test]
    fn late_key_is_not_published_after_next_rotation() {
        let mut ring = ring();
        ring.rotate_unpublished(key("b"));
        ring.rotate_unpublished(key("c"));
        ring.publish_if_current("b");
        assert_eq!(published(&ring), "a id");
        ring.publish_if_current("c");
        assert_eq!(published(&ring), "a c id");
    }

    #[test]
    fn unpublished_key_leaves_earlier_generation_published() {
        let mut ring = ring();
        ring.rotate_unpublished(key("b"));
        ring.rotate(key("c"));
        assert_eq!(published(&ring), "a c id");
    }

    #[test]
    fn revoking_previous_key_leaves_current_one() {
        let mut ring = ring();
        ring.rotate(key("b"));
        ring.revoke_previous();
        assert_eq!(published(&ring), "b id");
    }

    #[test]
    fn replaced_key_material_keeps_its_key_id() {
        let mut ring = ring();
        let before = ring.jwks();
        ring.replace_key_material(key("b"));
        assert_eq!(published(&ring), "a id");
        assert_ne!(ring.jwks(), before);
    }
}
