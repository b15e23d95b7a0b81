//! Layers that verify OAuth 2.0 access tokens and enforce scopes, for axum 0.8 and any other tower
//! service over HTTP, and an extractor for the claims.
//!
//! A [`Verifier`] of the crate `scopegate` decides whether a token is valid. This crate also
//! exports the types of `scopegate` that applications name.
//!
//! ```
//! use axum::{Router, handler::Handler, routing::get};
//! use scopegate_axum::{Claims, RequireScope, RequireToken, Verifier, all_of};
//!
//! fn app(verifier: &Verifier) -> Router {
//!     let read = RequireScope::new(verifier, "orders/read");
//!     let write = RequireScope::new(verifier, all_of(["orders/read", "orders/write"]));
//!     Router::new()
//!         .route("/orders", get(list.layer(read)).post(create.layer(write)))
//!         .route("/whoami", get(whoami).layer(RequireToken::new(verifier)))
//! }
//!
//! async fn list() -> &'static str {
//!     "orders"
//! }
//!
//! async fn create() -> &'static str {
//!     "created"
//! }
//!
//! async fn whoami(claims: Claims) -> String {
//!     claims.client_id().unwrap_or("?").to_owned()
//! }
//! #
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use axum::{body::Body, http::Request};
//! # use tower::ServiceExt as _;
//! let local = scopegate_issuer::LocalIssuer::start().await?;
//! let issuer = scopegate_axum::Issuer::cognito_at(local.issuer())?.client("local-reader");
//! let app = app(&Verifier::builder().trust(issuer).start().await?);
//!
//! // A request with the token of a reader …
//! let reader = local.mint().scope("orders/read").sign();
//! let get = |path| Request::get(path).header("authorization", format!("Bearer {reader}"));
//! assert_eq!(app.clone().oneshot(get("/orders").body(Body::empty())?).await?.status(), 200);
//!
//! // … and one without a token.
//! let rejected = app.oneshot(Request::get("/orders").body(Body::empty())?).await?;
//! assert_eq!(rejected.status(), 401);
//! assert_eq!(rejected.headers()["www-authenticate"], r#"Bearer realm="api", scope="orders/read""#);
//! # Ok(()) }
//! ```
//!
//! # Layers
//!
//! | layer | accepts |
//! | --- | --- |
//! | [`RequireScope`] | a valid token that grants the required scopes |
//! | [`RequireToken`] | a valid token |
//! | [`OptionalToken`] | a valid token, or none |
//!
//! A layer covers the methods and routes that exist when you add it. Later ones are not covered.
//!
//! - `handler.layer(…)` covers one handler. axum's `Handler` trait must be in scope.
//! - `MethodRouter::layer` covers every method so far.
//! - `Router::layer` covers every route so far and the fallback. `Router::route_layer` leaves the
//!   fallback out.
//!
//! If layers nest, each one verifies the token. An inner layer finds the token in the verifier's
//! cache and rejects it if it has expired since. Use `test_util::assert_protected` in a test to
//! find routes without a layer (feature `test-util`).
//!
//! [`ProtectedResource`] creates the same layers for an API with a resource identifier (RFC 9728).
//! Their challenges have the URL of the API's metadata. The metadata lists the issuers and the
//! scopes.
//!
//! [`SecurityEventReceiver`] is an endpoint at which an issuer revokes tokens (RFC 8935).
//!
//! # Responses
//!
//! | request | response |
//! | --- | --- |
//! | no credentials, or another scheme | 401, a challenge with `realm` and `scope`, and no `error` (RFC 6750 §3.1) |
//! | several `Authorization` headers, or a `Bearer` that is not one token | 400, `error="invalid_request"` |
//! | a rejected token | 401, `error="invalid_token"` |
//! | a valid token without the scopes | 403, `error="insufficient_scope"`, `scope` = the required scopes |
//! | a valid token whose user must authenticate again | 401, `error="insufficient_user_authentication"`, with `acr_values` and `max_age` |
//! | a valid token that a rule of the application denies | 403, a challenge with `realm` only, `reason` = the reason code |
//! | a valid token whose claims do not fit `Claims<T>` | 403, the same with `reason` = `unexpected_claims` |
//! | a token without the client certificate to which it is bound | 401, `error="invalid_token"` |
//! | the scheme `DPoP`, and a proof that is absent, invalid or used | 401, a `DPoP` challenge with `error="invalid_dpop_proof"` |
//! | a DPoP proof without a valid nonce, if nonces are required | 401, `error="use_dpop_nonce"`, and a header `DPoP-Nonce` |
//! | a bearer token, if DPoP is required | 401, a `DPoP` challenge without an `error` |
//! | a token that is bound to a certificate, and a malformed certificate header of a trusted proxy | 400, `error="invalid_request"` |
//! | a token that is bound to a certificate, if the server lacks the peer's address | 500, no challenge |
//! | any token, while keys, its issuer, revocations, its status list or introspection are unavailable | 503, `Retry-After`, no challenge |
//! | a DPoP proof, while the store of used proofs is full or unreachable | 503, `Retry-After`, no challenge |
//! | an opaque token, while the credentials of the API are rejected | 500, no challenge |
//!
//! The body is a small problem document (RFC 9457). The response is `Cache-Control: no-store`. The
//! texts are fixed, so responses don't reveal why a token was rejected. The response's extensions
//! hold the [`Rejection`].
//!
//! To change the responses, use [`on_rejection`](RequireScope::on_rejection) of the layer.
//!
//! A handler can require more than its route. It returns `Result<_, Rejection>`. Its layer
//! completes the response with the same challenge, log event and hook as for its own rejections:
//!
//! ```
//! use scopegate_axum::{Claims, Rejection};
//!
//! async fn approve(claims: Claims) -> Result<&'static str, Rejection> {
//!     claims.require("orders/approve")?;
//!     Ok("approved")
//! }
//! # let _ = approve;
//! ```
//!
//! To enforce rules other than scopes, use [`and`](RequireScope::and) of a layer,
//! [`check`](VerifierBuilder::check) of the verifier, or [`Rejection::forbidden`] in a handler.
//! Their 403 has no `error`, so clients don't request another token. To check ownership, compare
//! [`Claims::identity`](scopegate::Claims::identity), which is the issuer and the subject. Two
//! issuers may use the same subject.
//!
//! If the key of a token is unknown, its request waits up to two seconds for a JWKS fetch, so that
//! key rotation goes unnoticed. Tokens are read from `Authorization` only, never from a query or a
//! body. A request's body is never read.
//!
//! # Logs, metrics and audit
//!
//! Each request yields one [`Decision`]. It becomes:
//!
//! - An event of `tracing` for a rejection. Its message is `request rejected`. Its level is `DEBUG`
//!   without credentials. It is `ERROR` for 500, because the server is misconfigured. It is `WARN`
//!   for 503, or if claims do not fit. Otherwise it is `INFO`.
//! - The counter `scopegate_requests_total` with the labels `decision` and `reason` (feature
//!   `metrics`).
//! - A call of each [observer](VerifierBuilder::observe) of the verifier. Observers also get
//!   accepted requests.
//!
//! | field of an event | value |
//! | --- | --- |
//! | `reason`, `status`, `method`, `error` | the decision |
//! | `route` | the pattern of the route, never the path |
//! | `host` | for `wrong_issuer`: the host as the caller sent it, without a user name |
//! | `issuer`, `client_id`, `subject`, `jti` | claims of a verified token |
//! | `unverified_issuer`, `unverified_client_id`, `unverified_subject`, `unverified_jti` | claims of any other token: an attacker may have chosen them |
//!
//! Events never contain a token. [`Decision`] lists the reason codes, which are stable.
//!
//! An accepted request is recorded by the outermost layer of its verifier when its response is
//! available. So each request is recorded once. A handler's rejection counts as a rejection. The
//! log event of a handler's rejection has `method` and `route` only if there is an observer or the
//! metric. The span of `tower_http`'s `TraceLayer` always has them.
//!
//! ```
//! use scopegate_axum::{Decision, Issuer, Verifier};
//!
//! fn audit(decision: &Decision<'_>) {
//!     let client = decision.claims().and_then(|claims| claims.client_id());
//!     println!("{} {} {client:?} {:?}", decision.verdict(), decision.reason(), decision.route());
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let local = scopegate_issuer::LocalIssuer::start().await?;
//! let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
//! let verifier = Verifier::builder().trust(issuer).observe(audit).start().await?;
//! # let _ = verifier;
//! # Ok(()) }
//! ```
//!
//! # gRPC
//!
//! The same layers work for gRPC. The response to a rejected call has only headers (*Trailers-Only*
//! in "gRPC over HTTP2"): HTTP status 200, the text as `grpc-message`, and the challenge as
//! metadata.
//!
//! | other requests get | a gRPC call gets |
//! | --- | --- |
//! | 401, and 400 | `grpc-status` 16, `UNAUTHENTICATED`, with `www-authenticate` |
//! | 403 | 7, `PERMISSION_DENIED`, with `www-authenticate` |
//! | 503 | 14, `UNAVAILABLE`, with `retry-after` |
//! | 500 | 13, `INTERNAL` |
//!
//! A call is a `POST` over HTTP/2 with `content-type: application/grpc` (or
//! `application/grpc+proto` and the like) and `te: trailers`. All other requests get the HTTP
//! status. This includes gRPC-Web. An API that serves no gRPC can switch this off with
//! [`with_http_responses`](RequireScope::with_http_responses).
//!
//! A method of a tonic service has a path, so it can be a route with its own layer. Callers cannot
//! reach a method without a route:
//!
//! ```
//! use axum::{Router, routing::post_service};
//! # use axum::{extract::Request, response::IntoResponse};
//! # use scopegate_axum::{RequireScope, Verifier};
//! # use tower::Service;
//!
//! // `orders` is what tonic generates: `OrdersServer::new(…)`.
//! # fn app<S>(orders: S, verifier: &Verifier) -> Router
//! # where
//! #     S: Service<Request, Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
//! #     S::Response: IntoResponse,
//! #     S::Future: Send + 'static,
//! # {
//! let read = RequireScope::new(verifier, "orders/read");
//! let write = RequireScope::new(verifier, "orders/write");
//! let methods = Router::new()
//!     .route("/shop.Orders/List", post_service(orders.clone()).layer(read))
//!     .route("/shop.Orders/Create", post_service(orders).layer(write));
//! // For tonic's server: `Server::builder().add_routes(methods.into())`.
//! # methods
//! # }
//! ```
//!
//! With the feature `tonic`, a layer also fits around all services of tonic's server:
//! `Server::builder().layer(RequireToken::new(&verifier))`. Handlers get the claims from
//! [`Claims::from_extensions`]`(request.extensions())?`. See `examples/grpc` in the repository for
//! a complete program.
//!
//! # CORS
//!
//! Before a script sends a token to another origin, its browser sends an `OPTIONS` request without
//! a token (a preflight of the Fetch standard). `tower_http`'s `CorsLayer` responds to it, if it is
//! outside the layers of this crate. In a router, the layer that you add last is the outermost:
//!
//! ```
//! use axum::http::{HeaderValue, Method, header};
//! use tower_http::cors::CorsLayer;
//! # use axum::{Router, handler::Handler, routing::get};
//! # use scopegate_axum::{RequireScope, Verifier};
//! # fn app(verifier: &Verifier) -> Router {
//! # let list = async || "orders";
//! # let read = RequireScope::new(verifier, "orders/read");
//!
//! let cors = CorsLayer::new()
//!     .allow_origin(HeaderValue::from_static("https://app.example"))
//!     .allow_methods([Method::GET])
//!     .allow_headers([header::AUTHORIZATION]) // `Any` does not include this header
//!     .expose_headers([header::WWW_AUTHENTICATE]); // for scripts that read the challenge
//! Router::new().route("/orders", get(list.layer(read))).layer(cors)
//! # }
//! ```
//!
//! Don't put `CorsLayer` inside. Preflights would be rejected with 401. Rejections would lack the
//! CORS headers, so scripts could not read them.
//!
//! # Streams and upgrades
//!
//! Bodies pass unchanged in both directions: server-sent events, uploads, streams of gRPC. An
//! accepted request can become a WebSocket, a rejected one cannot. A browser's `WebSocket` cannot
//! send `Authorization`, and the layers read no other header.
//!
//! The token is verified once when the request arrives. Close long-lived streams yourself at
//! [`Claims::expires_at`](scopegate::Claims::expires_at).
//!
//! # Deployment
//!
//! - TLS must end in this process or in a proxy that callers cannot bypass (RFC 6750 §5.3).
//! - A rejection does not wait for the request's body, like any other early response. If the body
//!   has not arrived by then, hyper closes the connection over HTTP/1.1, or resets the stream over
//!   HTTP/2. Some clients then fail when they reuse the connection, or before they have read the
//!   response. If clients act on rejections, as with MCP, read the body outside these layers. See
//!   `docs/guide/mcp.md` in the repository.
//! - Inner services and layers get the caller's claims with
//!   [`Claims::from_extensions`]`(request.extensions())`. Behind [`OptionalToken`] they use
//!   [`Claims::from_extensions_optional`].
//! - Errors of the inner service pass unchanged. Its response body must be a [`RejectionBody`].
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `dpop` | `Dpop`, and DPoP proofs in the layers. axum stores the URL of each request for them, as with its own default features. Without it, the layers reject tokens with a proof |
//! | `jsonwebtoken` | `token_data` of the claims and `Issuer::from_jwk_set`, for applications that migrate from that crate |
//! | `matched-path` | the pattern of axum's route in logs and for observers. On by default |
//! | `metrics` | the counters of `scopegate` and `scopegate_requests_total`, through the crate `metrics` |
//! | `mtls` | `ClientCertificates`, and the peer's address for certificates that come from a header. Without it, tokens that are bound to such a certificate get a 500 |
//! | `test-util` | for tests: claims without a token, and a check that routes are protected. It does not compile without `debug_assertions` |
//! | `tonic` | for tonic 0.14: layers around its server, and claims and rejections in its handlers |
#![forbid(unsafe_code)]

