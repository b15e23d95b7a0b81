//! The requirement of a route, and the decision about one request.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, Uri};
use scopegate_proto::scope::Scope;

use crate::checks::authentication::RequiredAuthentication;
use crate::checks::confirmation::{RequestCertificate, Scheme};
use crate::claims::Claims;
use crate::claims::accepted_issuers::AcceptedIssuers;
use crate::config_error::ConfigError;
use crate::dpop::proof::PresentedProof;
use crate::http::challenge::{Challenge, DEFAULT_REALM, DpopChallenge, MetadataUrl};
use crate::http::credentials::bearer::{PresentedToken, is_one_token};
use crate::http::credentials::{Credentials, MalformedCredentials};
use crate::http::proven::{AcceptedRequest, ProvenRequest, nonce};
use crate::http::rejection::{RaisedBy, Rejection, RejectionReason};
use crate::http::template::{Kind, ResponseTemplate, ResponseTemplates};
use crate::resource_identifier::ResourceIdentifier;
use crate::scope::requirement::Requirement;
use crate::verifier::Verifier;
use crate::verifier::pending::{Attempt, PendingVerification};

/// Decides about the requests to a route, and renders the responses to rejected ones.
///
/// Create one for each requirement at startup. See the [module](crate::http) for an example.
#[derive(Clone)]
pub struct Authorizer {
    pub(super) verifier: Verifier,
    access: Access,
    /// The issuers that every request accepts. `None` for all that the verifier trusts.
    issuers: Option<AcceptedIssuers>,
    /// The origin of the resource, which DPoP proofs must name. `None` for the verifier's.
    pub(super) origin: Option<Arc<str>>,
    challenge: Challenge,
    /// Rendered for the first rejection, when the challenge is final.
    templates: OnceLock<ResponseTemplates>,
}

/// The requirement of a route.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Access {
    /// A valid token that grants scopes.
    Scopes(Requirement),
    /// A valid token.
    Token,
    /// A valid token, or no token.
    OptionalToken,
}

/// The decision about a request.
#[derive(Debug)]
pub enum Authorization {
    /// The request is accepted or rejected. `None` instead of claims means that the token is
    /// [optional](Access::OptionalToken) and the request has none.
    Ready(Result<Option<Claims>, Rejection>),
    /// The token and the proof are valid. The use of the proof must be recorded. Only
    /// [`authorize_head`](Authorizer::authorize_head) and
    /// [`authorize_request`](Authorizer::authorize_request) return it.
    Proven(ProvenRequest),
    /// The token names an unknown key that its issuer may just have published.
    Pending(PendingAuthorization),
}

/// The decision about a request that is not rejected.
#[derive(Debug)]
pub enum Grant {
    /// The request is accepted.
    Accepted(AcceptedRequest),
    /// The token and the proof are valid. The use of the proof must be recorded.
    Proven(ProvenRequest),
}

/// A decision that depends on a key that is being fetched.
#[must_use = "nothing is decided until wait() is awaited"]
#[derive(Debug)]
pub struct PendingAuthorization {
    /// Boxed, because it would be the largest part of a decision, and is rare.
    pub(super) verification: Box<PendingVerification>,
    /// `None` for a bearer token.
    pub(super) proof: Option<Box<PresentedProof>>,
    /// The issuers that this request accepts.
    pub(super) issuers: Option<AcceptedIssuers>,
}

impl Authorizer {
    /// Requires a valid token that grants one scope, or [`all_of`](crate::all_of) or
    /// [`any_of`](crate::any_of) several.
    ///
    /// # Errors
    /// Returns the [`ConfigError`] of [`Requirement::check`].
    pub fn require_scope(
        verifier: &Verifier,
        requirement: impl Into<Requirement>,
    ) -> Result<Self, ConfigError> {
        let requirement = requirement.into();
        requirement.check()?;
        Ok(Self::new(verifier, Access::Scopes(verifier.compile(requirement))))
    }

    /// Requires a valid token, with any scopes or none.
    pub fn require_token(verifier: &Verifier) -> Self {
        Self::new(verifier, Access::Token)
    }

    /// Accepts requests **without a token** too. An invalid token is rejected.
    pub fn optional_token(verifier: &Verifier) -> Self {
        Self::new(verifier, Access::OptionalToken)
    }

    fn new(verifier: &Verifier, access: Access) -> Self {
        let scopes = match &access {
            Access::Scopes(requirement) => requirement.challenge_scopes(),
            Access::Token | Access::OptionalToken => Vec::new(),
        };
        let scopes: Vec<&str> = scopes.into_iter().map(Scope::as_str).collect();
        let challenge = Challenge {
            scope: scopes.join(" "),
            dpop: verifier.dpop().map(|policy| DpopChallenge::new(&policy.settings)),
            ..Challenge::new(DEFAULT_REALM)
        };
        Self {
            verifier: verifier.clone(),
            access,
            issuers: None,
            origin: None,
            challenge,
            templates: OnceLock::new(),
        }
    }

