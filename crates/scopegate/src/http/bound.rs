//! The decision about a request whose token is bound to a key (DPoP, RFC 9449 §7.1) or a client
//! certificate (RFC 8705 §3).

use http::{HeaderMap, HeaderName, Method, Uri};

use crate::certificate::header_certificate::HeaderCertificate;
use crate::checks::confirmation::{RequestCertificate, Scheme};
use crate::claims::Claims;
use crate::claims::accepted_issuers::AcceptedIssuers;
use crate::dpop::error::DpopProofError;
use crate::dpop::proof::{CheckedProof, MAX_LENGTH, PresentedProof};
use crate::http::authorizer::{Authorization, Authorizer, Grant, PendingAuthorization};
use crate::http::credentials::bearer::{PresentedToken, is_one_token};
use crate::http::credentials::{Credentials, MalformedCredentials};
use crate::http::head::RequestHead;
use crate::http::proven::{AcceptedRequest, ProvenRequest};
use crate::http::rejection::{Rejection, RejectionReason};
use crate::verifier::outcome::Rejected;
use crate::verifier::pending::BoundAttempt;

/// The header with the proof (RFC 9449 §4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

impl Authorizer {
    /// Decides about a request, without waiting. A token that is bound to a key needs this method,
    /// because its proof names the method and the URL.
    ///
    /// `uri` is the URI of the request as it arrived, before a router removes a part of its path.
    /// Only its path is used. The origin is the one of the [resource](Self::with_resource), or
    /// [configured](crate::Dpop::origin) for all requests.
    ///
    /// A token that is bound to a client certificate is rejected, because this method has no
    /// certificate. If the verifier [accepts certificates](crate::ClientCertificates), call
    /// [`authorize_head`](Self::authorize_head) instead.
    ///
    /// ```
    /// use http::Request;
    /// use scopegate::Claims;
    /// use scopegate::http::{AcceptedRequest, Authorization, Authorizer, Grant, Rejection};
    ///
    /// async fn decide<B>(authorizer: &Authorizer, request: &Request<B>) -> Result<AcceptedRequest, Rejection> {
    ///     let decided = authorizer.authorize_request(request.method(), request.uri(), request.headers());
    ///     let proven = match decided.settle(authorizer).await? {
    ///         Grant::Accepted(accepted) => return Ok(accepted),
    ///         Grant::Proven(proven) => proven,
    ///     };
    ///     // A rule of the application: before the proof is used up.
    ///     if proven.claims().client_id() == Some("batch-1") {
    ///         return Err(proven.reject(Rejection::forbidden("suspended")));
    ///     }
    ///     proven.record_and_wait(None).await
    /// }
    /// # let _ = decide::<()>;
    /// ```
    pub fn authorize_request(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Authorization {
        self.authorize_head(RequestHead::new(headers).with_target(method, uri))
    }

    /// Like [`authorize_request`](Self::authorize_request), and accepts only tokens of these issuers,
    /// as [`authorize_for`](Self::authorize_for) does.
    pub fn authorize_request_for(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        issuers: AcceptedIssuers,
    ) -> Authorization {
        self.authorize_head(RequestHead::new(headers).with_target(method, uri).with_issuers(issuers))
    }

    /// Decides about a request by its head, without waiting. A token that is bound to a client
    /// certificate needs this method, because the head has the certificate or the sender.
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// use http::request::Parts;
    /// use scopegate::http::{AcceptedRequest, Authorizer, Grant, Rejection, RequestHead};
    ///
    /// async fn decide(
    ///     authorizer: &Authorizer,
    ///     request: &Parts,
    ///     peer: SocketAddr,
    /// ) -> Result<AcceptedRequest, Rejection> {
    ///     let head = RequestHead::new(&request.headers)
    ///         .with_target(&request.method, &request.uri)
    ///         .with_peer_address(peer.ip());
    ///     match authorizer.authorize_head(head).settle(authorizer).await? {
    ///         Grant::Accepted(accepted) => Ok(accepted),
    ///         Grant::Proven(proven) => proven.record_and_wait(None).await,
    ///     }
    /// }
    /// # let _ = decide;
    /// ```
    pub fn authorize_head(&self, mut head: RequestHead<'_>) -> Authorization {
        let credentials = Credentials::from_headers(head.headers);
        let issuers = head.issuers.take();
        let of_this_call = HeaderCertificate::default();
        let read;
        let certificate = match self.verifier.certificates() {
            Some(policy) => {
                read = || {
                    let of_header = head.header_certificate().unwrap_or(&of_this_call);
                    let connection = head.certificate();
                    policy.read(head.headers, head.peer_address(), connection.as_ref(), of_header)
                };
                RequestCertificate::Unread(&read)
            }
            None => RequestCertificate::NotAccepted,
        };
        if let Credentials::Dpop(token) = credentials
            && self.verifier.dpop().is_some()
            && let Some((method, uri)) = head.target()
        {
            let presented = PresentedProof {
                proof: proof_of(head.headers),
                method: method.as_str().into(),
                path: uri.path().into(),
                origin: self.origin.clone(),
            };
            return self.authorize_bound_token(token, presented, issuers, certificate);
        }
        self.decide(credentials, issuers, certificate)
    }

    #[cold]
    fn authorize_bound_token(
        &self,
        token: PresentedToken<'_>,
        proof: PresentedProof,
        issuers: Option<AcceptedIssuers>,
        certificate: RequestCertificate<'_>,
    ) -> Authorization {
        match self.verifier.attempt_bound(token.as_bytes(), &proof, certificate) {
            BoundAttempt::Done(Err(_)) if !is_one_token(token.as_bytes()) => {
                let reason = RejectionReason::Malformed(MalformedCredentials::NotOneToken);
                Authorization::Ready(Err(Rejection::new(reason).in_scheme(Scheme::Dpop)))
            }
            BoundAttempt::Done(result) => match self.require_of_bound(result, issuers.as_ref()) {
                Ok(proven) => Authorization::Proven(proven),
                Err(rejection) => Authorization::Ready(Err(rejection)),
            },
            BoundAttempt::Pending(verification) => {
                let proof = Some(Box::new(proof));
                Authorization::Pending(PendingAuthorization { verification, proof, issuers })
            }
        }
    }

    pub(super) fn require_of_bound(
        &self,
        verified: Result<(Claims, CheckedProof), Rejected>,
        issuers: Option<&AcceptedIssuers>,
    ) -> Result<ProvenRequest, Rejection> {
        let result = verified.map_err(Rejection::from).and_then(|(claims, proof)| {
            self.require(claims.clone(), issuers).map(|_| ProvenRequest::new(&self.verifier, claims, proof))
        });
        result.map_err(|rejection| rejection.in_scheme(Scheme::Dpop))
    }
}

impl Authorization {
    /// Waits until the request is accepted or rejected, or until only its proof has to be recorded.
    ///
    /// `authorizer` must be the authorizer that returned this value.
    ///
    /// # Errors
    /// Returns the [`Rejection`] of the request.
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime with timers, if it has to wait.
    pub async fn settle(self, authorizer: &Authorizer) -> Result<Grant, Rejection> {
        match self {
            Self::Ready(result) => {
                result.map(|claims| Grant::Accepted(AcceptedRequest::without_proof(claims)))
            }
            Self::Proven(proven) => Ok(Grant::Proven(proven)),
            Self::Pending(pending) => pending.wait(authorizer).await,
        }
    }
}

/// Returns the only `DPoP` header (RFC 9449 §4.3, point 1).
fn proof_of(headers: &HeaderMap) -> Result<Box<[u8]>, DpopProofError> {
    let mut values = headers.get_all(DPOP).iter();
    match (values.next(), values.next()) {
        (None, _) => Err(DpopProofError::Missing),
        // It is not copied, whatever its length.
        (Some(proof), None) if proof.len() > MAX_LENGTH => {
            Err(DpopProofError::TooLong { limit: MAX_LENGTH, found: proof.len() })
        }
        (Some(proof), None) => Ok(proof.as_bytes().into()),
        (Some(_), Some(_)) => Err(DpopProofError::Several),
    }
}
