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

    /// Signs a proof for one request. It has this nonce, or else the last nonce of the server.
    ///
    /// A retry needs the nonce of the response that requires it. The last one may be that of
    /// another response, because servers may give each request its own.
    pub(crate) fn proof(
        &self,
        role: Role,
        method: &str,
        target: &Target,
        ath: Option<&str>,
        nonce: Option<Nonce>,
    ) -> Result<Proof, SignProofError> {
        let nonce = nonce.or_else(|| self.nonces.get(role, &target.origin));
        let request = ProvenRequest { method, htu: &target.htu, ath, nonce: nonce.as_ref() };
        Proof::sign(&self.key, &request, self.clock.now())
    }

    /// Stores the nonce of a response (RFC 9449 §8.2, §9), and returns it if there is a valid one.
    pub(crate) fn store_nonce(&self, role: Role, origin: &str, headers: &HeaderMap) -> Option<Nonce> {
        let nonce = Nonce::from_headers(headers)?;
        self.nonces.set(role, origin, &nonce);
        Some(nonce)
    }
}
