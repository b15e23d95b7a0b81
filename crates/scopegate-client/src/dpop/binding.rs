//! The binding of a token to its key: proofs for requests with the token.

use std::sync::Arc;

use http::HeaderMap;
use scopegate_proto::clock::Clock;

use crate::dpop::key::ProofKey;
use crate::dpop::nonces::{Nonce, Nonces, Role};
use crate::dpop::proof::{Proof, ProvenRequest};
use crate::dpop::target::Target;
use crate::error::proof::SignProofError;

/// A key, and the state that its proofs need.
pub(crate) struct Binding {
    key: Arc<ProofKey>,
    nonces: Arc<Nonces>,
    clock: Arc<dyn Clock>,
}

impl Binding {
    pub(crate) fn new(key: Arc<ProofKey>, nonces: Arc<Nonces>, clock: Arc<dyn Clock>) -> Self {
        Self { key, nonces, clock }
    }

    /// Signs a proof for one request. It has the last nonce of the server.
    pub(crate) fn proof(
        &self,
        role: Role,
        method: &str,
        target: &Target,
        ath: Option<&str>,
    ) -> Result<Proof, SignProofError> {
        let nonce = self.nonces.get(role, &target.origin);
        let request = ProvenRequest { method, htu: &target.htu, ath, nonce: nonce.as_ref() };
        Proof::sign(&self.key, &request, self.clock.now())
    }

    /// Stores the nonce of a response (RFC 9449 §8.2, §9). Returns whether there is a valid one.
    pub(crate) fn store_nonce(&self, role: Role, origin: &str, headers: &HeaderMap) -> bool {
        let nonce = Nonce::from_headers(headers);
        if let Some(nonce) = &nonce {
            self.nonces.set(role, origin, nonce);
        }
        nonce.is_some()
    }
}
