//! What does a route require? One file for each layer; what they share is here.

pub(crate) mod optional_token;
pub(crate) mod require_scope;
pub(crate) mod require_token;

use std::fmt;
use std::sync::Arc;

use scopegate::http::{Authorizer, MetadataUrl};

use crate::authorize::service::Authorize;
use crate::rejection::hook::Unchanged;

/// The parts of each layer.
#[derive(Clone)]
struct Parts<H> {
    authorizer: Arc<Authorizer>,
    on_rejection: H,
}

impl Parts<Unchanged> {
    fn new(authorizer: Authorizer) -> Self {
        Self { authorizer: Arc::new(authorizer), on_rejection: Unchanged }
    }
}

impl<H> Parts<H> {
    fn with_realm(self, realm: String) -> Self {
        self.map(|authorizer| authorizer.with_realm(realm))
    }

    fn with_resource_metadata(self, url: MetadataUrl) -> Self {
        self.map(|authorizer| authorizer.with_resource_metadata(url))
    }

    fn map(self, change: impl FnOnce(Authorizer) -> Authorizer) -> Self {
        Self { authorizer: Arc::new(change(Arc::unwrap_or_clone(self.authorizer))), ..self }
    }

    fn on_rejection<F>(self, on_rejection: F) -> Parts<F> {
        Parts { authorizer: self.authorizer, on_rejection }
    }

    fn layer<S>(&self, inner: S) -> Authorize<S, H>
    where
        H: Clone,
    {
        Authorize::new(inner, Arc::clone(&self.authorizer), self.on_rejection.clone())
    }
}

impl<H> fmt::Debug for Parts<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("authorizer", &self.authorizer).finish_non_exhaustive()
    }
}
