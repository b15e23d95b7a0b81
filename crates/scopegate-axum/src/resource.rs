//! An API with a resource identifier: its layers and its metadata (RFC 9728).

pub(crate) mod authorization_servers;
pub(crate) mod description;
pub(crate) mod metadata;
pub(crate) mod tenant;

use std::fmt;
use std::sync::Arc;

use http::request::Parts;
use scopegate::http::{Authorizer, MetadataUrl};
use scopegate::{ConfigError, Requirement, ResourceIdentifier, Scope, Verifier, middleware};

use crate::layers::optional_token::OptionalToken;
use crate::layers::require_scope::RequireScope;
use crate::layers::require_token::RequireToken;
use crate::resource::authorization_servers::AuthorizationServers;
use crate::resource::description::Description;
use crate::resource::metadata::ResourceMetadata;
use crate::resource::tenant::{TenantResource, TenantSelector};

/// An API with a resource identifier. It creates the API's layers and serves its metadata (RFC
/// 9728).
///
/// Use it for clients that discover the authorization server, such as MCP clients:
///
/// 1. A request without a token gets a challenge with the URL of the API's metadata.
/// 2. The metadata names the authorization server.
/// 3. The client requests a token there, with the scopes of the challenge.
///
/// All values come from the configuration. None comes from a request or its `Host` header. If each
/// tenant has an identifier of its own, [a function](Self::with_tenant_for) selects one of the
/// configured tenants by the request.
///
/// ```
/// use axum::{Router, handler::Handler, routing::get};
/// use scopegate_axum::{ConfigError, ProtectedResource, Verifier};
///
/// fn app(verifier: &Verifier) -> Result<Router, ConfigError> {
///     let api = ProtectedResource::new("https://api.example/orders", verifier)?;
///     Ok(Router::new()
///         .route("/orders", get(list.layer(api.require_scope("orders/read"))))
///         .route_service(api.metadata_path(), api.metadata()))
/// }
///
/// async fn list() -> &'static str {
///     "orders"
/// }
/// #
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use axum::{body::Body, http::Request};
/// # use tower::ServiceExt as _;
/// # use http_body_util::BodyExt as _;
/// let local = scopegate_issuer::LocalIssuer::start().await?;
/// let issuer = scopegate_axum::Issuer::cognito_at(local.issuer())?.client("local-reader");
/// let app = app(&Verifier::builder().trust(issuer).start().await?)?;
///
/// let rejected = app.clone().oneshot(Request::get("/orders").body(Body::empty())?).await?;
/// let metadata = "https://api.example/.well-known/oauth-protected-resource/orders";
/// assert_eq!(
///     rejected.headers()["www-authenticate"],
///     format!(r#"Bearer realm="api", resource_metadata="{metadata}", scope="orders/read""#)
/// );
///
/// let path = "/.well-known/oauth-protected-resource/orders";
/// let response = app.oneshot(Request::get(path).body(Body::empty())?).await?;
/// let document: serde_json::Value = serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?;
/// assert_eq!(document["resource"], "https://api.example/orders");
/// assert_eq!(document["authorization_servers"], serde_json::json!([local.issuer()]));
/// assert_eq!(document["scopes_supported"], serde_json::json!(["orders/read"]));
/// # Ok(()) }
/// ```
///
/// # Serving the metadata
///
/// Serve it from the root of the host, without a layer that requires a token. Add its route to the
/// outermost router, after the last `.layer`. In a nested router, its URL would be under the path
/// of that router. If a proxy serves the API under a path, it must forward
/// [`metadata_path`](Self::metadata_path) unchanged. Pages in a browser, and some MCP clients, need
/// `tower_http`'s `CorsLayer` around it.
///
/// The document is public. It lists the trusted issuers, or [some of
/// them](Self::with_authorization_servers), and the scopes.
///
/// Layers that were not created here, such as `RequireScope::new(&verifier, …)`, work
/// independently. Their challenges do not have the URL of the metadata, and the metadata does not
/// have their scopes. To add the URL, pass [`metadata_url`](Self::metadata_url) to
/// [`with_resource_metadata`](RequireScope::with_resource_metadata).
///
/// # Limits
///
/// It checks no audience. Each [`Issuer`](crate::Issuer) does. Some authorization servers put the
/// requested resource into `aud` (RFC 8707), and MCP requires it. Trust such an issuer with
/// `.audience(…)` and the same identifier.
///
/// It has one URL. Strict clients reject metadata whose `resource` differs from the URL that they
/// requested (§3.3), and others accept a parent of it. Name an MCP server by the URL that its
/// clients are configured with.
///
/// Clones share the scopes of their layers, which are in the metadata of each.
#[derive(Clone)]
pub struct ProtectedResource {
    verifier: Verifier,
    realm: Option<String>,
    description: Arc<Description>,
    tenants: Option<TenantSelector>,
}

