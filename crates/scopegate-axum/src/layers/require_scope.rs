//! The layer `RequireScope`, which requires a valid token with scopes.

use std::fmt;

use http::Response;
use http::request::Parts as RequestParts;
use scopegate::http::{Access, Authorizer, MetadataUrl};
use scopegate::{AcceptedIssuers, ConfigError, Requirement, Verifier};
use tower_layer::Layer;

use crate::authorize::route::TenantFunction;
use crate::authorize::service::Authorize;
use crate::claims::Claims;
use crate::layers::Parts;
use crate::layers::rule::RuleOutcome;
use crate::rejection::Rejection;
use crate::rejection::hook::Unchanged;

/// Accepts requests with a valid access token that grants the required scopes.
#[must_use = "a layer protects nothing until it is put on a route"]
#[derive(Clone)]
pub struct RequireScope<H = Unchanged>(Parts<H>);

impl RequireScope {
    /// Creates a layer that requires one scope, or [`all_of`](crate::all_of) or
    /// [`any_of`](crate::any_of) several.
    ///
    /// # Panics
    /// Panics if [`Requirement::check`] fails: for a string that is not a scope (RFC 6749 §3.3), an
    /// empty list, or `offline_access`. That happens when the router is built, with the string in
    /// the message. Use [`try_new`](Self::try_new) for scopes from a configuration.
    #[track_caller]
    pub fn new(verifier: &Verifier, requirement: impl Into<Requirement>) -> Self {
        match Self::try_new(verifier, requirement) {
            Ok(layer) => layer,
            #[allow(clippy::panic, reason = "documented: an invalid literal is a mistake of the programmer")]
            Err(error) => panic!("RequireScope: {error}"),
        }
    }

    /// Like [`new`](Self::new), for scopes that are read at run time.
    ///
    /// # Errors
    /// Returns the [`ConfigError`] of [`Requirement::check`].
    pub fn try_new(verifier: &Verifier, requirement: impl Into<Requirement>) -> Result<Self, ConfigError> {
        Ok(Self(Parts::new(Authorizer::require_scope(verifier, requirement)?)))
    }
}

impl<H> RequireScope<H> {
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

    /// Accepts only tokens of these issuers. Default: of all issuers that the verifier trusts.
    ///
    /// Tokens of other issuers get 401 with `error="invalid_token"`. The reason code is
    /// `wrong_issuer`. The issuer is checked before the scopes, for cached tokens too. A second call
    /// replaces the first.
    ///
    /// ```
    /// use scopegate_axum::{AcceptedIssuers, RequireScope, Verifier};
    ///
    /// fn layer(verifier: &Verifier) -> RequireScope {
    ///     let partner = AcceptedIssuers::issuers(["https://login.partner.example"]);
    ///     RequireScope::new(verifier, "orders/read").with_issuers(partner)
    /// }
    /// # let _ = layer;
    /// ```
    pub fn with_issuers(self, issuers: impl Into<AcceptedIssuers>) -> Self {
        Self(self.0.with_issuers(issuers.into()))
    }

    /// Accepts only tokens of the issuers that this function selects for each request, for example of
    /// the tenant whose host the request was sent to. A second call replaces the first. Issuers of
    /// [`with_issuers`](Self::with_issuers) apply too.
    ///
    /// The function runs for each request, before its token is verified. It must not block, because
    /// it runs on the request's thread. Return [`AcceptedIssuers::none`] for a request of no tenant. A
    /// panic passes on like a panic of a handler, and the request is not accepted.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use scopegate_axum::{AcceptedIssuers, RequireScope, Verifier, request_host};
    ///
    /// fn layer(verifier: &Verifier, tenants: HashMap<String, AcceptedIssuers>) -> RequireScope {
    ///     RequireScope::new(verifier, "orders/read").with_issuers_for(move |request| {
    ///         let tenant = request_host(request).and_then(|host| tenants.get(&*host).cloned());
    ///         tenant.unwrap_or_else(AcceptedIssuers::none)
    ///     })
    /// }
    /// # let _ = layer;
    /// ```
    ///
    /// The caller chooses the host and the path. The handler must therefore choose the tenant's data
    /// by the same value, or by [`Claims::tenant`](scopegate::Claims::tenant).
    pub fn with_issuers_for(
        self,
        select: impl Fn(&RequestParts) -> AcceptedIssuers + Send + Sync + 'static,
    ) -> Self {
        Self(self.0.with_issuers_for(select))
    }

