//! `OptionalToken`: no token, or a good one.

use std::sync::Arc;

use scopegate::Verifier;
use tower_layer::Layer;

use crate::authorize::service::Authorize;
use crate::authorize::{Access, Authorizer};
use crate::rejection::challenge::MetadataUrl;

/// Lets a request through **without a token too**, and tells the handler who calls if there is one: for a
/// route that serves everybody and knows some. The handler takes `Option<Claims>`.
///
/// A token that is there and is not good is refused as by [`RequireToken`](crate::RequireToken), so that a
/// caller whose token has expired is not served as a stranger without noticing.
#[must_use = "a layer protects nothing until it is put on a route"]
#[derive(Clone, Debug)]
pub struct OptionalToken {
    authorizer: Arc<Authorizer>,
}

impl OptionalToken {
    /// Accepts tokens that this verifier accepts, and requests without one.
    pub fn new(verifier: &Verifier) -> Self {
        Self { authorizer: Authorizer::new(verifier, Access::OptionalToken) }
    }

    /// Names what is protected in challenges (RFC 9110 §11.5): `api` unless changed. Characters beyond
    /// printable ASCII become `?`.
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        Self { authorizer: self.authorizer.with_realm(realm.into()) }
    }

    /// Names the API's metadata in challenges (RFC 9728 §5.1). The layers that a
    /// [`ProtectedResource`](crate::ProtectedResource) makes do so already. Default: no metadata.
    pub fn with_resource_metadata(self, url: MetadataUrl) -> Self {
        Self { authorizer: self.authorizer.with_resource_metadata(url) }
    }
}

impl<S> Layer<S> for OptionalToken {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize::new(inner, Arc::clone(&self.authorizer))
    }
}
