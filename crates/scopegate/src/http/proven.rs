//! The last step of a request with a proof: the proof is recorded, and must be the first use.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue};
use tokio::time::timeout;

use crate::claims::Claims;
use crate::dpop::error::DpopProofError;
use crate::dpop::proof::CheckedProof;
use crate::dpop::replay::{ProofUse, ReplayStoreError, Store};
use crate::error::Error;
use crate::http::challenge::DPOP_NONCE;
use crate::http::rejection::Rejection;
use crate::telemetry::metrics;
use crate::verifier::Verifier;

/// Upper bound on how long a request waits for a store that several instances share.
const STORE_TIMEOUT: Duration = Duration::from_secs(1);

/// A request whose token, scopes and proof are valid. The use of its proof is not recorded yet.
///
/// Check the rules of the application first, because a rejected request must not use up its proof.
/// Then call [`record`](Self::record). The request is accepted if the result is `Ok`.
#[must_use = "the request is accepted only after its proof is recorded"]
pub struct ProvenRequest {
    verifier: Verifier,
    claims: Claims,
    proof: CheckedProof,
    outer: Option<ProofReceipt>,
}

/// The result of [`ProvenRequest::record`].
#[must_use = "a pending recording has decided nothing yet"]
pub enum Recording {
    /// The proof is recorded, or the request is rejected.
    Done(Result<AcceptedRequest, Rejection>),
    /// The store of several instances is asked.
    Pending(PendingRecording),
}

/// A recording in a store that several instances share.
#[must_use = "nothing is decided until wait() is awaited"]
pub struct PendingRecording {
    request: ProvenRequest,
    recording: Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>>,
}

/// An accepted request.
#[derive(Clone, Debug)]
pub struct AcceptedRequest {
    claims: Option<Claims>,
    receipt: Option<ProofReceipt>,
    next_nonce: Option<HeaderValue>,
}

/// The record that the proof of a request was used. A layer passes it to inner layers, which see the
/// same proof again. It has the records of all outer layers.
#[derive(Clone)]
pub struct ProofReceipt(Arc<Recorded>);

struct Recorded {
    verifier: Verifier,
    key: [u8; 16],
    outer: Option<ProofReceipt>,
}

impl ProvenRequest {
    pub(super) fn new(verifier: &Verifier, claims: Claims, proof: CheckedProof) -> Self {
        Self { verifier: verifier.clone(), claims, proof, outer: None }
    }

    /// Returns the claims of the token, for rules of the application.
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Rejects the request by a rule of the application. Its proof is not used up.
    pub fn reject(self, rejection: impl Into<Rejection>) -> Rejection {
        rejection.into().for_caller(&self.claims).with_claims(self.claims)
    }

    /// Records the use of the proof. This is the last step that can reject a request.
    ///
    /// `outer` is the receipt of an outer layer that has accepted the same request. If an outer layer
    /// has recorded the same proof in the same store, it is not recorded again. Verifiers share a
    /// store if their [`Dpop`](crate::Dpop) settings are clones, or have clones of a store with an
    /// [identity](crate::ReplayStore::identity).
    pub fn record(mut self, outer: Option<&ProofReceipt>) -> Recording {
        self.outer = outer.cloned();
        if self.is_recorded() {
            return Recording::Done(Ok(self.accepted()));
        }
        let used = self.proof.used;
        match self.verifier.dpop().map(|policy| &policy.store) {
            Some(Store::Memory(store)) => {
                let recorded = store.record(&used);
                Recording::Done(self.decided(recorded))
            }
            Some(Store::Shared(store)) => {
                let recording = store.get().record(used);
                Recording::Pending(PendingRecording { request: self, recording })
            }
            // A proof is checked only if there is a store.
            None => Recording::Done(self.decided(Err(ReplayStoreError::new("there is none")))),
        }
    }

    /// Records the use of the proof, and waits for the store if necessary.
    ///
    /// # Errors
    /// Returns the [`Rejection`] of a replayed proof, or of an unavailable store.
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime with timers, if several instances share the store.
    pub async fn record_and_wait(self, outer: Option<&ProofReceipt>) -> Result<AcceptedRequest, Rejection> {
        match self.record(outer) {
            Recording::Done(result) => result,
            Recording::Pending(pending) => pending.wait().await,
        }
    }