    /// Adds a rule about the claims and the request, for example that the caller owns the requested
    /// order. You can add several rules. All must accept.
    ///
    /// A rule runs after every other check has passed, for each request with a token, also if the
    /// token is cached. It must not block, because it runs on the request's thread. It can read the
    /// path, the method and the headers, but not the body.
    ///
    /// If it returns `false` or [`Denied`](crate::Denied), the response is a 403 with the reason
    /// code. The response has no `error` and no `scope`, so clients don't request another token.
    ///
    /// ```
    /// use http::request::Parts;
    /// use scopegate_axum::{Claims, Denied, RequireScope, Verifier};
    ///
    /// fn layers(verifier: &Verifier) -> [RequireScope; 2] {
    ///     let may = |claims: &Claims, parts: &Parts| claims.identity() == owner(parts);
    ///     let suspended = |claims: &Claims, _: &Parts| match claims.client_id() {
    ///         Some("batch-1") => Err(Denied::new("suspended")),
    ///         _ => Ok(()),
    ///     };
    ///     let read = RequireScope::new(verifier, "orders/read");
    ///     [read.clone().and(may), read.and(suspended)]
    /// }
    ///
    /// /// (issuer, subject): a subject alone may be that of another issuer.
    /// fn owner(parts: &Parts) -> (&str, &str) {
    ///     # let _ = parts;
    ///     ("https://login.example/", "auth0|7")
    /// }
    /// # let _ = layers;
    /// ```
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

    /// Changes the responses to requests that this layer rejects, or that a handler behind it
    /// rejects with a [`Rejection`]. Default: unchanged.
    ///
    /// Keep the status and the headers, because clients act on them. A rejected gRPC call gets
    /// status 200 and an empty body. Keep both.
    ///
    /// ```
    /// use axum::{body::Body, http::HeaderValue, http::header::CONTENT_TYPE, response::Response};
    /// use scopegate_axum::{Rejection, RequireScope, Verifier};
    ///
    /// fn plain_text(rejection: &Rejection, mut response: Response) -> Response {
    ///     if response.status() != rejection.status() {
    ///         return response; // to a gRPC call
    ///     }
    ///     response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    ///     response.map(|_| Body::from(rejection.body_text()))
    /// }
    ///
    /// # fn app(verifier: &Verifier) -> axum::Router {
    /// # use axum::{Router, routing::get};
    /// # let list = async || "orders";
    /// let read = RequireScope::new(verifier, "orders/read").on_rejection(plain_text);
    /// Router::new().route("/orders", get(list)).layer(read)
    /// # }
    /// ```
    pub fn on_rejection<F, B>(self, change: F) -> RequireScope<F>
    where
        F: Fn(&Rejection, Response<B>) -> Response<B> + Clone,
    {
        RequireScope(self.0.on_rejection(change))
    }

    pub(crate) fn with_tenants(self, tenants: TenantFunction) -> Self {
        Self(self.0.with_tenants(tenants))
    }

    pub(crate) fn map(self, change: impl FnOnce(Authorizer) -> Authorizer) -> Self {
        Self(self.0.map(change))
    }

    /// Returns the requirement. Use it to describe the route, for example in an OpenAPI document.
    pub fn requirement(&self) -> &Requirement {
        match self.0.route.authorizer.access() {
            Access::Scopes(requirement) => requirement,
            _ => unreachable!("`try_new` requires scopes"),
        }
    }
}

impl<S, H: Clone> Layer<S> for RequireScope<H> {
    type Service = Authorize<S, H>;

    fn layer(&self, inner: S) -> Authorize<S, H> {
        self.0.layer(inner)
    }
}

impl<H> fmt::Debug for RequireScope<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireScope").field(&self.0).finish()
    }
}
