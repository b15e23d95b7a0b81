//! Lets a request through only with a good OAuth 2.0 access token and the scopes that its route needs.
//!
//! Layers for axum 0.8 and for any other tower service over HTTP, and an extractor for axum handlers. What
//! makes a token good is decided by a [`Verifier`] of the crate `scopegate`, of which everything that an
//! application needs is exported here too.
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
//! // … and one without any.
//! let refused = app.oneshot(Request::get("/orders").body(Body::empty())?).await?;
//! assert_eq!(refused.status(), 401);
//! assert_eq!(refused.headers()["www-authenticate"], r#"Bearer realm="api", scope="orders/read""#);
//! # Ok(()) }
//! ```
//!
//! # The layers
//!
//! | layer | lets through |
//! | --- | --- |
//! | [`RequireScope`] | a good token that grants what is required |
//! | [`RequireToken`] | a good token |
//! | [`OptionalToken`] | a good token, or none |
//!
//! A layer covers what it is put on, and nothing that is added later. On one handler it is
//! `handler.layer(…)`, with axum's `Handler` trait in scope; on a `MethodRouter` it covers every method so
//! far; on a `Router` every route so far and its fallback (`route_layer`: not the fallback). When an outer
//! layer of the same verifier has verified the token, an inner one does not verify it again.
//!
//! [`ProtectedResource`] makes the same layers for an API that has a name (RFC 9728): their challenges tell where its metadata
//! is, and the metadata tells who issues tokens and which scopes there are.
//!
//! # What a caller hears
//!
//! | request | answer |
//! | --- | --- |
//! | without credentials, or with another scheme | 401, a challenge with `realm` and `scope`, and no `error` (RFC 6750 §3.1) |
//! | more than one `Authorization`, or a `Bearer` that is not one token | 400, `error="invalid_request"` |
//! | a token that is refused, for whatever reason | 401, `error="invalid_token"` |
//! | a good token without the scopes | 403, `error="insufficient_scope"`, `scope` = what is needed |
//! | a token that cannot be judged because its issuer's keys are missing | 503, `Retry-After`, no challenge |
//!
//! The body is a small problem document (RFC 9457). Its text, and the challenge's, is fixed: the reason goes
//! to the log (`tracing`, at `INFO`; `WARN` when keys are missing, `DEBUG` without a token) and into the
//! response's extensions as a [`Rejection`], with which the body can be replaced. Rejections are `Cache-Control:
//! no-store`.
//!
//! A token that names an unknown key waits up to two seconds for the fetch that this causes, so a rotation of
//! keys goes unnoticed. Tokens are taken from `Authorization` only, never from a query or a body, and a
//! request's body is never read.
//!
//! # gRPC
//!
//! The layers are the same, and a gRPC call hears the same in gRPC's form: an answer that is only headers (*Trailers-Only* in
//! "gRPC over HTTP2"), with HTTP status 200, the text as `grpc-message`, and the challenge as metadata.
//!
//! | others hear | a gRPC call hears |
//! | --- | --- |
//! | 401, and 400 | `grpc-status` 16, `UNAUTHENTICATED`, with `www-authenticate` |
//! | 403 | 7, `PERMISSION_DENIED`, with `www-authenticate` |
//! | 503 | 14, `UNAVAILABLE`, with `retry-after` |
//!
//! A call is a `POST` over HTTP/2 with `content-type: application/grpc` (or `application/grpc+proto` and the like) and `te:
//! trailers`. Who lacks one of these hears the HTTP status: gRPC-Web does, whose clients read it.
//!
//! A method of a service of tonic has a path, so it can be a route with a layer of its own. One that has no route does not
//! exist for callers:
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
//! With the feature `tonic`, a layer also fits on tonic's server, for all services at once:
//! `Server::builder().layer(RequireToken::new(&verifier))`. In a handler, [`Claims::from_extensions`]`(request.extensions())?` has the
//! claims. `examples/grpc` of the repository is a program with all of it.
//!
//! # CORS
//!
//! Before a script may send a token to another origin, its browser asks, with an `OPTIONS` request that has none (a preflight
//! of the Fetch standard). `tower_http`'s `CorsLayer` answers that, where it is outside of the layers here, which is where a
//! router puts what is added last:
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
//!     .allow_headers([header::AUTHORIZATION]) // `Any` would not do: it does not stand for this header
//!     .expose_headers([header::WWW_AUTHENTICATE]); // for scripts that want to know why
//! Router::new().route("/orders", get(list.layer(read))).layer(cors)
//! # }
//! ```
//!
//! Inside of them it would not see the preflight, which would be refused with 401, nor add its headers to refusals, which no
//! script could then read.
//!
//! # Streams and upgrades
//!
//! Bodies pass as they come, in both directions: server-sent events, uploads, streams of gRPC. So does a request that becomes
//! a WebSocket; one that is refused does not become one. A browser's `WebSocket` cannot send `Authorization`, and there is no
//! other place for a token here.
//!
//! A token is judged once, when the request comes. What goes on for longer than the token is good has to end by itself, at
//! [`Claims::expires_at`](scopegate::Claims::expires_at).
//!
//! # Behind and around it
//!
//! - TLS must end in this process or in a proxy that nobody can go around (RFC 6750 §5.3).
//! - A rejection does not wait for the body of its request, no more than any other early answer. hyper then closes the
//!   connection over HTTP/1.1, or resets the stream over HTTP/2, unless the body is there by then, and some clients fail for
//!   that: with the connection when they use it once more, with the answer when they have not read it yet. Where a rejection
//!   tells the client what to ask next, as with MCP, have the body read outside of these layers: `docs/mcp.md` of the
//!   repository shows how.
//! - Any inner service, and any layer further in, has the caller's claims by [`Claims::from_extensions`]`(request.extensions())`,
//!   or by [`Claims::from_extensions_optional`] behind [`OptionalToken`].
//! - The inner service's errors pass unchanged. A rejection has to fit into its response body, see [`RejectionBody`].
//!
//! # Features
//!
//! | feature | adds |
//! | --- | --- |
//! | `tonic` | for tonic 0.14: layers around its server, and claims in its handlers |
#![forbid(unsafe_code)]

mod layers;
mod resource;
mod claims;
#[cfg(feature = "tonic")]
mod tonic;
mod authorize;
mod rejection;

pub use authorize::future::ResponseFuture;
pub use authorize::service::Authorize;
pub use claims::rejection::ClaimsRejection;
pub use claims::{Claims, Standard};
pub use layers::optional_token::OptionalToken;
pub use layers::require_scope::RequireScope;
pub use layers::require_token::RequireToken;
pub use rejection::Rejection;
pub use rejection::body::RejectionBody;
pub use rejection::hook::{OnRejection, Unchanged};
pub use resource::ProtectedResource;
pub use resource::authorization_servers::AuthorizationServers;
pub use resource::metadata::ResourceMetadata;
pub use scopegate::http::{MalformedCredentials, MetadataUrl, RejectionReason};
pub use scopegate::{
    Algorithm, ConfigError, Error, Issuer, IssuerWithoutAudience, NumericDate, Principal, Requirement,
    ResourceIdentifier, Scope, Scopes, Status, Verifier, VerifierBuilder, all_of, any_of,
};

/// The code of this crate's README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
