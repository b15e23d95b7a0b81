//! What a layer asks of a request, and its decision about one. It speaks no HTTP: answers are `refusal.rs`.

use std::sync::Arc;

use http::Request;
use scopegate::{Error, Requirement, Scope, Verifier};

use crate::bearer::{Credentials, credentials};
use crate::challenge::Challenge;
use crate::refusal::Refusal;

/// Names what is protected in challenges, unless a layer is told a better name.
const DEFAULT_REALM: &str = "api";

#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) verifier: Verifier,
    pub(crate) demand: Demand,
    pub(crate) challenge: Challenge,
}

#[derive(Clone, Debug)]
pub(crate) enum Demand {
    Scopes(Requirement),
    Token,
    /// A token may be absent, but not bad.
    GoodTokenIfAny,
}

/// What a layer found out about who sends a request. It stands in the request's extensions, where the
/// extractor and further layers find it.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) rule: Arc<Rule>,
    /// `None` for a request without a token that was let through without one.
    pub(crate) claims: Option<scopegate::Claims>,
}

/// What becomes of a request.
pub(crate) enum Decision {
    Made(Result<Caller, Refusal>),
    /// The token names a key that may just have been published.
    AskAgain {
        token: String,
    },
}

impl Rule {
    pub(crate) fn new(verifier: &Verifier, demand: Demand) -> Arc<Self> {
        let scopes = match &demand {
            Demand::Scopes(requirement) => requirement.sufficient_scopes(),
            Demand::Token | Demand::GoodTokenIfAny => Vec::new(),
        };
        let scopes: Vec<&str> = scopes.into_iter().map(Scope::as_str).collect();
        let challenge = Challenge { realm: DEFAULT_REALM.to_owned(), scope: scopes.join(" ") };
        Arc::new(Self { verifier: verifier.clone(), demand, challenge })
    }

    pub(crate) fn decide<B>(self: &Arc<Self>, request: &Request<B>) -> Decision {
        if let Some(claims) = self.verified_before(request) {
            return Decision::Made(self.judge(Ok(claims)));
        }
        Decision::Made(match (credentials(request.headers()), &self.demand) {
            (Credentials::Token(token), _) => match self.verifier.verify(token) {
                Err(Error::UnknownKey { .. }) => return Decision::AskAgain { token: token.to_owned() },
                verified => self.judge(verified),
            },
            (Credentials::Malformed(how), _) => Err(Refusal::Malformed(how)),
            (Credentials::None, Demand::GoodTokenIfAny) => Ok(self.caller(None)),
            (Credentials::None, Demand::Token | Demand::Scopes(_)) => Err(Refusal::NoCredentials),
        })
    }

    pub(crate) fn judge(
        self: &Arc<Self>,
        verified: Result<scopegate::Claims, Error>,
    ) -> Result<Caller, Refusal> {
        let claims = verified.map_err(Refusal::Token)?;
        if let Demand::Scopes(requirement) = &self.demand {
            claims.require(requirement).map_err(Refusal::Token)?;
        }
        Ok(self.caller(Some(claims)))
    }

    /// The claims that an outer layer of the same verifier put there.
    fn verified_before<B>(&self, request: &Request<B>) -> Option<scopegate::Claims> {
        let caller = request.extensions().get::<Caller>()?;
        if caller.rule.verifier.is_same_as(&self.verifier) { caller.claims.clone() } else { None }
    }

    fn caller(self: &Arc<Self>, claims: Option<scopegate::Claims>) -> Caller {
        Caller { rule: Arc::clone(self), claims }
    }
}
