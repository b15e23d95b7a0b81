//! What a layer asks of a request, and its decision about one. Which answer follows is `rejection.rs`, how it is written
//! `rejection/template.rs`.

pub(crate) mod service;

use std::sync::Arc;

use http::{HeaderValue, Request};
use scopegate::{Error, Requirement, Scope, Verifier};

use crate::credentials::bearer::{Credentials, MalformedCredentials, credentials, is_one_token, parse};
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
    /// The token names a key that may just have been published.
    Pending {
        authorization: HeaderValue,
    },
}

impl Authorizer {
    pub(crate) fn new(verifier: &Verifier, access: Access) -> Arc<Self> {
        let scopes = match &access {
            Access::Scopes(requirement) => requirement.sufficient_scopes(),
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
            (Credentials::Token { token, authorization }, _) => {
                let verified = match self.verified_before(request, token) {
                    Some(claims) => Some(Ok(claims)),
                    None => self.verifier.verify_if_settled(token),
                };
                match verified {
                    Some(Err(_)) if !is_one_token(token) => {
                        Err(Rejection::Malformed(MalformedCredentials::NotOneToken))
                    }
                    Some(claims) => self.judge(claims),
                    None => return Authorization::Pending { authorization: authorization.clone() },
                }
            }
            (Credentials::Malformed(how), _) => Err(Rejection::Malformed(how)),
            (Credentials::None, Access::OptionalToken) => Ok(self.authorized(None)),
            (Credentials::None, Access::Token | Access::Scopes(_)) => Err(Rejection::NoCredentials),
        })
    }

    /// Waits for the key that the token names, if it may come, and decides.
    pub(crate) async fn authorize_when_refreshed(
        self: Arc<Self>,
        authorization: HeaderValue,
    ) -> Result<Authorized, Rejection> {
        match parse(&authorization) {
            Credentials::Token { token, .. } => self.judge(self.verifier.verify_or_refresh(token).await),
            Credentials::Malformed(how) => Err(Rejection::Malformed(how)),
            Credentials::None => Err(Rejection::NoCredentials),
        }
    }

    fn judge(self: &Arc<Self>, verified: Result<scopegate::Claims, Error>) -> Result<Authorized, Rejection> {
        let claims = verified.map_err(Rejection::Token)?;
        if let Access::Scopes(requirement) = &self.access {
            claims.require(requirement).map_err(Rejection::Token)?;
        }
        Ok(self.authorized(Some(claims)))
    }

    /// What an outer layer of the same verifier found out, if the request still has the token that it was about.
    fn verified_before<B>(&self, request: &Request<B>, token: &[u8]) -> Option<scopegate::Claims> {
        let authorized = request.extensions().get::<Authorized>()?;
        let claims =
            authorized.claims.as_ref().filter(|_| authorized.authorizer.verifier.ptr_eq(&self.verifier))?;
        claims.are_of(token).then(|| claims.clone())
    }

    fn authorized(self: &Arc<Self>, claims: Option<scopegate::Claims>) -> Authorized {
        Authorized { authorizer: Arc::clone(self), claims }
    }
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;
    use scopegate::Issuer;
    use scopegate_issuer::{Alg, Mint, SigningKey};

    use super::*;

    #[test]
    fn a_caller_is_shown_without_the_token() {
        // D18
        let key = SigningKey::generate(Alg::EdDSA);
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