impl ProtectedResource {
    /// Creates an API with this [identifier](ResourceIdentifier). `verifier` verifies its tokens.
    ///
    /// The metadata lists the verifier's issuers in the order in which they were trusted, because
    /// many clients use the first. Issuers whose name is not a URL are left out. To list fewer, use
    /// [`with_authorization_servers`](Self::with_authorization_servers).
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if the identifier is not an `https` URL in normal form
    /// without query and fragment. `http` is accepted on a loopback address.
    pub fn new(identifier: &str, verifier: &Verifier) -> Result<Self, ConfigError> {
        let issuers = middleware::authorization_servers(verifier);
        let description = Description::new(identifier.parse()?, issuers, middleware::dpop(verifier));
        let description = Arc::new(description);
        Ok(Self { verifier: verifier.clone(), realm: None, description, tenants: None })
    }

    /// Sets the issuers that the metadata lists as `authorization_servers`. RFC 9728 §2 allows an
    /// API to omit some. Default: every issuer that the verifier trusts. It applies to services
    /// that are created later.
    ///
    /// Use it if callers cannot register clients at one of the trusted issuers. Use it also if each
    /// tenant has its own issuer and identifier:
    ///
    /// ```
    /// use scopegate_axum::{AuthorizationServers, ConfigError, ProtectedResource, Verifier};
    ///
    /// fn public_api(verifier: &Verifier) -> Result<ProtectedResource, ConfigError> {
    ///     let servers = AuthorizationServers::new(verifier, ["https://login.example"])?;
    ///     let api = ProtectedResource::new("https://api.example/orders", verifier)?;
    ///     Ok(api.with_authorization_servers(servers))
    /// }
    /// # use scopegate_axum::Issuer;
    /// # const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    /// # let issuer = |name| Ok::<_, ConfigError>(Issuer::from_jwks(name, JWKS)?.audience("https://api.example/orders"));
    /// let verifier = Verifier::builder()
    ///     .trust(issuer("https://login.internal.example")?)
    ///     .trust(issuer("https://login.example")?)
    ///     .build()?;
    /// let document = public_api(&verifier)?.metadata().document();
    /// assert!(document.contains(r#""authorization_servers":["https://login.example"]"#));
    ///
    /// let other = Verifier::builder().trust(issuer("https://login.internal.example")?).build()?;
    /// assert_eq!(
    ///     public_api(&other).unwrap_err().to_string(),
    ///     r#"expected an issuer that the verifier trusts, found "https://login.example""#
    /// );
    /// # Ok::<(), ConfigError>(())
    /// ```
    ///
    /// Clients send their credentials to these servers, or the user's (§7.6). So the list can only
    /// contain issuers that the verifier trusts. Don't take it from a request. This only affects
    /// the metadata: tokens from the other trusted issuers are still accepted, unless the API's layers
    /// have [`RequireScope::with_issuers`].
    ///
    /// # Panics
    /// Panics if the issuers were selected with another verifier than the API's.
    #[must_use]
    #[track_caller]
    pub fn with_authorization_servers(mut self, servers: AuthorizationServers) -> Self {
        assert!(
            middleware::same_verifier(servers.verifier(), &self.verifier),
            "ProtectedResource: expected authorization servers of the API's own verifier"
        );
        Arc::make_mut(&mut self.description).authorization_servers = servers.into_issuers();
        self
    }

    /// Selects the tenant of each request, if each tenant has a host or a path with an identifier of
    /// its own. A second call replaces the first. It applies to layers and services that are created
    /// later:
    ///
    /// - The [`metadata`](Self::metadata) is the tenant's: its identifier and its authorization
    ///   servers, with the scopes and the name of this API. If the function returns `None`, the
    ///   response is 404.
    /// - Challenges have the URL of the tenant's metadata.
    /// - Requests accept only tokens of the tenant's issuers, and no token if the function returns
    ///   `None`. `with_issuers_for` of a layer replaces these issuers.
    ///
    /// The function runs for each request, before its token is verified. It must not block, because
    /// it runs on the request's thread. It must depend on the URL only, because the metadata may be
    /// cached. In a nested router of axum, the path lacks the prefix: read `OriginalUri` in the
    /// extensions. A resource with servers of another verifier counts as `None`.
    ///
    /// ```
    /// use std::collections::HashMap;
    ///
    /// use scopegate_axum::{
    ///     AuthorizationServers, ConfigError, ProtectedResource, TenantResource, Verifier, request_host,
    /// };
    ///
    /// /// `tenants` has the name of the issuer for each host.
    /// fn api(verifier: &Verifier, tenants: &[(&str, &str)]) -> Result<ProtectedResource, ConfigError> {
    ///     let mut resources = HashMap::new();
    ///     for (host, issuer) in tenants {
    ///         let servers = AuthorizationServers::of_resolver(verifier, [issuer])?;
    ///         let resource = TenantResource::new(&format!("https://{host}"), servers)?;
    ///         resources.insert(host.to_string(), resource);
    ///     }
    ///     let api = ProtectedResource::new("https://api.example", verifier)?;
    ///     Ok(api.with_tenant_for(move |request| resources.get(&*request_host(request)?).cloned()))
    /// }
    /// # let _ = api;
    /// ```
    #[must_use]
    pub fn with_tenant_for(
        self,
        select: impl Fn(&Parts) -> Option<TenantResource> + Send + Sync + 'static,
    ) -> Self {
        let tenants = TenantSelector::new(&self.verifier, Arc::new(select));
        Self { tenants: Some(tenants), ..self }
    }

