//! The metadata of the API (RFC 9728), which challenges name. The gateway passes its requests on.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use scopegate::http::{Problem, request_host};
use scopegate::{ConfigError, Verifier, middleware};
use scopegate_axum::{AuthorizationServers, ProtectedResource, TenantResource};

use crate::config::settings::Config;
use crate::routes::route::Route;

/// The documents of all hosts. They have one path, because the hosts share the prefix.
pub(super) struct Metadata {
    path: String,
    documents: HashMap<String, Bytes>,
}

impl Metadata {
    /// Writes the documents. A host without an issuer that is a URL has none.
    pub(super) fn new(config: &Config, verifier: &Verifier) -> Result<Self, ConfigError> {
        let mut metadata = Self { path: String::new(), documents: HashMap::new() };
        let servers: HashSet<String> = middleware::authorization_servers(verifier).into_iter().collect();
        let mut hosts: HashMap<&String, Vec<&Route>> = HashMap::new();
        for route in &config.routes {
            for host in &route.hosts {
                hosts.entry(host).or_default().push(route);
            }
        }
        for (host, routes) in hosts {
            let Some(identifier) = config.public_url.at_host(host) else { continue };
            identifier.metadata_path().clone_into(&mut metadata.path);
            let issuers = config.issuers.iter().filter(|entry| entry.hosts.contains(host));
            let names: Vec<&String> =
                issuers.map(|entry| &entry.name).filter(|name| servers.contains(*name)).collect();
            if names.is_empty() {
                continue;
            }
            // The verifier has this origin for DPoP proofs.
            let api = ProtectedResource::new(&config.public_url.origin(), verifier)?;
            for (_, access) in routes.iter().flat_map(|route| &route.methods) {
                if let Some(required) = access.scopes() {
                    // The layer is not used. Its scopes are in the document.
                    let _ = api.try_require_scope(required)?;
                }
            }
            let servers = AuthorizationServers::new(verifier, names)?;
            let tenant = TenantResource::new(identifier.as_str(), servers)?;
            metadata.documents.insert(host.clone(), api.metadata().document_for(&tenant).into());
        }
        Ok(metadata)
    }

    /// Returns the response if the request is for the document. `host` is the host without a choice.
    pub(super) fn respond(&self, request: &Parts, host: Option<&str>) -> Option<Response<Bytes>> {
        if self.path.is_empty() || request.uri.path() != self.path {
            return None;
        }
        if request.method != Method::GET && request.method != Method::HEAD {
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "expected GET or HEAD");
            return Some(problem.into_response());
        }
        let document = match host {
            Some(host) => self.documents.get(host),
            None => request_host(request).and_then(|host| self.documents.get(&*host)),
        };
        let Some(document) = document else {
            return Some(Problem::new(StatusCode::NOT_FOUND, "this host has no metadata").into_response());
        };
        let mut response = Response::new(document.clone());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // RFC 9728 §7.10: as the documents of `scopegate-axum`.
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600"));
        Some(response)
    }
}
