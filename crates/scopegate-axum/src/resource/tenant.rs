//! The resource of one tenant: its identifier and its issuers, selected for each request.

use std::sync::Arc;

use http::request::Parts;
use scopegate::http::MetadataUrl;
use scopegate::{AcceptedIssuers, ConfigError, ResourceIdentifier, Verifier, middleware};

use crate::authorize::route::{TenantFunction, TenantOfRequest};
use crate::resource::authorization_servers::AuthorizationServers;

/// The resource of one tenant, for [`ProtectedResource::with_tenant_for`].
///
/// Clones share the values. Create one for each tenant, keep it, and clone it for each request.
///
/// [`ProtectedResource::with_tenant_for`]: crate::ProtectedResource::with_tenant_for
#[derive(Clone, Debug)]
pub struct TenantResource(Arc<Tenant>);

#[derive(Debug)]
struct Tenant {
    identifier: ResourceIdentifier,
    servers: AuthorizationServers,
    issuers: AcceptedIssuers,
}

/// Selects the tenant of a request, for the API of one verifier.
#[derive(Clone)]
pub(crate) struct TenantSelector {
    verifier: Verifier,
    function: ApplicationFunction,
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
        let (identifier, issuers) = (identifier.parse()?, AcceptedIssuers::from(&servers));
        Ok(Self(Arc::new(Tenant { identifier, servers, issuers })))
    }

    /// Returns the resource identifier.
    pub fn identifier(&self) -> &ResourceIdentifier {
        &self.0.identifier
    }

    /// Returns the names of the issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.0.servers.issuers()
    }

    fn of_request(&self) -> TenantOfRequest {
        let metadata_url = MetadataUrl::from(self.identifier());
        TenantOfRequest { metadata_url, issuers: self.0.issuers.clone() }
    }
}

impl TenantSelector {
    pub(crate) fn new(verifier: &Verifier, function: ApplicationFunction) -> Self {
        Self { verifier: verifier.clone(), function }
    }

    /// Returns the tenant of a request. Issuers of another verifier are not trusted here, so their
    /// tenant is none.
    pub(crate) fn select(&self, request: &Parts) -> Option<TenantResource> {
        let tenant = (self.function)(request)?;
        middleware::same_verifier(tenant.0.servers.verifier(), &self.verifier).then_some(tenant)
    }

    /// Returns the function for layers.
    pub(crate) fn of_requests(&self) -> TenantFunction {
        let selector = self.clone();
        Arc::new(move |parts| selector.select(parts).map(|tenant| tenant.of_request()))
    }
}
