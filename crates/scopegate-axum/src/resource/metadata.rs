//! The protected-resource metadata document (RFC 9728 §2), and its service (§3.2).

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use scopegate::http::Problem;
use scopegate::{Dpop, Scope};
use serde_json::{Map, Value};
use tower_service::Service;

use crate::resource::description::Description;

/// The service of the metadata of a [`ProtectedResource`](crate::ProtectedResource).
///
/// It responds to `GET` and `HEAD` with the document, on any path, and to other methods with 405.
///
/// | member | value |
/// | --- | --- |
/// | `resource` | the resource identifier |
/// | `authorization_servers` | the issuers that the verifier trusts, or [some](crate::ProtectedResource::with_authorization_servers) of them |
/// | `scopes_supported` | the scopes that clients should request: the scopes in the challenges of the API's layers |
/// | `bearer_methods_supported` | `header`, because tokens are read from `Authorization` only |
/// | `dpop_signing_alg_values_supported` | the algorithms of [`Dpop`](scopegate::Dpop), if the verifier accepts proofs |
/// | `dpop_bound_access_tokens_required` | `true`, if the verifier requires proofs |
/// | `resource_name`, `resource_documentation` | the configured values |
///
/// A member without values is left out (§3.2). `scopes_supported` also leaves out further
/// alternatives of [`any_of`](crate::any_of), and scopes that only
/// [imply](scopegate::VerifierBuilder::implied_scopes) others. Otherwise clients that request all
/// listed scopes would always request the most powerful ones. The document may be cached for an
/// hour (§7.10), because it seldom changes once a program has created its layers.
#[derive(Clone, Debug)]
pub struct ResourceMetadata(Arc<Description>);

impl ResourceMetadata {
    pub(crate) fn new(description: Arc<Description>) -> Self {
        Self(description)
    }

    /// Returns the document as JSON. Use it in frameworks that do not support tower services.
    pub fn document(&self) -> String {
        let Description { identifier, authorization_servers, name, documentation, dpop, .. } = &*self.0;
        let algorithms = dpop.iter().flat_map(Dpop::accepted_algorithms).map(|algorithm| algorithm.name());
        let requires_proof = dpop.as_ref().is_some_and(Dpop::is_required);
        let scopes = self.0.scopes_to_request();
        let members = [
            ("resource", Some(identifier.as_str().into())),
            ("authorization_servers", list(authorization_servers.iter().map(String::as_str))),
            ("scopes_supported", list(scopes.iter().map(Scope::as_str))),
            ("bearer_methods_supported", list(["header"])),
            ("dpop_signing_alg_values_supported", list(algorithms)),
            ("dpop_bound_access_tokens_required", requires_proof.then_some(true.into())),
            ("resource_name", name.as_deref().map(Value::from)),
            ("resource_documentation", documentation.as_deref().map(Value::from)),
        ];
        let members = members.into_iter().filter_map(|(member, value)| Some((member.to_owned(), value?)));
        Value::Object(members.collect::<Map<_, _>>()).to_string()
    }
}

/// Returns `None` without values, because such a member is left out (RFC 9728 §3.2).
fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<Value> {
    let values: Vec<Value> = values.into_iter().map(Value::from).collect();
    (!values.is_empty()).then_some(Value::Array(values))
}

impl<B> Service<Request<B>> for ResourceMetadata {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        ready(Ok(match *request.method() {
            // The HTTP server leaves the body out if the method is HEAD.
            Method::GET | Method::HEAD => {
                let mut response = Response::new(Body::from(self.document()));
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
                response
            }
            _ => {
                let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "expected GET or HEAD");
                let mut response = problem.into_response().map(Body::from);
                response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                response
            }
        }))
    }
}
