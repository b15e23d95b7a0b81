//! The decision about an HTTP request, and the response to a rejected one, for any framework.
//!
//! An [`Authorizer`] holds the requirement of a route. It takes the headers of a request, and
//! returns the claims of its token or a [`Rejection`]. It also renders the response to a rejection.
//! The layers of `scopegate-axum` use it. Use it directly if your framework has no tower services.
//!
//! ```
//! use bytes::Bytes;
//! use http::{Request, Response, StatusCode};
//! use scopegate::http::Authorizer;
//!
//! /// A handler of a framework that has requests and responses of its own.
//! async fn orders(authorizer: &Authorizer, request: &Request<()>) -> Response<Bytes> {
//!     match authorizer.authorize_or_refresh(request.method(), request.uri(), request.headers()).await {
//!         Ok(accepted) => {
//!             let caller = accepted.claims().and_then(|claims| claims.client_id()).unwrap_or("?");
//!             let mut response = Response::new(format!("orders for {caller}").into());
//!             accepted.add_headers(response.headers_mut());
//!             response
//!         }
//!         Err(rejection) => authorizer.response(&rejection).into_response(),
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use scopegate::{Issuer, Verifier};
//! # let local = scopegate_issuer::LocalIssuer::start().await?;
//! # let issuer = Issuer::cognito_at(local.issuer())?.client("local-reader");
//! # let verifier = Verifier::builder().trust(issuer).start().await?;
//! # let token = local.mint().scope("orders/read").sign();
//! let authorizer = Authorizer::require_scope(&verifier, "orders/read")?;
//!
//! let mut request = Request::new(());
//! let rejected = orders(&authorizer, &request).await;
//! assert_eq!(rejected.status(), StatusCode::UNAUTHORIZED);
//! assert_eq!(rejected.headers()["www-authenticate"], r#"Bearer realm="api", scope="orders/read""#);
//!
//! request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
//! assert_eq!(orders(&authorizer, &request).await.body(), "orders for local-reader");
//! # Ok(()) }
//! ```
//!
//! # Responses
//!
//! | Request | Response |
//! | --- | --- |
//! | no credentials, or another scheme | 401, a challenge with `realm` and `scope`, and no `error` (RFC 6750 §3.1) |
//! | several `Authorization` headers, or a `Bearer` that is not one token | 400, `error="invalid_request"` |
//! | a rejected token | 401, `error="invalid_token"` |
//! | a valid token without the scopes | 403, `error="insufficient_scope"`, `scope` = the required scopes |
//! | a valid token whose user must authenticate again | 401, `error="insufficient_user_authentication"`, with `acr_values` and `max_age` |
//! | a valid token that a rule of the application denies, whose claims do not fit its type, or that lacks a required user | 403, a challenge with `realm` only, `reason` = the reason code |
//! | an invalid DPoP proof, if the verifier accepts proofs | 401, `error="invalid_dpop_proof"` or `use_dpop_nonce` in the `DPoP` challenge |
//! | a token without the client certificate to which it is bound | 401, `error="invalid_token"` |
//! | a token that is bound to a certificate, and a malformed certificate header of a trusted proxy | 400, `error="invalid_request"` |
//! | a token that is bound to a certificate, if the server lacks the peer's address | 500, no challenge |
//! | any token, while its issuer's keys or introspection are unavailable | 503, `Retry-After`, no challenge |
//! | an opaque token, while the credentials of the API are rejected | 500, no challenge |
//!
//! Each body is a problem document (RFC 9457), and each response has `Cache-Control: no-store`. The
//! texts are fixed, so responses don't reveal why a token was rejected. [`Authorizer::record`] logs
//! the reason, counts it and passes it to observers. [`Decision`](crate::Decision) lists the reason
//! codes.

mod authorizer;
mod bound;
mod head;
mod proven;
mod host;
mod credentials;
mod rejection;
mod template;
mod challenge;
mod problem;
mod record;
#[cfg(feature = "test-util")]
mod variants;
#[cfg(test)]
mod tests;

pub use crate::certificate::header_certificate::HeaderCertificate;
pub use crate::certificate::malformed::MalformedCertificate;
pub use crate::certificate::proxies::TrustedProxies;
pub use authorizer::{Access, Authorization, Authorizer, Grant, PendingAuthorization};
pub use challenge::MetadataUrl;
pub use credentials::bearer::PresentedToken;
pub use credentials::{Credentials, MalformedCredentials};
pub use head::{LazyParts, RequestHead};
pub use host::request_host;
pub use problem::Problem;
pub use proven::{AcceptedRequest, PendingRecording, ProofReceipt, ProvenRequest, Recording};
pub use rejection::{Rejection, RejectionReason};
pub use template::ResponseTemplate;
