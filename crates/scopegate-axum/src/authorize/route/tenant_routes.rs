//! The layers' routes of one tenant. Each is built once, because its responses to rejected requests
//! are rendered once.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use scopegate::ResourceIdentifier;

use crate::authorize::route::Route;

/// The routes of one tenant, by the address of the layer's route. Requests read them without a lock.
pub(crate) struct TenantRoutes {
    resource: ResourceIdentifier,
    routes: ArcSwap<HashMap<usize, TenantRoute>>,
}

#[derive(Clone)]
struct TenantRoute {
    /// The route of the layer. Its address is not used again while this exists.
    of: Weak<Route>,
    route: Arc<Route>,
}

impl TenantRoutes {
    pub(crate) fn new(resource: ResourceIdentifier) -> Self {
        Self { resource, routes: ArcSwap::default() }
    }

    pub(crate) fn resource(&self) -> &ResourceIdentifier {
        &self.resource
    }

    /// Returns the tenant's route in place of the layer's.
    pub(crate) fn get(&self, of: &Arc<Route>) -> Arc<Route> {
        let key = Arc::as_ptr(of).addr();
        if let Some(found) = self.routes.load().get(&key) {
            return Arc::clone(&found.route);
        }
        self.add(key, of)
    }

    #[cold]
    fn add(&self, key: usize, of: &Arc<Route>) -> Arc<Route> {
        let added = TenantRoute { of: Arc::downgrade(of), route: Arc::new(of.of_tenant(&self.resource)) };
        self.routes.rcu(|routes| {
            let mut routes = HashMap::clone(routes);
            // Layers that were dropped leave nothing.
            routes.retain(|_, route| route.of.strong_count() > 0);
            // Another request may have been faster.
            routes.entry(key).or_insert_with(|| added.clone());
            routes
        });
        self.routes.load().get(&key).map_or(added.route, |found| Arc::clone(&found.route))
    }
}

#[cfg(test)]
mod tests {
    use scopegate::Verifier;
    use scopegate::http::Authorizer;
    use testkit::cognito_verifier;

    use super::*;

    fn route(verifier: &Verifier) -> Arc<Route> {
        Arc::new(Route::new(Authorizer::require_token(verifier)))
    }

    fn routes(resource: &str) -> TenantRoutes {
        TenantRoutes::new(resource.parse().unwrap())
    }

    #[test]
    fn route_of_layer_and_tenant_is_built_once() {
        let verifier = cognito_verifier();
        let layers = [route(&verifier), route(&verifier)];
        let tenants = [routes("https://a.example"), routes("https://b.example")];
        let built: Vec<_> = layers.iter().flat_map(|of| tenants.iter().map(|one| one.get(of))).collect();
        for (n, first) in built.iter().enumerate() {
            let again: Vec<_> = layers.iter().flat_map(|of| tenants.iter().map(|one| one.get(of))).collect();
            for (m, second) in again.iter().enumerate() {
                let is_same =
                    Arc::ptr_eq(first, second) && Arc::ptr_eq(&first.authorizer, &second.authorizer);
                assert_eq!(is_same, n == m);
            }
        }
    }

    #[test]
    fn routes_of_dropped_layers_are_dropped() {
        let (tenant, verifier) = (routes("https://a.example"), cognito_verifier());
        for _ in 0..1_000 {
            let of = route(&verifier);
            assert!(Arc::ptr_eq(&tenant.get(&of), &tenant.get(&of)));
            assert_eq!(tenant.routes.load().len(), 1);
        }
    }
}
