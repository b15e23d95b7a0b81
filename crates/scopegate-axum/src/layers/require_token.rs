//! `RequireToken`: a good token, whatever its scopes.

use std::sync::Arc;

use scopegate::Verifier;
use tower_layer::Layer;

use crate::authorize::service::Authorize;
use crate::authorize::{Access, Authorizer};
use crate::rejection::challenge::MetadataUrl;

/// Lets a request through only with a good access token, whatever scopes it grants: for a route that tells
/// callers about themselves, or around routes that each ask for scopes in their own ways.
///
/// An inner [`RequireScope`](crate::RequireScope) of the same verifier does not verify the token again. It needs no such layer
/// around it, and who has no token hears from the outermost layer only: from this one, without a word about scopes.
#[must_use = "a layer protects nothing until it is put on a route"]
#[derive(Clone, Debug)]
pub struct RequireToken {
    authorizer: Arc<Authorizer>,
}

impl RequireToken {
    /// Asks for a token that this verifier accepts.
    pub fn new(verifier: &Verifier) -> Self {
        Self { authorizer: Authorizer::new(verifier, Access::Token) }
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

impl<S> Layer<S> for RequireToken {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize::new(inner, Arc::clone(&self.authorizer))
    }
}