    fn is_recorded(&self) -> bool {
        let receipts = std::iter::successors(self.outer.as_ref(), |receipt| receipt.0.outer.as_ref());
        let key = self.proof.used.key();
        receipts
            .into_iter()
            .any(|receipt| receipt.0.key == key && receipt.0.verifier.has_replay_store_of(&self.verifier))
    }

    fn decided(self, recorded: Result<ProofUse, ReplayStoreError>) -> Result<AcceptedRequest, Rejection> {
        let error = match recorded {
            Ok(ProofUse::First) => {
                metrics::proof_used("recorded");
                return Ok(self.accepted());
            }
            Ok(ProofUse::Repeated) => {
                metrics::proof_used("replayed");
                Error::InvalidProof(DpopProofError::Replayed)
            }
            Err(error) => {
                metrics::proof_used("unavailable");
                let retry_after = error.retry_after();
                Error::ReplayStoreUnavailable { reason: error.to_string(), retry_after }
            }
        };
        Err(Rejection::of_token(error).for_caller(&self.claims).with_claims(self.claims))
    }

    fn accepted(self) -> AcceptedRequest {
        let next_nonce = self.proof.needs_nonce.then(|| nonce(&self.verifier)).flatten();
        let recorded = Recorded { verifier: self.verifier, key: self.proof.used.key(), outer: self.outer };
        let receipt = ProofReceipt(Arc::new(recorded));
        AcceptedRequest { claims: Some(self.claims), receipt: Some(receipt), next_nonce }
    }
}

/// Returns a nonce for a response, if nonces are required.
pub(super) fn nonce(verifier: &Verifier) -> Option<HeaderValue> {
    let nonce = verifier.dpop()?.rules.nonce(verifier.now())?;
    HeaderValue::try_from(nonce).ok()
}

impl PendingRecording {
    /// Waits for the store, at most 1 s.
    ///
    /// If the future is dropped, the proof may be used up.
    ///
    /// # Errors
    /// Returns the [`Rejection`] of a replayed proof, or of an unavailable store.
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime with timers.
    pub async fn wait(self) -> Result<AcceptedRequest, Rejection> {
        let recorded = timeout(STORE_TIMEOUT, self.recording).await;
        self.request
            .decided(recorded.unwrap_or_else(|_| Err(ReplayStoreError::new("the store did not respond"))))
    }
}

impl AcceptedRequest {
    /// Creates the value for a request without a proof.
    pub(super) fn without_proof(claims: Option<Claims>) -> Self {
        Self { claims, receipt: None, next_nonce: None }
    }

    /// Returns the claims. `None` if the token is optional and the request has none.
    pub fn claims(&self) -> Option<&Claims> {
        self.claims.as_ref()
    }

    /// Returns the claims, and drops the rest.
    pub fn into_claims(self) -> Option<Claims> {
        self.claims
    }

    /// Returns the receipt of the request's proof, for inner layers.
    pub fn receipt(&self) -> Option<&ProofReceipt> {
        self.receipt.as_ref()
    }

    /// Returns the next nonce, if the response must contain it.
    pub fn next_nonce(&self) -> Option<&HeaderValue> {
        self.next_nonce.as_ref()
    }

    /// Adds the next nonce to the headers of a response, if the response must contain it
    /// (RFC 9449 §8.2). Such a response must not be cached.
    pub fn add_headers(&self, headers: &mut HeaderMap) {
        if let Some(nonce) = &self.next_nonce {
            headers.insert(DPOP_NONCE, nonce.clone());
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
    }
}

impl fmt::Debug for ProvenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProvenRequest").field("claims", &self.claims).finish_non_exhaustive()
    }
}

impl fmt::Debug for PendingRecording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingRecording").field("request", &self.request).finish_non_exhaustive()
    }
}

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(result) => f.debug_tuple("Done").field(result).finish(),
            Self::Pending(pending) => f.debug_tuple("Pending").field(pending).finish(),
        }
    }
}

impl fmt::Debug for ProofReceipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProofReceipt").finish_non_exhaustive()
    }
}
