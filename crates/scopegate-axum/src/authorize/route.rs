//! The requirements of one layer: its authorizer and its rules.

use std::fmt;
use std::mem;
use std::sync::Arc;

use http::Request;
use http::request::Parts;
use scopegate::http::{Authorizer, Rejection};
use scopegate::{Claims, Denied, middleware};

use crate::rejection::grpc::Protocol;

/// A rule of the application, over the claims and the request.
pub(crate) type Rule = Arc<dyn Fn(&Claims, &Parts) -> Result<(), Denied> + Send + Sync>;

/// The claims of an accepted request, if it has a token.
pub(crate) type Decided = Result<Option<Claims>, Rejection>;

/// The requirements of one layer.
#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) rules: Vec<Rule>,
    /// True if an observer or the metric records accepted requests. It is computed once, because a
    /// verifier's observers do not change.
    pub(crate) records_accepted: bool,
    /// True if the verifier accepts DPoP proofs.
    pub(crate) accepts_proofs: bool,
    /// True if the verifier has an observer. Only observers read how long a decision took.
    pub(crate) is_observed: bool,
    /// True if rejected gRPC calls get gRPC responses.
    pub(crate) grpc_responses: bool,
}

impl Route {
    pub(crate) fn new(authorizer: Authorizer) -> Self {
        Self {
            records_accepted: authorizer.records_accepted(),
            accepts_proofs: middleware::dpop(authorizer.verifier()).is_some(),
            is_observed: authorizer.is_observed(),
            authorizer: Arc::new(authorizer),
            rules: Vec::new(),
            grpc_responses: true,
        }
    }

    /// Applies the rules to a request with a sufficient token. The first denial rejects the
    /// request.
    #[inline]
    pub(crate) fn ask_rules<B>(&self, request: &mut Request<B>, decided: &mut Decided) {
        if !self.rules.is_empty() {
            self.ask_rules_about_token(request, decided);
        }
    }

    #[inline(never)]
    fn ask_rules_about_token<B>(&self, request: &mut Request<B>, decided: &mut Decided) {
        let Ok(Some(claims)) = decided else { return };
        if let Err(denied) = self.ask_each_rule(request, claims) {
            *decided = Err(Rejection::from(denied).with_claims(claims.clone()));
        }
    }

    /// Returns the first denial.
    pub(crate) fn ask_each_rule<B>(&self, request: &mut Request<B>, claims: &Claims) -> Result<(), Denied> {
        let (mut parts, ()) = Request::new(()).into_parts();
        swap(request, &mut parts);
        let asked = self.rules.iter().try_for_each(|rule| rule(claims, &parts));
        swap(request, &mut parts);
        asked
    }

    /// Returns the protocol of the response to a rejected request.
    pub(crate) fn protocol<B>(&self, request: &Request<B>) -> Protocol {
        if self.grpc_responses { Protocol::of(request) } else { Protocol::Http }
    }
}

/// Swaps the head of a request with `parts`. Rules take `&Parts`, which a `Request` cannot lend.
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