    /// Sets the realm of challenges, the name of the protected area (RFC 9110 §11.5).
    ///
    /// Default: `api`. Characters that are not printable ASCII become `?`.
    #[must_use]
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        self.with_challenge(|challenge| challenge.realm = realm.into())
    }

    /// Sets the URL of the API's metadata, for challenges (RFC 9728 §5.1). Default: none.
    #[must_use]
    pub fn with_resource_metadata(self, url: MetadataUrl) -> Self {
        self.with_challenge(|challenge| challenge.resource_metadata = Some(url))
    }

    /// Sets the resource of the requests, for example of the tenant whose host they are sent to.
    /// Default: none.
    ///
    /// Challenges have the [URL of its metadata](Self::with_resource_metadata). DPoP proofs must name
    /// its origin (RFC 9449 §4.3), and not [`Dpop::origin`](crate::Dpop::origin). Select the resource
    /// from your own list, because a caller can choose `Host`: a proof for tenant A is then invalid
    /// for tenant B.
    ///
    /// Create one authorizer for each resource. Its responses are rendered once.
    ///
    /// ```
    /// use scopegate::ConfigError;
    /// use scopegate::http::Authorizer;
    ///
    /// fn of_tenant(read: &Authorizer, host: &str) -> Result<Authorizer, ConfigError> {
    ///     Ok(read.clone().with_resource(&format!("https://{host}").parse()?))
    /// }
    /// # let _ = of_tenant;
    /// ```
    #[must_use]
    pub fn with_resource(self, resource: &ResourceIdentifier) -> Self {
        let origin = Some(resource.origin().into());
        Self { origin, ..self.with_resource_metadata(resource.into()) }
    }

    /// Accepts only tokens of these issuers. Default: of all issuers that the verifier trusts.
    ///
    /// Tokens of other issuers are [`Error::WrongIssuer`](crate::Error::WrongIssuer) (401). The issuer
    /// is checked before the scopes, for cached tokens too.
    #[must_use]
    pub fn with_issuers(self, issuers: AcceptedIssuers) -> Self {
        Self { issuers: Some(issuers), ..self }
    }

    /// Requires that the user has authenticated in one of these ways: the claim `acr` of the token is
    /// exactly one of the values. Default: any. A second call replaces the first.
    ///
    /// Otherwise the request is rejected with
    /// [`Error::InsufficientUserAuthentication`](crate::Error::InsufficientUserAuthentication), and the
    /// challenge has the values in `acr_values`, in this order (RFC 9470 §3). The scopes are checked
    /// before. A token of a client that acts for itself is
    /// [`Error::UserRequired`](crate::Error::UserRequired) (403).
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if a value is empty, or contains other characters than
    /// printable ASCII, or a space, `"` or `\`. Returns [`ConfigError::OutOfRange`] if there are no
    /// values.
    pub fn with_acr<S: Into<String>>(self, values: impl IntoIterator<Item = S>) -> Result<Self, ConfigError> {
        let required = self.required_authentication().with_acr(values)?;
        Ok(self.with_challenge(|challenge| challenge.authentication = Some(Arc::new(required))))
    }

    /// Requires that the user has authenticated at most this time ago, by the claim `auth_time` of the
    /// token. Default: any time. A second call replaces the first.
    ///
    /// Otherwise the request is rejected as by [`with_acr`](Self::with_acr), with the time in `max_age`.
    /// It is checked at each request, also for cached tokens. The issuer's leeway is not added. An
    /// `auth_time` of more than 60 s in the future is rejected.
    ///
    /// The time is rounded up to whole seconds. It is 1 s at least.
    #[must_use]
    pub fn with_max_auth_age(self, age: Duration) -> Self {
        let required = self.required_authentication().with_max_age(age);
        self.with_challenge(|challenge| challenge.authentication = Some(Arc::new(required)))
    }

    fn required_authentication(&self) -> RequiredAuthentication {
        self.challenge.authentication.as_deref().cloned().unwrap_or_default()
    }

    fn with_challenge(mut self, change: impl FnOnce(&mut Challenge)) -> Self {
        change(&mut self.challenge);
        Self { templates: OnceLock::new(), ..self }
    }

    /// Returns the requirement.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// Returns the verifier.
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// Decides about a request by its headers, without waiting.
    ///
    /// Tokens with a proof or a certificate are rejected: a proof names the method and the URL. If the
    /// verifier accepts them, call [`authorize_head`](Self::authorize_head) instead: the challenges of
    /// this authorizer offer them.
    pub fn authorize(&self, headers: &HeaderMap) -> Authorization {
        self.authorize_credentials(Credentials::from_headers(headers))
    }

    /// Decides about a request that accepts only tokens of these issuers, for example of the tenant
    /// whose host it was sent to. Issuers of [`with_issuers`](Self::with_issuers) apply too.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use http::request::Parts;
    /// use scopegate::http::{Authorizer, Grant, Rejection, request_host};
    /// use scopegate::{AcceptedIssuers, Claims};
    ///
    /// async fn decide(
    ///     authorizer: &Authorizer,
    ///     tenants: &HashMap<String, AcceptedIssuers>,
    ///     request: &Parts,
    /// ) -> Result<Option<Claims>, Rejection> {
    ///     let tenant = request_host(request).and_then(|host| tenants.get(&*host).cloned());
    ///     let issuers = tenant.unwrap_or_else(AcceptedIssuers::none);
    ///     match authorizer.authorize_for(&request.headers, issuers).settle(authorizer).await? {
    ///         Grant::Accepted(accepted) => Ok(accepted.into_claims()),
    ///         Grant::Proven(proven) => Ok(proven.record_and_wait(None).await?.into_claims()),
    ///     }
    /// }
    /// # let _ = decide;
    /// ```
    pub fn authorize_for(&self, headers: &HeaderMap, issuers: AcceptedIssuers) -> Authorization {
        let certificate = RequestCertificate::NotAccepted;
        self.decide(Credentials::from_headers(headers), Some(issuers), certificate)
    }

    /// Decides about a request. If the token names an unknown key, waits for the key as
    /// [`Verifier::verify_or_refresh`] does. If the token has a proof, its use is recorded.
    ///
    /// `uri` is the URI of the request as it arrived, see
    /// [`authorize_request`](Self::authorize_request). Call that method if rules of the application
    /// must run before the proof is recorded.
    ///
    /// It has no address of the peer and no certificate of a TLS connection. So a token that is bound to
    /// a client certificate is rejected, for example as
    /// [`Error::PeerAddressUnknown`](crate::Error::PeerAddressUnknown) (500). If the verifier
    /// [accepts certificates](crate::ClientCertificates), call [`authorize_head`](Self::authorize_head)
    /// and [`settle`](Authorization::settle), as the example of `authorize_head` does.
    ///
    /// # Errors
    /// Returns the [`Rejection`] of the request.
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime with timers, if it has to wait.
    pub async fn authorize_or_refresh(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<AcceptedRequest, Rejection> {
        match self.authorize_request(method, uri, headers).settle(self).await? {
            Grant::Accepted(accepted) => Ok(accepted),
            Grant::Proven(proven) => proven.record_and_wait(None).await,
        }
    }

    /// Decides about a request by its credentials, without waiting.
    pub fn authorize_credentials(&self, credentials: Credentials<'_>) -> Authorization {
        self.decide(credentials, None, RequestCertificate::NotAccepted)
    }

    #[inline]
    pub(super) fn decide(
        &self,
        credentials: Credentials<'_>,
        issuers: Option<AcceptedIssuers>,
        certificate: RequestCertificate<'_>,
    ) -> Authorization {
        Authorization::Ready(match (credentials, &self.access) {
            (Credentials::Bearer(token), _) => return self.authorize_token(token, issuers, certificate),
            (Credentials::Malformed(how), _) => Err(Rejection::new(RejectionReason::Malformed(how))),
            // Its proof is not checked here, so it is not taken for a request without a token.
            (Credentials::Dpop(_), Access::OptionalToken) if self.verifier.dpop().is_some() => {
                Err(self.without_credentials(RejectionReason::UnsupportedScheme))
            }
            (Credentials::None | Credentials::Unsupported | Credentials::Dpop(_), Access::OptionalToken) => {
                Ok(None)
            }
            (Credentials::Unsupported | Credentials::Dpop(_), Access::Token | Access::Scopes(_)) => {
                Err(self.without_credentials(RejectionReason::UnsupportedScheme))
            }
            (Credentials::None, Access::Token | Access::Scopes(_)) => {
                Err(self.without_credentials(RejectionReason::NoCredentials))
            }
        })
    }

    fn without_credentials(&self, reason: RejectionReason) -> Rejection {
        let rejection = Rejection::new(reason);
        match self.challenge.only_dpop() {
            Some(scheme) => rejection.in_scheme(scheme),
            None => rejection,
        }
    }

    fn authorize_token(
        &self,
        token: PresentedToken<'_>,
        issuers: Option<AcceptedIssuers>,
        certificate: RequestCertificate<'_>,
    ) -> Authorization {
        Authorization::Ready(match self.verifier.attempt(token.as_bytes(), certificate) {
            Attempt::Done(Ok(claims)) => self.require(claims, issuers.as_ref()),
            Attempt::Done(Err(_)) if !is_one_token(token.as_bytes()) => {
                Err(Rejection::new(RejectionReason::Malformed(MalformedCredentials::NotOneToken)))
            }
            Attempt::Done(Err(rejected)) => Err(rejected.into()),
            Attempt::Pending(verification) => {
                return Authorization::Pending(PendingAuthorization { verification, proof: None, issuers });
            }
        })
    }

    /// Checks the issuer, then the scopes, and then the user's authentication: the caller of another
    /// tenant learns no scopes, and no user authenticates again for a request that lacks scopes.
    #[inline]
    pub(super) fn require(
        &self,
        claims: Claims,
        issuers: Option<&AcceptedIssuers>,
    ) -> Result<Option<Claims>, Rejection> {
        for accepted in [self.issuers.as_ref(), issuers].into_iter().flatten() {
            if let Err(error) = claims.require_issuer(accepted) {
                return Err(Rejection::of_token(error).with_claims(claims));
            }
        }
        if let Access::Scopes(requirement) = &self.access
            && let Err(error) = claims.require_ref(requirement)
        {
            return Err(Rejection::of_token(error).with_claims(claims));
        }
        if let Some(required) = &self.challenge.authentication
            && let Err(error) = required.check(&claims, self.verifier.now())
        {
            return Err(Rejection::of_token(error).with_claims(claims));
        }
        Ok(Some(claims))
    }

    /// Returns the response to a rejected request.
    ///
    /// The rejection comes from this authorizer or from the application. If the application
    /// requires scopes that the route does not, the challenge lists both, because a client that
    /// requests a new token needs all of them.
    pub fn response(&self, rejection: &Rejection) -> ResponseTemplate {
        let kind = rejection.kind();
        if let (Kind::InsufficientScope, RaisedBy::Application) = (kind, rejection.raised_by) {
            let scope = rejection.additional_scopes(&self.challenge.scope);
            let challenge = Challenge { scope, ..self.challenge.clone() };
            return ResponseTemplate::new(kind, rejection.scheme, &challenge);
        }
        let templates = self.templates.get_or_init(|| ResponseTemplates::new(&self.challenge));
        match (templates.get(kind, rejection.scheme), kind) {
            // Bearer callers get no nonce.
            _ if rejection.scheme == Some(Scheme::Dpop) => self.response_to_proof(templates, rejection),
            (_, Kind::Unavailable { retry_after }) => templates.unavailable(retry_after),
            (Some(template), _) => template.clone(),
            (None, _) => ResponseTemplate::new(kind, rejection.scheme, &self.challenge),
        }
    }

    /// Returns the response to a request in the scheme `DPoP`. Each 401 has a nonce if nonces are
    /// required, so that a client whose proof is rejected for another reason needs no second attempt
    /// for it.
    #[cold]
    #[inline(never)]
    fn response_to_proof(&self, templates: &ResponseTemplates, rejection: &Rejection) -> ResponseTemplate {
        let kind = rejection.kind();
        let template = match (templates.with_proof(kind), kind) {
            (_, Kind::Unavailable { retry_after }) => templates.unavailable(retry_after),
            (Some(template), _) => template.clone(),
            (None, _) => ResponseTemplate::new(kind, rejection.scheme, &self.challenge),
        };
        let needs_nonce = kind.status() == StatusCode::UNAUTHORIZED
            && matches!(rejection.reason(), RejectionReason::Token(_));
        match needs_nonce.then(|| nonce(&self.verifier)).flatten() {
            Some(nonce) => template.with_nonce(nonce),
            None => template,
        }
    }
}

impl PendingAuthorization {
    /// Waits for the key as [`Verifier::verify_or_refresh`] does, and decides. `authorizer` must be
    /// the authorizer that returned this value.
    ///
    /// # Errors
    /// Returns the [`Rejection`] of the request.
    ///
    /// # Panics
    /// Panics outside of a Tokio runtime with timers.
    pub async fn wait(self, authorizer: &Authorizer) -> Result<Grant, Rejection> {
        let issuers = self.issuers.as_ref();
        if let Some(proof) = self.proof {
            let decided = self.verification.decide_bound(&proof).await;
            return authorizer.require_of_bound(decided, issuers).map(Grant::Proven);
        }
        let claims = authorizer.require(self.verification.decide().await?, issuers)?;
        Ok(Grant::Accepted(AcceptedRequest::without_proof(claims)))
    }
}

impl fmt::Debug for Authorizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorizer")
            .field("verifier", &self.verifier)
            .field("access", &self.access)
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}
