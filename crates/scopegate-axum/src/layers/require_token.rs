//! The layer `RequireToken`, which requires a valid token.

use std::fmt;

use http::Response;
use http::request::Parts as RequestParts;
use scopegate::http::{Authorizer, MetadataUrl};
use scopegate::{AcceptedIssuers, Verifier};
use tower_layer::Layer;

use crate::authorize::route::TenantFunction;
use crate::authorize::service::Authorize;
use crate::claims::Claims;
use crate::layers::Parts;
use crate::layers::rule::RuleOutcome;
use crate::rejection::Rejection;
use crate::rejection::hook::Unchanged;

/// Accepts requests with a valid access token, whatever scopes it grants.
///
/// Use it for routes that need no scope, such as `/whoami`, or around handlers that check scopes
/// themselves. Don't wrap [`RequireScope`](crate::RequireScope) in it: requests without a token
/// would then get a challenge without scopes.
#[must_use = "a layer protects nothing until it is put on a route"]
#[derive(Clone)]
pub struct RequireToken<H = Unchanged>(Parts<H>);

impl RequireToken {
    /// Creates a layer that requires a token of this verifier.
    pub fn new(verifier: &Verifier) -> Self {
        Self(Parts::new(Authorizer::require_token(verifier)))
    }
}

impl<H> RequireToken<H> {
    /// Sets the realm of challenges (RFC 9110 §11.5). Default: `api`.
    ///
    /// Characters that are not printable ASCII become `?`.
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        Self(self.0.with_realm(realm.into()))
    }

    /// Sets the URL of the API's metadata in challenges (RFC 9728 §5.1). Default: none.
    ///
    /// The layers of a [`ProtectedResource`](crate::ProtectedResource) have it already.
    pub fn with_resource_metadata(self, url: MetadataUrl) -> Self {
        Self(self.0.with_resource_metadata(url))
    }

    /// Accepts only tokens of these issuers, see
    /// [`RequireScope::with_issuers`](crate::RequireScope::with_issuers).
    pub fn with_issuers(self, issuers: impl Into<AcceptedIssuers>) -> Self {
        Self(self.0.with_issuers(issuers.into()))
    }

    /// Accepts only tokens of the issuers that this function selects for each request, see
    /// [`RequireScope::with_issuers_for`](crate::RequireScope::with_issuers_for).
    pub fn with_issuers_for(
        self,
        select: impl Fn(&RequestParts) -> AcceptedIssuers + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.with_issuers_for(select))
    }

    /// Adds a rule about the claims and the request, see
    /// [`RequireScope::and`](crate::RequireScope::and).
    pub fn and<R: RuleOutcome>(
        self,
        rule: impl Fn(&Claims, &RequestParts) -> R + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.and(rule))
    }

    /// Sends HTTP responses to rejected gRPC calls too. Use it for an API that serves no gRPC.
    /// Default: gRPC calls get status 200 and a gRPC status.
    pub fn with_http_responses(self) -> Self {
        Self(self.0.with_http_responses())
    }

    /// Changes the responses to rejected requests, see
    /// [`RequireScope::on_rejection`](crate::RequireScope::on_rejection).
    pub fn on_rejection<F, B>(self, change: F) -> RequireToken<F>
    where
        F: Fn(&Rejection, Response<B>) -> Response<B> + Clone,
    {
        RequireToken(self.0.on_rejection(change))
    }

    pub(crate) fn with_tenants(self, tenants: TenantFunction) -> Self {
        Self(self.0.with_tenants(tenants))
    }

    pub(crate) fn map(self, change: impl FnOnce(Authorizer) -> Authorizer) -> Self {
        Self(self.0.map(change))
    }
}

impl<S, H: Clone> Layer<S> for RequireToken<H> {
    type Service = Authorize<S, H>;

    fn layer(&self, inner: S) -> Authorize<S, H> {
        self.0.layer(inner)
    }
}

impl<H> fmt::Debug for RequireToken<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireToken").field(&self.0).finish()
    }
}
