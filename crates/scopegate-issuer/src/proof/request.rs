//! The headers of a request with DPoP.

use std::fmt;

use super::DpopProof;
use crate::mint::Mint;

/// The headers of one request with DPoP (RFC 9449 §7.1). `Debug` shows neither token nor proof.
#[derive(Clone, PartialEq, Eq)]
pub struct DpopRequest {
    pub(super) scheme: &'static str,
    pub(super) token: String,
    pub(super) proofs: Vec<String>,
}

impl DpopRequest {
    /// Returns the value of the `Authorization` header.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("{} {}", self.scheme, self.token)
    }

    /// Returns the access token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the value of each `DPoP` header: one in a valid request.
    pub fn proofs(&self) -> impl Iterator<Item = &str> {
        self.proofs.iter().map(String::as_str)
    }
}

impl fmt::Debug for DpopRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DpopRequest").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

impl DpopProof {
    /// Returns the headers of a request with this token and a new proof. The token is bound to the key
    /// of the proof, and `ath` is set.
    ///
    /// # Panics
    ///
    /// Panics if the `Mint` has no pool.
    #[must_use]
    #[track_caller]
    pub fn request(&self, token: &Mint) -> DpopRequest {
        self.request_with(token.clone().with_dpop_key(&self.key).sign())
    }

    pub(super) fn request_with(&self, token: String) -> DpopRequest {
        let proof = self.clone().token(&token).sign();
        DpopRequest { scheme: "DPoP", token, proofs: vec![proof] }
    }
}
