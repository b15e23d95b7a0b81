//! `RequireToken`: a good token, whatever its scopes.

use std::sync::Arc;

use scopegate::Verifier;
use tower_layer::Layer;

use crate::authorize::service::Guard;
use crate::authorize::{Demand, Rule};
use crate::rejection::challenge::MetadataUrl;

/// Lets a request through only with a good access token, whatever scopes it grants: for a route that tells
/// callers about themselves, or around routes that each ask for scopes in their own ways.
///
/// An inner [`RequireScope`](crate::RequireScope) of the same verifier does not verify the token again. It needs no such layer
/// around it, and who has no token hears from the outermost layer only: from this one, without a word about scopes.
#[must_use = "a layer protects nothing until it is put on a route"]
#[derive(Clone, Debug)]
pub struct RequireToken {
    rule: Arc<Rule>,
}

impl RequireToken {
    /// Asks for a token that this verifier accepts.
    pub fn new(verifier: &Verifier) -> Self {
        Self { rule: Rule::new(verifier, Demand::Token) }
    }

    /// Names what is protected in challenges (RFC 9110 §11.5): `api` unless changed. Characters beyond
    /// printable ASCII become `?`.
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        Self { rule: self.rule.with_realm(realm.into()) }
    }

    /// Names the API's metadata in challenges (RFC 9728 §5.1). The layers that a
    /// [`ProtectedResource`](crate::ProtectedResource) makes do so already. Default: no metadata.
    pub fn with_resource_metadata(self, url: MetadataUrl) -> Self {
        Self { rule: self.rule.with_resource_metadata(url) }
    }
}

impl<S> Layer<S> for RequireToken {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard::new(inner, Arc::clone(&self.rule))
    }
}
