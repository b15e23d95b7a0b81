//! Key rotation of one pool: the signing key and the published keys.
//!
//! There is no I/O and no lock. The caller creates new keys, because this is slow.

use serde_json::{Value, json};

use crate::keys::signing_key::SigningKey;

/// The keys of a pool.
///
/// As in Cognito, a pool publishes a key for access tokens and a key for ID tokens. Only the first
/// one rotates. The second one is always published, so that tests notice a resource server that
/// confuses the two.
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

    /// Returns the key that signs access tokens.
    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    pub(crate) fn id_token(&self) -> &SigningKey {
        &self.id_token
    }

    /// Returns the keys whose tokens are the issuer's own, published or not.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &SigningKey> {
        self.previous.iter().chain([&self.current, &self.id_token])
    }

    /// Signs with `next` and publishes it. The previously published generation stays published.
    pub(crate) fn rotate(&mut self, next: SigningKey) {
        self.rotate_unpublished(next);
        self.publish();
    }

    /// Signs with `next` and publishes it. All earlier generations are removed at once.
    pub(crate) fn rotate_without_overlap(&mut self, next: SigningKey) {
        self.rotate(next);
        self.revoke_previous();
    }

    /// Signs with `next` without publishing it. [`publish`](Self::publish) publishes it.
    pub(crate) fn rotate_unpublished(&mut self, next: SigningKey) {
        let last = std::mem::replace(&mut self.current, next);
        // A key that was never published needs no overlap, so the generation before it stays published.
        if self.current_is_published {
            self.previous = Some(last);
        }
        self.current_is_published = false;
    }

    pub(crate) fn publish(&mut self) {
        self.current_is_published = true;
    }

    /// Publishes the current key if it has this id. A key that was already replaced is not
    /// published.
    pub(crate) fn publish_if_current(&mut self, kid: &str) {
        if self.current.kid() == kid {
            self.publish();
        }
    }

    pub(crate) fn revoke_previous(&mut self) {
        self.previous = None;
    }

    /// Replaces the current key by `next`, which gets the current key's id.
    pub(crate) fn replace_key_material(&mut self, next: SigningKey) {
        self.current = next.with_kid(self.current.kid());
    }

    /// Returns the key set (RFC 7517 §5): the previous key, the current key and the key for ID
    /// tokens.
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
