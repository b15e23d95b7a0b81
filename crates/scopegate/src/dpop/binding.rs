//! The key to which a token is bound (`cnf.jkt`, RFC 9449 §6.1).

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use scopegate_proto::base64url;
use scopegate_proto::jwk::Jwk;
use scopegate_proto::thumbprint::Thumbprint;
use serde_json::value::RawValue;

use crate::dpop::error::DpopProofError;
use crate::keys::jwk::Key;
use crate::keys::verifying_key::sha256;
use crate::token::algorithm::Algorithm;

/// The key of a bound token. A cached token keeps the key prepared after its first valid proof.
pub(crate) struct Binding {
    /// The SHA-256 thumbprint of the key (RFC 7638).
    thumbprint: [u8; 32],
    /// The hash of the token, as proofs name it.
    token_hash: Box<str>,
    prepared: ArcSwapOption<PreparedKey>,
}

/// The key of a proof, which is the key of the token.
pub(crate) struct ProofKey<'a> {
    jwk: &'a RawValue,
    algorithm: Algorithm,
    /// `None` if the token keeps no such key.
    prepared: Option<Arc<Key>>,
}

/// A key, with the JSON that it was read from.
struct PreparedKey {
    jwk: Box<str>,
    key: Arc<Key>,
}

/// Larger keys are prepared for each proof. An RSA key of 4,096 bits has some 800 bytes.
const MAX_KEPT_JWK: usize = 1024;

/// Upper bound of the requested bytes: the JSON, and a prepared key.
pub(crate) const WEIGHT: usize = 2 * MAX_KEPT_JWK;

impl Binding {
    /// Creates the binding of a token to the key with this thumbprint. Returns `None` if the
    /// thumbprint is not 32 bytes in canonical base64url.
    pub(crate) fn new(thumbprint: &str, token: &[u8]) -> Option<Self> {
        let thumbprint = base64url::decode(thumbprint)?.try_into().ok()?;
        let token_hash = base64url::encode(sha256(token)).into();
        Some(Self { thumbprint, token_hash, prepared: ArcSwapOption::empty() })
    }

    pub(crate) fn thumbprint(&self) -> &[u8; 32] {
        &self.thumbprint
    }

    /// Returns the expected `ath` (RFC 9449 §4.2).
    pub(crate) fn token_hash(&self) -> &str {
        &self.token_hash
    }

    /// Returns `jwk` if it is the key to which the token is bound.
    pub(crate) fn key<'a>(
        &self,
        jwk: &'a RawValue,
        algorithm: Algorithm,
    ) -> Result<ProofKey<'a>, DpopProofError> {
        if let Some(prepared) = &*self.prepared.load()
            && *prepared.jwk == *jwk.get()
            && prepared.key.algorithm == algorithm
        {
            return Ok(ProofKey { jwk, algorithm, prepared: Some(Arc::clone(&prepared.key)) });
        }
        let thumbprint = Jwk::from_text(jwk.get()).and_then(|jwk| Thumbprint::of(&jwk));
        let thumbprint = thumbprint.map_err(unusable)?;
        // Before the key is prepared: a token without its key costs no preparation.
        if *thumbprint.as_bytes() != self.thumbprint {
            return Err(DpopProofError::OtherKey);
        }
        Ok(ProofKey { jwk, algorithm, prepared: None })
    }

    /// Keeps a key that has verified a signature.
    pub(crate) fn keep(&self, proof_key: &ProofKey<'_>, key: Arc<Key>) {
        let jwk = proof_key.jwk.get();
        if proof_key.prepared.is_none() && jwk.len() <= MAX_KEPT_JWK {
            self.prepared.store(Some(Arc::new(PreparedKey { jwk: jwk.into(), key })));
        }
    }

    #[cfg(test)]
    pub(crate) fn keeps_a_key(&self) -> bool {
        self.prepared.load().is_some()
    }
}

impl ProofKey<'_> {
    /// Returns the key, prepared for the algorithm of the proof.
    pub(crate) fn prepare(&self) -> Result<Arc<Key>, DpopProofError> {
        if let Some(key) = &self.prepared {
            return Ok(Arc::clone(key));
        }
        let keys = Key::of_proof(self.jwk, self.algorithm).map_err(unusable)?;
        keys.into_iter().next().ok_or(DpopProofError::OtherKey)
    }
}

fn unusable(error: impl fmt::Display) -> DpopProofError {
    DpopProofError::UnusableKey { reason: error.to_string() }
}
