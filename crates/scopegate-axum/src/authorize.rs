//! What a layer asks of a request, and its decision about one. Which answer follows is `rejection.rs`, how it is written
//! `rejection/template.rs`.

pub(crate) mod service;

use std::sync::Arc;

use http::Request;
use scopegate::middleware::{self, PendingVerification, Verification};
use scopegate::{Error, Requirement, Scope, Verifier};

use crate::credentials::bearer::{Credentials, MalformedCredentials, credentials, is_one_token};
use crate::rejection::Rejection;
use crate::rejection::challenge::{Challenge, MetadataUrl};
use crate::rejection::template::ResponseTemplates;

/// Names what is protected in challenges, unless a layer is told a better name.
const DEFAULT_REALM: &str = "api";

#[derive(Clone, Debug)]
pub(crate) struct Authorizer {
    pub(crate) verifier: Verifier,
    pub(crate) access: Access,
    challenge: Challenge,
    /// With that challenge.
    pub(crate) templates: ResponseTemplates,
}

#[derive(Clone, Debug)]
pub(crate) enum Access {
    Scopes(Arc<Requirement>),
    Token,
    /// A token may be absent, but not bad.
    OptionalToken,
}

/// What a layer found out about who sends a request. It stands in the request's extensions, where [`Claims`](crate::Claims)
/// and further layers find it.
#[derive(Clone, Debug)]
pub(crate) struct Authorized {
    pub(crate) authorizer: Arc<Authorizer>,
    /// Those of its token; `None` for a request that was let through without one.
    pub(crate) claims: Option<scopegate::Claims>,
}

/// What becomes of a request.
pub(crate) enum Authorization {
    Ready(Result<Authorized, Rejection>),
    /// The token names a key that may be about to arrive.
    Pending(PendingVerification),
}

impl Authorizer {
    pub(crate) fn new(verifier: &Verifier, access: Access) -> Arc<Self> {
        let scopes = match &access {
            Access::Scopes(requirement) => requirement.challenge_scopes(),
            Access::Token | Access::OptionalToken => Vec::new(),
        };
        let scopes: Vec<&str> = scopes.into_iter().map(Scope::as_str).collect();
        let challenge =
            Challenge { realm: DEFAULT_REALM.to_owned(), resource_metadata: None, scope: scopes.join(" ") };
        let templates = ResponseTemplates::with(&challenge);
        Arc::new(Self { verifier: verifier.clone(), access, challenge, templates })
    }

    pub(crate) fn with_realm(self: Arc<Self>, realm: String) -> Arc<Self> {
        let challenge = Challenge { realm, ..self.challenge.clone() };
        self.with_challenge(challenge)
    }

    pub(crate) fn with_resource_metadata(self: Arc<Self>, url: MetadataUrl) -> Arc<Self> {
        let challenge = Challenge { resource_metadata: Some(url), ..self.challenge.clone() };
        self.with_challenge(challenge)
    }

    fn with_challenge(mut self: Arc<Self>, challenge: Challenge) -> Arc<Self> {
        let authorizer = Arc::make_mut(&mut self);
        (authorizer.templates, authorizer.challenge) = (ResponseTemplates::with(&challenge), challenge);
        self
    }

    pub(crate) fn authorize<B>(self: &Arc<Self>, request: &Request<B>) -> Authorization {
        Authorization::Ready(match (credentials(request.headers()), &self.access) {
            (Credentials::Token { token }, _) => {
                let verified = match self.verified_by_outer_layer(request, token) {
                    Some(claims) => Verification::Done(Ok(claims)),
                    None => middleware::try_verify(&self.verifier, token),
                };
                match verified {
                    Verification::Done(Err(_)) if !is_one_token(token) => {
                        Err(Rejection::Malformed(MalformedCredentials::NotOneToken))
                    }
                    Verification::Done(verified) => self.check_scopes(verified),
                    Verification::Pending(pending) => return Authorization::Pending(pending),
                }
            }
            (Credentials::Malformed(how), _) => Err(Rejection::Malformed(how)),
            (Credentials::None, Access::OptionalToken) => Ok(self.authorized(None)),
            (Credentials::None, Access::Token | Access::Scopes(_)) => Err(Rejection::NoCredentials),
        })
    }

    /// Waits for the key that the token names, and decides.
    pub(crate) async fn authorize_when_verified(
        self: Arc<Self>,
        pending: PendingVerification,
    ) -> Result<Authorized, Rejection> {
        self.check_scopes(pending.wait().await)
    }

    fn check_scopes(
        self: &Arc<Self>,
        verified: Result<scopegate::Claims, Error>,
    ) -> Result<Authorized, Rejection> {
        let claims = verified.map_err(Rejection::Token)?;
        if let Access::Scopes(requirement) = &self.access {
            claims.require_ref(requirement).map_err(Rejection::Token)?;
        }
        Ok(self.authorized(Some(claims)))
    }

    /// Returns the claims that an outer layer of the same verifier has found, if the request still carries their
    /// token.
    fn verified_by_outer_layer<B>(&self, request: &Request<B>, token: &[u8]) -> Option<scopegate::Claims> {
        let authorized = request.extensions().get::<Authorized>()?;
        let claims = authorized.claims.as_ref()?;
        let trusted = middleware::same_verifier(&authorized.authorizer.verifier, &self.verifier)
            && middleware::matches_token(claims, token);
        trusted.then(|| claims.clone())
    }

    fn authorized(self: &Arc<Self>, claims: Option<scopegate::Claims>) -> Authorized {
        Authorized { authorizer: Arc::clone(self), claims }
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use scopegate::Issuer;
    use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};

    use super::*;

    #[test]
    fn a_caller_is_shown_without_the_token() {
        // D18
        let key = SigningKey::generate(KeyAlgorithm::EdDSA);
        let jwks = serde_json::json!({ "keys": [key.jwk()] }).to_string();
        let issuer = Issuer::from_jwks("https://issuer.example", &jwks).unwrap().client("client");
        let verifier = Verifier::builder().trust(issuer).build().unwrap();
        let token = Mint::cognito("https://issuer.example", "client").sign_with(&key);
        let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}")).body(()).unwrap();

        let Authorization::Ready(Ok(authorized)) =
            Authorizer::new(&verifier, Access::Token).authorize(&request)
        else {
            panic!("the token is good")
        };
        let shown = format!("{authorized:?}");
        assert!(shown.contains("client_id: Some(\"client\")"), "{shown}");
        assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
    }
}