    /// Sets the name that clients can show to users, `resource_name` (RFC 9728 §2). Default: none.
    /// It applies to services that are created later.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.description).name = Some(name.into());
        self
    }

    /// Sets the URL of the documentation for developers, `resource_documentation` (RFC 9728 §2).
    /// Default: none. It applies to services that are created later.
    #[must_use]
    pub fn with_documentation(mut self, url: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.description).documentation = Some(url.into());
        self
    }

    /// Sets the realm of layers that are created later, see [`RequireScope::with_realm`].
    #[must_use]
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Creates a [`RequireScope`] layer, with the URL of the API's metadata in its challenges.
    ///
    /// The scopes of its challenges are added to the metadata, even if you never use the layer.
    /// Maximum: 256 scopes.
    ///
    /// # Panics
    /// Panics if [`RequireScope::new`] does.
    #[track_caller]
    pub fn require_scope(&self, requirement: impl Into<Requirement>) -> RequireScope {
        self.named(RequireScope::new(&self.verifier, requirement))
    }

    /// Like [`require_scope`](Self::require_scope), for scopes that are read at run time.
    ///
    /// # Errors
    /// Returns the [`ConfigError`] of [`RequireScope::try_new`].
    pub fn try_require_scope(
        &self,
        requirement: impl Into<Requirement>,
    ) -> Result<RequireScope, ConfigError> {
        Ok(self.named(RequireScope::try_new(&self.verifier, requirement)?))
    }

    /// Creates a [`RequireToken`] layer, with the URL of the API's metadata in its challenges.
    ///
    /// Its challenges have no scope, so MCP clients request every scope in the metadata. Don't put
    /// it around layers that require scopes, because those layers are sufficient.
    pub fn require_token(&self) -> RequireToken {
        let layer = RequireToken::new(&self.verifier).map(|authorizer| self.word(authorizer));
        match &self.tenants {
            Some(tenants) => layer.with_tenants(tenants.of_requests()),
            None => layer,
        }
    }

    /// Creates an [`OptionalToken`] layer, with the URL of the API's metadata in its challenges.
    pub fn optional_token(&self) -> OptionalToken {
        let layer = OptionalToken::new(&self.verifier).map(|authorizer| self.word(authorizer));
        match &self.tenants {
            Some(tenants) => layer.with_tenants(tenants.of_requests()),
            None => layer,
        }
    }

    fn named(&self, layer: RequireScope) -> RequireScope {
        self.description.add(layer.requirement());
        let layer = layer.map(|authorizer| self.word(authorizer));
        match &self.tenants {
            Some(tenants) => layer.with_tenants(tenants.of_requests()),
            None => layer,
        }
    }

    /// Sets the realm and the metadata URL of a layer's challenges.
    fn word(&self, authorizer: Authorizer) -> Authorizer {
        let authorizer = authorizer.with_resource_metadata(self.metadata_url());
        match &self.realm {
            Some(realm) => authorizer.with_realm(realm),
            None => authorizer,
        }
    }

    /// Returns the scopes that the layers of this API require, including alternatives, in
    /// alphabetical order. Use it to describe the API, for example in an OpenAPI document. Maximum:
    /// 256 scopes.
    pub fn scopes(&self) -> Vec<Scope> {
        self.description.scopes()
    }

    /// Returns the resource identifier.
    pub fn identifier(&self) -> &ResourceIdentifier {
        &self.description.identifier
    }

    /// Returns the URL of the API's metadata, for the challenges of layers that are created
    /// elsewhere.
    ///
    /// ```
    /// use scopegate_axum::{ProtectedResource, RequireToken, Verifier};
    ///
    /// fn admin_layer(api: &ProtectedResource, admins: &Verifier) -> RequireToken {
    ///     RequireToken::new(admins).with_resource_metadata(api.metadata_url())
    /// }
    /// ```
    pub fn metadata_url(&self) -> MetadataUrl {
        MetadataUrl::from(self.identifier())
    }

    /// Returns the path of the [`metadata`](Self::metadata), from the root of the host (RFC 9728
    /// §3.1).
    ///
    /// axum's router rejects a path with a segment that begins with `:` or `*`, so it cannot serve
    /// the metadata of an identifier with one.
    pub fn metadata_path(&self) -> &str {
        self.description.identifier.metadata_path()
    }

    /// Returns the service of the metadata, see [above](Self#serving-the-metadata).
    ///
    /// Pass it to axum's `Router::route_service` with [`metadata_path`](Self::metadata_path). It is
    /// a service and not a handler, so `get(…)` does not accept it.
    pub fn metadata(&self) -> ResourceMetadata {
        ResourceMetadata::new(Arc::clone(&self.description), self.tenants.clone())
    }
}

impl fmt::Debug for ProtectedResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtectedResource")
            .field("identifier", self.identifier())
            .field("verifier", &self.verifier)
            .finish_non_exhaustive()
    }
}
