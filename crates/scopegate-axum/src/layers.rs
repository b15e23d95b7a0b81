//! The layers, one file for each, and the parts that they share.

pub(crate) mod optional_token;
pub(crate) mod require_scope;
pub(crate) mod require_token;
pub(crate) mod rule;

use std::fmt;
use std::sync::Arc;

use http::request::Parts as RequestParts;
use scopegate::AcceptedIssuers;
use scopegate::http::{Authorizer, MetadataUrl};

use crate::authorize::route::{IssuerSelector, Route, Selector, TenantFunction};
use crate::authorize::service::Authorize;
use crate::claims::Claims;
use crate::layers::rule::RuleOutcome;
use crate::rejection::hook::Unchanged;

/// The parts of each layer.
#[derive(Clone)]
struct Parts<H> {
    route: Arc<Route>,
    on_rejection: H,
}

impl Parts<Unchanged> {
    fn new(authorizer: Authorizer) -> Self {
        Self { route: Arc::new(Route::new(authorizer)), on_rejection: Unchanged }
    }
}

impl<H> Parts<H> {
    fn with_realm(self, realm: String) -> Self {
        self.map(|authorizer| authorizer.with_realm(realm))
    }

    fn with_resource_metadata(self, url: MetadataUrl) -> Self {
        self.map(|authorizer| authorizer.with_resource_metadata(url))
    }

    fn map(self, change: impl FnOnce(Authorizer) -> Authorizer) -> Self {
        self.change(|route| {
            let authorizer = change(Arc::unwrap_or_clone(route.authorizer));
            Route { authorizer: Arc::new(authorizer), ..route }
        })
    }

    fn with_issuers(self, issuers: AcceptedIssuers) -> Self {
        self.map(|authorizer| authorizer.with_issuers(issuers))
    }

    fn with_issuers_for(
        self,
        select: impl Fn(&RequestParts) -> AcceptedIssuers + Send + Sync + 'static,
    ) -> Self {
        self.change(|route| {
            let select: IssuerSelector = Arc::new(select);
            let selector = match route.selector {
                Some(Selector::Tenant(tenants, _)) => Selector::Tenant(tenants, Some(select)),
                Some(Selector::Issuers(_)) | None => Selector::Issuers(select),
            };
            Route { selector: Some(selector), ..route }
        })
    }

    fn with_tenants(self, tenants: TenantFunction) -> Self {
        self.change(|route| Route { selector: Some(Selector::Tenant(tenants, None)), ..route })
    }

    fn with_http_responses(self) -> Self {
        self.change(|route| Route { grpc_responses: false, ..route })
    }

    fn and<R: RuleOutcome>(self, rule: impl Fn(&Claims, &RequestParts) -> R + Send + Sync + 'static) -> Self {
        self.change(|mut route| {
            let rule = move |claims: &scopegate::Claims, parts: &RequestParts| {
                rule(&Claims::from(claims.clone()), parts).into_result()
            };
            route.rules.push(Arc::new(rule));
            route
        })
    }

    fn change(self, change: impl FnOnce(Route) -> Route) -> Self {
        Self { route: Arc::new(change(Arc::unwrap_or_clone(self.route))), ..self }
    }

    fn on_rejection<F>(self, on_rejection: F) -> Parts<F> {
        Parts { route: self.route, on_rejection }
    }

    fn layer<S>(&self, inner: S) -> Authorize<S, H>
    where
        H: Clone,
    {
        Authorize::new(inner, Arc::clone(&self.route), self.on_rejection.clone())
    }
}

impl<H> fmt::Debug for Parts<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("route", &self.route).finish_non_exhaustive()
    }
}
