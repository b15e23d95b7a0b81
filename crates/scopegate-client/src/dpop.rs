//! DPoP (RFC 9449): how does a client prove that it holds the key of its token?
//!
//! Proofs are made for the token endpoint and for APIs. Tokens keep the key and the nonces that
//! their proofs need, see [`binding`].

pub(crate) mod binding;
pub(crate) mod key;
pub(crate) mod nonces;
pub(crate) mod proof;
pub(crate) mod target;

use std::sync::Arc;

use http::HeaderName;
use scopegate_proto::clock::Clock;

use crate::dpop::binding::Binding;
use crate::dpop::key::DpopKey;
use crate::dpop::nonces::Nonces;
use crate::error::proof::SignProofError;

/// The header of a proof (RFC 9449 §4.1).
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// The error of a server that requires a nonce (RFC 9449 §8, §9).
pub(crate) const USE_NONCE: &str = "use_dpop_nonce";

/// The name of the scheme, and of the token type (RFC 9449 §5, §7.1).
pub(crate) const SCHEME: &str = "DPoP";

/// The settings of the builder, and the nonces of all servers.
pub(crate) struct Dpop {
    pub(crate) key: DpopKey,
    /// A token that is not bound is used.
    pub(crate) allows_unbound: bool,
    nonces: Arc<Nonces>,
}

impl Dpop {
    pub(crate) fn new(key: DpopKey, allows_unbound: bool) -> Self {
        Self { key, allows_unbound, nonces: Arc::default() }
    }

    /// Returns the key for the next token.
    pub(crate) fn next_binding(&self, clock: &Arc<dyn Clock>) -> Result<Binding, SignProofError> {
        let key = self.key.next_key().ok_or(SignProofError::NoRandomness)?;
        Ok(Binding::new(key, Arc::clone(&self.nonces), Arc::clone(clock)))
    }
}
