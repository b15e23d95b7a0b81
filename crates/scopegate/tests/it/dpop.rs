//! DPoP (RFC 9449): is a token accepted only with a proof of its key? Each accepted request has
//! rejected twins that differ in one point.

mod challenges;
mod credentials;
mod lookups;
mod nonces;
mod proofs;
mod replay;
mod settings;

use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Request};
use scopegate::http::{AcceptedRequest, Authorization, Authorizer, Recording, Rejection, ResponseTemplate};
use scopegate::{Dpop, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};
use testkit::{KEY, NOW, Proof, Token as _, bound_to, client_token, issuer_with_keys};

/// The client's key.
pub(crate) static CLIENT_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(KeyAlgorithm::ES256));
pub(crate) static OTHER_CLIENT_KEY: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(KeyAlgorithm::ES256));
pub(crate) const ORIGIN: &str = "https://api.example";
pub(crate) const URL: &str = "https://api.example/orders";
pub(crate) const SCOPE: &str = "orders/read";

/// An API that requires a scope, with a clock that tests set.
pub(crate) struct Api {
    pub(crate) verifier: Verifier,
    pub(crate) authorizer: Authorizer,
    now: Arc<AtomicU64>,
}

impl Api {
    /// An API that accepts proofs and bearer tokens.
    pub(crate) fn accepting() -> Self {
        Self::with(Dpop::accept())
    }

    pub(crate) fn requiring() -> Self {
        Self::with(Dpop::require())
    }

    pub(crate) fn with(dpop: Dpop) -> Self {
        let now = Arc::new(AtomicU64::new(NOW));
        let clock = Arc::clone(&now);
        let verifier = Verifier::builder()
            .clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)))
            .trust(issuer_with_keys([KEY.jwk()]).client(testkit::CLIENT))
            .dpop(dpop.origin(ORIGIN))
            .build()
            .unwrap();
        let authorizer = Authorizer::require_scope(&verifier, SCOPE).unwrap();
        Self { verifier, authorizer, now }
    }

    pub(crate) fn at(&self, seconds: u64) -> &Self {
        self.now.store(NOW + seconds, Ordering::Relaxed);
        self
    }

    pub(crate) fn send(&self, request: &Request<()>) -> Result<AcceptedRequest, Rejection> {
        send(&self.authorizer, request)
    }

    /// Returns the status and the reason code.
    pub(crate) fn outcome(&self, request: &Request<()>) -> (u16, &'static str) {
        match self.send(request) {
            Ok(_) => (200, "accepted"),
            Err(rejection) => (rejection.status().as_u16(), rejection.reason_code()),
        }
    }

    /// Returns the response to a rejected request.
    pub(crate) fn response(&self, request: &Request<()>) -> ResponseTemplate {
        self.authorizer.response(&self.send(request).unwrap_err())
    }

    /// Returns the challenges of the response to a rejected request.
    pub(crate) fn challenges(&self, request: &Request<()>) -> Vec<String> {
        let template = self.response(request);
        let challenges = template.headers().filter(|(name, _)| *name == WWW_AUTHENTICATE);
        challenges.map(|(_, value)| value.to_str().unwrap().to_owned()).collect()
    }
}

pub(crate) fn send(authorizer: &Authorizer, request: &Request<()>) -> Result<AcceptedRequest, Rejection> {
    match authorizer.authorize_request(request.method(), request.uri(), request.headers()) {
        Authorization::Proven(proven) => match proven.record(None) {
            Recording::Done(result) => result,
            Recording::Pending(_) => panic!("the store is in memory"),
        },
        Authorization::Ready(result) => result.map(|_| panic!("there was no proof")),
        Authorization::Pending(_) => panic!("the keys are static"),
    }
}

/// Returns whether a request without a proof is accepted.
pub(crate) fn accepts_bearer(api: &Api, request: &Request<()>) -> bool {
    let decided = api.authorizer.authorize_request(request.method(), request.uri(), request.headers());
    matches!(decided, Authorization::Ready(Ok(Some(_))))
}

/// A draft of a token that is bound to [`CLIENT_KEY`].
pub(crate) fn bound() -> Mint {
    bound_to(&CLIENT_KEY, client_token().scope(SCOPE))
}

/// A token that is bound to [`CLIENT_KEY`].
pub(crate) static TOKEN: LazyLock<String> = LazyLock::new(|| bound().compact());

/// A proof for a request with [`TOKEN`].
pub(crate) fn proof() -> Proof {
    Proof::new(&CLIENT_KEY, "GET", URL, &TOKEN)
}

/// A request with [`TOKEN`] and this proof.
pub(crate) fn with_proof(proof: &str) -> Request<()> {
    get(&format!("DPoP {}", &*TOKEN), &[proof])
}

/// A request with a proof that is signed with [`CLIENT_KEY`].
pub(crate) fn proven(proof: &Proof) -> Request<()> {
    with_proof(&proof.sign_with(&CLIENT_KEY))
}

pub(crate) fn get(authorization: &str, proofs: &[&str]) -> Request<()> {
    let mut request = Request::get("/orders").header(AUTHORIZATION, authorization).body(()).unwrap();
    add_proofs(request.headers_mut(), proofs);
    request
}

pub(crate) fn add_proofs(headers: &mut HeaderMap, proofs: &[&str]) {
    for proof in proofs {
        headers.append("dpop", proof.parse().unwrap());
    }
}
