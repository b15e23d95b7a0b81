//! `ProtectedResource`: what an API is called, its layers, and its description of itself (RFC
//! 9728), which are made of one another. The description is `resource/description.rs`, and its
//! service `resource/metadata.rs`.

pub(crate) mod authorization_servers;
pub(crate) mod description;
pub(crate) mod metadata;

use std::fmt;
use std::sync::Arc;

use scopegate::http::{Authorizer, MetadataUrl};
use scopegate::{ConfigError, Requirement, ResourceIdentifier, Scope, Verifier, middleware};

use crate::layers::optional_token::OptionalToken;
use crate::layers::require_scope::RequireScope;
use crate::layers::require_token::RequireToken;
use crate::resource::authorization_servers::AuthorizationServers;
use crate::resource::description::Description;
use crate::resource::metadata::ResourceMetadata;

/// An API under the name that OAuth knows it by: it makes the layers, and tells callers who lets
/// them in (RFC 9728).
///
/// For callers that find everything by themselves, clients of MCP servers first: a request without
/// a token is answered with a challenge that names the API's metadata, the metadata names the
/// authorization server, and that one is asked for a token with the scopes of the challenge. All of
/// it comes from the configuration here and nothing from a request, least of all from its `Host`.
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
/// # Where the metadata goes
///
/// At the root of the host, and outside of every layer that asks for a token: on the outermost
/// router, after its last `.layer`. In a nested router it would be found under that one's path, and
/// a proxy that serves the API under a path has to pass [`metadata_path`](Self::metadata_path) on
/// as it is. Pages in a browser, some MCP clients among them, need `tower_http`'s `CorsLayer`
/// around it. Anybody can read which issuers are trusted, or [those that may be
/// told](Self::with_authorization_servers), and which scopes there are.
///
/// Layers that were not made here, `RequireScope::new(&verifier, …)`, work as ever, and neither
/// know of the metadata nor are known to it.
///
/// # What it does not do
///
/// It judges no audience: that is the business of each [`Issuer`](crate::Issuer). Where the
/// authorization server puts the resource that a caller asked for into `aud` (RFC 8707), and under
/// MCP it must, trust it with `.audience(…)` of the same text.
///
/// It does not make one URL of many: strict callers refuse metadata whose `resource` is not the
/// very URL that they requested (§3.3), and others are content with one that is above it. An MCP
/// server is best named by the URL that its clients are given.
///
/// Clones are the same API as far as its layers are concerned: their scopes are in the metadata of
/// all.
#[derive(Clone)]
pub struct ProtectedResource {
    verifier: Verifier,
    realm: Option<String>,
    description: Arc<Description>,
}

impl ProtectedResource {
    /// Names an API: by the URL that callers know it by, see [`ResourceIdentifier`], and by who
    /// verifies its tokens.
    ///
    /// The verifier's issuers are its authorization servers, in the order in which they were
    /// trusted: many clients take the first. Issuers whose name is not a URL are left out.
    /// [`with_authorization_servers`](Self::with_authorization_servers) tells callers of fewer.
    ///
    /// # Errors
    /// [`ConfigError::InvalidUrl`] when the identifier is not an `https` URL (or `http` on a
    /// loopback address) without query and fragment, in normal form.
    pub fn new(identifier: &str, verifier: &Verifier) -> Result<Self, ConfigError> {
        let issuers = middleware::authorization_servers(verifier).map(str::to_owned).collect();
        let description = Arc::new(Description::new(identifier.parse()?, issuers));
        Ok(Self { verifier: verifier.clone(), realm: None, description })
    }

    /// Sets the issuers that the metadata names: `authorization_servers` (RFC 9728 §2, which lets
    /// an API keep some back). Default: every issuer that the verifier trusts. It applies to
    /// services that are created later.
    ///
    /// Use it for an API that also trusts an issuer which its callers have no clients at, or for
    /// one that has an issuer and an identifier for each tenant:
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
    /// Callers believe this list: they send their credentials there, or the user's (§7.6). So it
    /// has no issuer that the verifier does not trust, and nothing of it should come from a
    /// request. It only affects the metadata: tokens of the other trusted issuers are still
    /// accepted.
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

