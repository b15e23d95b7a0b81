//! The resource of one tenant: its identifier and its issuers, selected for each request.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::request::Parts;
use scopegate::{AcceptedIssuers, ConfigError, ResourceIdentifier, Verifier, middleware};

use crate::authorize::route::tenant_routes::TenantRoutes;
use crate::authorize::route::{TenantFunction, TenantOfRequest};
use crate::resource::authorization_servers::AuthorizationServers;

/// The resource of one tenant, for [`ProtectedResource::with_tenant_for`].
///
/// Its requests need DPoP proofs for the origin of its identifier, if the verifier accepts
/// [proofs](crate::Dpop).
///
/// Clones share the values. Create one for each tenant, keep it, and clone it for each request. The
/// responses to rejected requests are rendered once for each tenant and layer.
///
/// [`ProtectedResource::with_tenant_for`]: crate::ProtectedResource::with_tenant_for
#[derive(Clone)]
pub struct TenantResource(Arc<Tenant>);

struct Tenant {
    /// With the identifier.
    routes: Arc<TenantRoutes>,
    servers: AuthorizationServers,
    issuers: AcceptedIssuers,
}

/// Selects the tenant of a request, for the API of one verifier.
#[derive(Clone)]
pub(crate) struct TenantSelector {
    verifier: Verifier,
    function: ApplicationFunction,
    /// True if a tenant of another verifier was logged. A caller can repeat the request.
    has_reported: Arc<AtomicBool>,
}

type ApplicationFunction = Arc<dyn Fn(&Parts) -> Option<TenantResource> + Send + Sync>;

impl TenantResource {
    /// Creates the resource with this [identifier](ResourceIdentifier). Its metadata lists these
    /// servers, and its requests accept only tokens of these issuers.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if the identifier is not an `https` URL in normal form
    /// without query and fragment. `http` is accepted on a loopback address.
    pub fn new(identifier: &str, servers: AuthorizationServers) -> Result<Self, ConfigError> {
        let routes = Arc::new(TenantRoutes::new(identifier.parse()?));
        let issuers = AcceptedIssuers::from(&servers);
        Ok(Self(Arc::new(Tenant { routes, servers, issuers })))
    }

    /// Returns the resource identifier.
    pub fn identifier(&self) -> &ResourceIdentifier {
        self.0.routes.resource()
    }

    /// Returns the names of the issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.0.servers.issuers()
    }

    fn of_request(&self) -> TenantOfRequest {
        TenantOfRequest { routes: Arc::clone(&self.0.routes), issuers: self.0.issuers.clone() }
    }
}

impl TenantSelector {
    pub(crate) fn new(verifier: &Verifier, function: ApplicationFunction) -> Self {
        Self { verifier: verifier.clone(), function, has_reported: Arc::default() }
    }

    /// Returns the tenant of a request. Issuers of another verifier are not trusted here, so their
    /// tenant is none. This is a mistake in the application.
    pub(crate) fn select(&self, request: &Parts) -> Option<TenantResource> {
        let tenant = (self.function)(request)?;
        if middleware::same_verifier(tenant.0.servers.verifier(), &self.verifier) {
            return Some(tenant);
        }
        if !self.has_reported.swap(true, Ordering::Relaxed) {
            let resource = tenant.identifier().as_str();
            tracing::error!(resource, "tenant has servers of another verifier, rejecting its requests");
        }
        None
    }

    /// Returns the function for layers.
    pub(crate) fn of_requests(&self) -> TenantFunction {
        let selector = self.clone();
        Arc::new(move |parts| selector.select(parts).map(|tenant| tenant.of_request()))
    }
}

impl fmt::Debug for TenantResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantResource")
            .field("identifier", self.identifier())
            .field("servers", &self.0.servers)
            .finish_non_exhaustive()
    }
}
