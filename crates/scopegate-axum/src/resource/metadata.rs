//! The protected-resource metadata document (RFC 9728 §2), and its service (§3.2).

use std::convert::Infallible;
use std::fmt;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::body::Body;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use scopegate::http::Problem;
use scopegate::{Dpop, ResourceIdentifier, Scope};
use serde_json::{Map, Value};
use tower_service::Service;

use crate::authorize::route::with_parts;
use crate::resource::description::Description;
use crate::resource::tenant::{TenantResource, TenantSelector};

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
///
/// With [tenants](crate::ProtectedResource::with_tenant_for), the first two members have the values
/// of the request's tenant. A request of no tenant gets 404.
#[derive(Clone)]
pub struct ResourceMetadata {
    description: Arc<Description>,
    tenants: Option<TenantSelector>,
}

impl ResourceMetadata {
    pub(crate) fn new(description: Arc<Description>, tenants: Option<TenantSelector>) -> Self {
        Self { description, tenants }
    }

    /// Returns the document as JSON. Use it in frameworks that do not support tower services. With
    /// tenants, it is the document of the API itself.
    pub fn document(&self) -> String {
        let Description { identifier, authorization_servers, .. } = &*self.description;
        self.document_of(identifier, authorization_servers.iter().map(String::as_str))
    }

    /// Returns the document of a tenant, for the same use.
    pub fn document_for(&self, tenant: &TenantResource) -> String {
        self.document_of(tenant.identifier(), tenant.issuers())
    }

    fn document_of<'s>(
        &self,
        identifier: &ResourceIdentifier,
        authorization_servers: impl Iterator<Item = &'s str>,
    ) -> String {
        let Description { name, documentation, dpop, .. } = &*self.description;
        let algorithms = dpop.iter().flat_map(Dpop::accepted_algorithms).map(|algorithm| algorithm.name());
        let requires_proof = dpop.as_ref().is_some_and(Dpop::is_required);
        let scopes = self.description.scopes_to_request();
        let members = [
            ("resource", Some(identifier.as_str().into())),
            ("authorization_servers", list(authorization_servers)),
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

impl fmt::Debug for ResourceMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceMetadata").field("description", &self.description).finish_non_exhaustive()
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

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        ready(Ok(match *request.method() {
            // The HTTP server leaves the body out if the method is HEAD.
            Method::GET | Method::HEAD => {
                let document = match &self.tenants {
                    None => Some(self.document()),
                    Some(tenants) => {
                        let tenant = with_parts(&mut request, |parts| tenants.select(parts));
                        tenant.map(|tenant| self.document_for(&tenant))
                    }
                };
                let Some(document) = document else {
                    let problem =
                        Problem::new(StatusCode::NOT_FOUND, "expected the host or path of a tenant");
                    return ready(Ok(problem.into_response().map(Body::from)));
                };
                let mut response = Response::new(Body::from(document));
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
