//! What one layer holds its requests to: the authorizer, and the rules beside scopes.

use std::fmt;
use std::sync::Arc;

use http::Request;
use http::request::Parts;
use scopegate::http::{Authorizer, Rejection};
use scopegate::{Claims, Denied};

use crate::rejection::grpc::Protocol;

/// A rule of the application, over the claims and the request.
pub(crate) type Rule = Arc<dyn Fn(&Claims, &Parts) -> Result<(), Denied> + Send + Sync>;

/// What a layer holds its requests to.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) rules: Vec<Rule>,
    /// Whether something sees accepted requests. Looked up once, because the verifier is final.
    pub(crate) records_accepted: bool,
    /// Whether rejected gRPC calls get gRPC's form of a response.
    pub(crate) grpc_responses: bool,
}

impl Route {
    pub(crate) fn new(authorizer: Authorizer) -> Self {
        let records_accepted = authorizer.records_accepted();
        Self { authorizer: Arc::new(authorizer), rules: Vec::new(), records_accepted, grpc_responses: true }
    }

    /// Asks the rules about a request with a sufficient token, until one denies.
    pub(crate) fn ask_rules<B>(
        &self,
        request: Request<B>,
        claims: Option<Claims>,
    ) -> (Request<B>, Result<Option<Claims>, Rejection>) {
        let Some(claims) = claims else { return (request, Ok(None)) };
        let (parts, body) = request.into_parts();
        let asked = self.rules.iter().try_for_each(|rule| rule(&claims, &parts));
        let request = Request::from_parts(parts, body);
        match asked {
            Ok(()) => (request, Ok(Some(claims))),
            Err(denied) => (request, Err(Rejection::from(denied).with_claims(claims))),
        }
    }

    /// Returns the form in which the caller of a rejected request expects the response.
    pub(crate) fn protocol<B>(&self, request: &Request<B>) -> Protocol {
        if self.grpc_responses { Protocol::of(request) } else { Protocol::Http }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("authorizer", &self.authorizer).finish_non_exhaustive()
    }
}
