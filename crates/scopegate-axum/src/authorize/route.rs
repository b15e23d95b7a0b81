//! What one layer holds its requests to: the authorizer, and the rules beside scopes.

use std::fmt;
use std::mem;
use std::sync::Arc;

use http::Request;
use http::request::Parts;
use scopegate::http::{Authorizer, Rejection};
use scopegate::{Claims, Denied};

use crate::rejection::grpc::Protocol;

/// A rule of the application, over the claims and the request.
pub(crate) type Rule = Arc<dyn Fn(&Claims, &Parts) -> Result<(), Denied> + Send + Sync>;

/// The claims of an accepted request, if it has a token.
pub(crate) type Decided = Result<Option<Claims>, Rejection>;

/// What a layer holds its requests to.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) rules: Vec<Rule>,
    /// Whether something sees accepted requests. Looked up once, because the verifier is final.
    pub(crate) records_accepted: bool,
    /// Whether an observer does. Only observers see how long a decision took.
    pub(crate) is_observed: bool,
    /// Whether rejected gRPC calls get gRPC's form of a response.
    pub(crate) grpc_responses: bool,
}

impl Route {
    pub(crate) fn new(authorizer: Authorizer) -> Self {
        Self {
            records_accepted: authorizer.records_accepted(),
            is_observed: authorizer.is_observed(),
            authorizer: Arc::new(authorizer),
            rules: Vec::new(),
            grpc_responses: true,
        }
    }

    /// Asks the rules about a request with a sufficient token, until one denies. Then the request is
    /// rejected.
    #[inline]
    pub(crate) fn ask_rules<B>(&self, request: &mut Request<B>, decided: &mut Decided) {
        if !self.rules.is_empty() {
            self.ask_each_rule(request, decided);
        }
    }

    #[inline(never)]
    fn ask_each_rule<B>(&self, request: &mut Request<B>, decided: &mut Decided) {
        let Ok(Some(claims)) = decided else { return };
        let (mut parts, ()) = Request::new(()).into_parts();
        swap(request, &mut parts);
        let asked = self.rules.iter().try_for_each(|rule| rule(claims, &parts));
        swap(request, &mut parts);
        if let Err(denied) = asked {
            *decided = Err(Rejection::from(denied).with_claims(claims.clone()));
        }
    }

    /// Returns the form in which the caller of a rejected request expects the response.
    pub(crate) fn protocol<B>(&self, request: &Request<B>) -> Protocol {
        if self.grpc_responses { Protocol::of(request) } else { Protocol::Http }
    }
}

/// Exchanges the parts of a request with others: rules see parts, and a request has none to lend.
fn swap<B>(request: &mut Request<B>, parts: &mut Parts) {
    mem::swap(request.method_mut(), &mut parts.method);
    mem::swap(request.uri_mut(), &mut parts.uri);
    mem::swap(request.version_mut(), &mut parts.version);
    mem::swap(request.headers_mut(), &mut parts.headers);
    mem::swap(request.extensions_mut(), &mut parts.extensions);
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route").field("authorizer", &self.authorizer).finish_non_exhaustive()
    }
}