#[cfg(feature = "test-util")]
pub mod test_util;

mod resource;
mod security_events;
mod layers;
#[cfg(feature = "tonic")]
mod tonic;
mod claims;
mod authorize;
mod rejection;

pub use authorize::future::ResponseFuture;
pub use authorize::service::Authorize;
pub use claims::rejection::ClaimsRejection;
pub use claims::{Claims, Standard};
pub use layers::optional_token::OptionalToken;
pub use layers::require_scope::RequireScope;
pub use layers::require_token::RequireToken;
pub use layers::rule::RuleOutcome;
pub use rejection::Rejection;
pub use rejection::body::RejectionBody;
pub use rejection::hook::{OnRejection, Unchanged};
pub use resource::ProtectedResource;
pub use resource::authorization_servers::AuthorizationServers;
pub use resource::metadata::ResourceMetadata;
pub use resource::tenant::TenantResource;
pub use scopegate::http::{
    MalformedCertificate, MalformedCredentials, MetadataUrl, RejectionReason, request_host,
};
pub use scopegate::{
    AcceptedIssuers, Algorithm, AssertionSource, AuthenticationError, Check, CheckName, CheckOutcome,
    ClaimPath, ClientAuthError, ClientAuthentication, Clock, ConfigError, Decision, Denied, DpopProofError,
    Error, ErrorKind, Excerpt, ExplainedKey, Explanation, FeedClaim, FetchAuthorization, Identity,
    Introspection, IntrospectionStatus, IntrospectionSuspended, InvalidRevocation, InvalidScope, Issuer,
    IssuerStatus, IssuerWithoutAudience, Issuers, JsonError, NumericDate, Part, Principal, PrivateKey,
    Received, RefreshOutcome, RefreshTaskState, Requirement, ResolverStatus, ResourceIdentifier, Revocation,
    RevocationError, RevocationFile, RevocationReplacement, RevocationSource, RevocationSourceStatus,
    RevocationStatus, Revocations, RevocationsBuilder, Scope, ScopeSource, Scopes, Secret,
    SecurityEventError, SecurityEvents, SecurityEventsBuilder, SigningAlgorithm, SkippedKey, StartPolicy,
    Status, StatusList, StatusListStatus, SystemClock, TenantList, Tenants, TokenRef, Transmitter,
    Unverified, Verdict, Verifier, VerifierBuilder, WeakRevocationSource, all_of, any_of, explain_jwks,
};
#[cfg(feature = "mtls")]
pub use scopegate::{CertificateSource, ClientCertificates, ForwardedElement, PeerCertificate};
#[cfg(feature = "dpop")]
pub use scopegate::{Dpop, DpopNonces, ProofUse, ReplayStore, ReplayStoreError, UsedProof};
pub use security_events::SecurityEventReceiver;
pub use security_events::sender::InvalidBearerToken;

/// Doc tests of this crate's README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;

/// Doc tests of the repository's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

#[cfg(all(
    doctest,
    feature = "dpop",
    feature = "jsonwebtoken",
    feature = "mtls",
    feature = "test-util",
    feature = "tonic"
))]
mod guide;
