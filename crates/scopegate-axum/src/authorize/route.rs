//! The requirements of one layer: its authorizer and its rules.

pub(crate) mod tenant_routes;

use std::fmt;
use std::mem;
use std::sync::Arc;

use http::Request;
use http::request::Parts;
use scopegate::http::{Authorization, Authorizer, Rejection};
use scopegate::{AcceptedIssuers, CertificateSource, Claims, Denied, ResourceIdentifier, middleware};

use crate::authorize::route::tenant_routes::TenantRoutes;
use crate::rejection::grpc::Protocol;

/// A rule of the application, over the claims and the request.
pub(crate) type Rule = Arc<dyn Fn(&Claims, &Parts) -> Result<(), Denied> + Send + Sync>;

/// The application's function from a request to the issuers that it accepts.
pub(crate) type IssuerSelector = Arc<dyn Fn(&Parts) -> AcceptedIssuers + Send + Sync>;

/// The tenant of a request.
pub(crate) struct TenantOfRequest {
    pub(crate) routes: Arc<TenantRoutes>,
    pub(crate) issuers: AcceptedIssuers,
}

/// The function from a request to its tenant.
pub(crate) type TenantFunction = Arc<dyn Fn(&Parts) -> Option<TenantOfRequest> + Send + Sync>;

/// The application's functions that read the tenant out of a request.
#[derive(Clone)]
pub(crate) enum Selector {
    Issuers(IssuerSelector),
    /// The request accepts the issuers that the second function selects, or else the tenant's.
    Tenant(TenantFunction, Option<IssuerSelector>),
}

/// The claims of an accepted request, if it has a token.
pub(crate) type Decided = Result<Option<Claims>, Rejection>;

/// The source of client certificates, if the verifier accepts tokens that are bound to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Certificates {
    NotAccepted,
    /// TLS ends in this process.
    OfConnection,
    OfHeader,
}

/// The requirements of one layer.
#[allow(clippy::struct_excessive_bools, reason = "they are independent of each other")]
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) authorizer: Arc<Authorizer>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) selector: Option<Selector>,
    /// True if an observer or the metric records accepted requests. It is computed once, because a
    /// verifier's observers do not change.
    pub(crate) records_accepted: bool,
    /// True if the verifier accepts DPoP proofs, and their URL can be read.
    pub(crate) accepts_proofs: bool,
    pub(crate) certificates: Certificates,
    /// True if the verifier has an observer. Only observers read how long a decision took.
    pub(crate) is_observed: bool,
    /// True if rejected gRPC calls get gRPC responses.
    pub(crate) grpc_responses: bool,
}

impl Route {
    pub(crate) fn new(authorizer: Authorizer) -> Self {
        let has_dpop = middleware::dpop(authorizer.verifier()).is_some();
        if has_dpop && !cfg!(feature = "dpop") {
            tracing::error!("DPoP proofs are rejected, because scopegate-axum lacks the feature dpop");
        }
        let certificates = match middleware::client_certificates(authorizer.verifier()) {
            None => Certificates::NotAccepted,
            Some(settings) if *settings.source() == CertificateSource::Tls => Certificates::OfConnection,
            Some(_) => Certificates::OfHeader,
        };
        if certificates == Certificates::OfHeader && !cfg!(feature = "mtls") {
            tracing::error!(
                "client certificates are not read, because scopegate-axum lacks the feature mtls"
            );
        }
        Self {
            records_accepted: authorizer.records_accepted(),
            accepts_proofs: cfg!(feature = "dpop") && has_dpop,
            certificates,
            is_observed: authorizer.is_observed(),
            authorizer: Arc::new(authorizer),
            rules: Vec::new(),
            selector: None,
            grpc_responses: true,
        }
    }

    /// Returns whether a request needs more than its headers for a decision.
    #[inline]
    pub(crate) fn accepts_bound_tokens(&self) -> bool {
        self.accepts_proofs || self.certificates != Certificates::NotAccepted
    }

    /// Decides about a request whose token needs no proof and no certificate, for the issuers that it accepts. If the
    /// request has a tenant, the route becomes the tenant's.
    #[inline]
    pub(crate) fn authorize<B>(route: &mut Arc<Self>, request: &mut Request<B>) -> Authorization {
        match Self::select_issuers(route, request) {
            None => route.authorizer.authorize(request.headers()),
            Some(issuers) => route.authorizer.authorize_for(request.headers(), issuers),
        }
    }

    /// Returns the issuers that this request accepts, if the layer selects them by request. If the
    /// request has a tenant, the route becomes the tenant's.
    #[inline]
    pub(crate) fn select_issuers<B>(
        route: &mut Arc<Self>,
        request: &mut Request<B>,
    ) -> Option<AcceptedIssuers> {
        match &route.selector {
            None => None,
            Some(Selector::Issuers(selector)) => Some(with_parts(request, |parts| selector(parts))),
            Some(Selector::Tenant(..)) => Some(Self::select_tenant(route, request)),
        }
    }

    #[inline(never)]
    fn select_tenant<B>(route: &mut Arc<Self>, request: &mut Request<B>) -> AcceptedIssuers {
        let Some(Selector::Tenant(tenants, selector)) = &route.selector else {
            return AcceptedIssuers::none();
        };
        let (tenant, selected) =
            with_parts(request, |parts| (tenants(parts), selector.as_ref().map(|selector| selector(parts))));
        let of_tenant = tenant.map(|TenantOfRequest { routes, issuers }| {
            *route = routes.get(route);
            issuers
        });
        selected.or(of_tenant).unwrap_or_else(AcceptedIssuers::none)
    }

    /// Returns this route with a tenant's resource. It selects no tenant: that would be a cycle of
    /// references, because the application's function has the tenants.
    pub(crate) fn of_tenant(&self, resource: &ResourceIdentifier) -> Self {
        let authorizer = Authorizer::clone(&self.authorizer).with_resource(resource);
        Self { authorizer: Arc::new(authorizer), selector: None, ..self.clone() }
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
        with_parts(request, |parts| self.rules.iter().try_for_each(|rule| rule(claims, parts)))
    }

    /// Returns the protocol of the response to a rejected request.
    pub(crate) fn protocol<B>(&self, request: &Request<B>) -> Protocol {
        if self.grpc_responses { Protocol::of(request) } else { Protocol::Http }
    }
}

/// Lends the head of a request to the application's function. It takes `&Parts`, which a `Request`
/// cannot lend.
#[inline(never)]
pub(crate) fn with_parts<B, T>(request: &mut Request<B>, call: impl FnOnce(&Parts) -> T) -> T {
    let (mut parts, ()) = Request::new(()).into_parts();
    swap(request, &mut parts);
    let result = call(&parts);
    swap(request, &mut parts);
    result
}

/// Swaps the head of a request with `parts`.
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