    /// What people call it, for clients to show: `resource_name` (RFC 9728 §2). None unless set. It
    /// is in documents of a service that is made from now on.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.description).name = Some(name.into());
        self
    }

    /// Where a developer can read about it: `resource_documentation` (RFC 9728 §2). None unless
    /// set. It is in documents of a service that is made from now on.
    #[must_use]
    pub fn with_documentation(mut self, url: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.description).documentation = Some(url.into());
        self
    }

    /// The realm of layers that are made from now on, as [`RequireScope::with_realm`].
    #[must_use]
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// The layer [`RequireScope`], with the API's metadata in its challenges. What a caller should
    /// ask for to satisfy it is from now on in the metadata, also if the layer is never put on a
    /// route; 256 scopes at most.
    ///
    /// # Panics
    /// As [`RequireScope::new`].
    #[track_caller]
    pub fn require_scope(&self, requirement: impl Into<Requirement>) -> RequireScope {
        self.named(RequireScope::new(&self.verifier, requirement))
    }

    /// Like [`require_scope`](Self::require_scope), for scopes that are not written in the program.
    ///
    /// # Errors
    /// As [`RequireScope::try_new`].
    pub fn try_require_scope(
        &self,
        requirement: impl Into<Requirement>,
    ) -> Result<RequireScope, ConfigError> {
        Ok(self.named(RequireScope::try_new(&self.verifier, requirement)?))
    }

    /// The layer [`RequireToken`], with the API's metadata in its challenges. Its challenges name
    /// no scope. Clients of MCP servers ask for every scope in the metadata then, so do not put it
    /// around layers that ask for scopes: they are enough.
    pub fn require_token(&self) -> RequireToken {
        RequireToken::new(&self.verifier).map(|authorizer| self.word(authorizer))
    }

    /// The layer [`OptionalToken`], with the API's metadata in its challenges.
    pub fn optional_token(&self) -> OptionalToken {
        OptionalToken::new(&self.verifier).map(|authorizer| self.word(authorizer))
    }

    fn named(&self, layer: RequireScope) -> RequireScope {
        self.description.add(layer.requirement());
        layer.map(|authorizer| self.word(authorizer))
    }

    /// Puts the API into the challenges of a layer.
    fn word(&self, authorizer: Authorizer) -> Authorizer {
        let authorizer = authorizer.with_resource_metadata(self.metadata_url());
        match &self.realm {
            Some(realm) => authorizer.with_realm(realm),
            None => authorizer,
        }
    }

    /// Every scope that a layer of this API names, in alphabetical order, 256 at most: for a
    /// document that describes it, as OpenAPI does.
    pub fn scopes(&self) -> Vec<Scope> {
        self.description.scopes()
    }

    /// What the API is called.
    pub fn identifier(&self) -> &ResourceIdentifier {
        &self.description.identifier
    }

    /// Returns the URL of the API's metadata, for the challenges of layers that are not made here.
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

    /// Where [`metadata`](Self::metadata) has to be served: a path from the host's root (RFC 9728
    /// §3.1). A router of axum takes no path with a segment that begins with `:` or `*`, so an API
    /// under one cannot be named there.
    pub fn metadata_path(&self) -> &str {
        self.description.identifier.metadata_path()
    }

    /// Serves the metadata, see [above](Self#where-the-metadata-goes). `Router::route_service` of
    /// axum takes it with [`metadata_path`](Self::metadata_path); it is no handler, so `get(…)`
    /// does not.
    pub fn metadata(&self) -> ResourceMetadata {
        ResourceMetadata::new(Arc::clone(&self.description))
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
