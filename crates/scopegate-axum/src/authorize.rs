//! What a layer asks of a request, and its decision about one. Which answer follows is `rejection.rs`, how it is written
//! `rejection/template.rs`.

pub(crate) mod service;

use std::sync::Arc;

use http::{HeaderValue, Request};
use scopegate::{Error, Requirement, Scope, Verifier};

use crate::credentials::bearer::{Credentials, MalformedCredentials, credentials, is_one_token, parse};
use crate::rejection::Refusal;
use crate::rejection::challenge::{Challenge, MetadataUrl};
use crate::rejection::template::Answers;

/// Names what is protected in challenges, unless a layer is told a better name.
const DEFAULT_REALM: &str = "api";

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) verifier: Verifier,
    pub(crate) demand: Demand,
    challenge: Challenge,
    /// With that challenge.
    pub(crate) answers: Answers,
}

#[derive(Clone, Debug)]
pub(crate) enum Demand {
    Scopes(Arc<Requirement>),
    Token,
    /// A token may be absent, but not bad.
    GoodTokenIfAny,
}

/// What a layer found out about who sends a request. It stands in the request's extensions, where [`Claims`](crate::Claims)
/// and further layers find it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) rule: Arc<Rule>,
    /// Those of its token; `None` for a request that was let through without one.
    pub(crate) claims: Option<scopegate::Claims>,
}

/// What becomes of a request.
pub(crate) enum Decision {
    Made(Result<Caller, Refusal>),
    /// The token names a key that may just have been published.
    AskAgain {
        authorization: HeaderValue,
    },
}

impl Rule {
    pub(crate) fn new(verifier: &Verifier, demand: Demand) -> Arc<Self> {
        let scopes = match &demand {
            Demand::Scopes(requirement) => requirement.sufficient_scopes(),
            Demand::Token | Demand::GoodTokenIfAny => Vec::new(),
        };
        let scopes: Vec<&str> = scopes.into_iter().map(Scope::as_str).collect();
        let challenge =
            Challenge { realm: DEFAULT_REALM.to_owned(), resource_metadata: None, scope: scopes.join(" ") };
        let answers = Answers::with(&challenge);
        Arc::new(Self { verifier: verifier.clone(), demand, challenge, answers })
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
        let rule = Arc::make_mut(&mut self);
        (rule.answers, rule.challenge) = (Answers::with(&challenge), challenge);
        self
    }

    pub(crate) fn decide<B>(self: &Arc<Self>, request: &Request<B>) -> Decision {
        Decision::Made(match (credentials(request.headers()), &self.demand) {
            (Credentials::Token { token, authorization }, _) => {
                let verified = match self.verified_before(request, token) {
                    Some(claims) => Some(Ok(claims)),
                    None => self.verifier.verify_if_settled(token),
                };
                match verified {
                    Some(Err(_)) if !is_one_token(token) => {
                        Err(Refusal::Malformed(MalformedCredentials::NotOneToken))
                    }
                    Some(claims) => self.judge(claims),
                    None => return Decision::AskAgain { authorization: authorization.clone() },
                }
            }
            (Credentials::Malformed(how), _) => Err(Refusal::Malformed(how)),
            (Credentials::None, Demand::GoodTokenIfAny) => Ok(self.caller(None)),
            (Credentials::None, Demand::Token | Demand::Scopes(_)) => Err(Refusal::NoCredentials),
        })
    }

    /// Waits for the key that the token names, if it may come, and decides.
    pub(crate) async fn decide_when_refreshed(
        self: Arc<Self>,
        authorization: HeaderValue,
    ) -> Result<Caller, Refusal> {
        match parse(&authorization) {
            Credentials::Token { token, .. } => self.judge(self.verifier.verify_or_refresh(token).await),
            Credentials::Malformed(how) => Err(Refusal::Malformed(how)),
            Credentials::None => Err(Refusal::NoCredentials),
        }
    }

    fn judge(self: &Arc<Self>, verified: Result<scopegate::Claims, Error>) -> Result<Caller, Refusal> {
        let claims = verified.map_err(Refusal::Token)?;
        if let Demand::Scopes(requirement) = &self.demand {
            claims.require(requirement).map_err(Refusal::Token)?;
        }
        Ok(self.caller(Some(claims)))
    }

    /// What an outer layer of the same verifier found out, if the request still has the token that it was about.
    fn verified_before<B>(&self, request: &Request<B>, token: &[u8]) -> Option<scopegate::Claims> {
        let caller = request.extensions().get::<Caller>()?;
        let claims = caller.claims.as_ref().filter(|_| caller.rule.verifier.ptr_eq(&self.verifier))?;
        claims.are_of(token).then(|| claims.clone())
    }

    fn caller(self: &Arc<Self>, claims: Option<scopegate::Claims>) -> Caller {
        Caller { rule: Arc::clone(self), claims }
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

        let Decision::Made(Ok(caller)) = Rule::new(&verifier, Demand::Token).decide(&request) else {
            panic!("the token is good")
        };
        let shown = format!("{caller:?}");
        assert!(shown.contains("client_id: Some(\"client\")"), "{shown}");
        assert!(token.split('.').all(|part| !shown.contains(part)), "{shown}");
    }
}
