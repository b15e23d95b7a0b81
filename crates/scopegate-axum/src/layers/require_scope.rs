//! `RequireScope`: a good token, and the scopes that a route needs.

use std::sync::Arc;

use scopegate::middleware;
use scopegate::{ConfigError, Requirement, Verifier};
use tower_layer::Layer;

use crate::authorize::service::Authorize;
use crate::authorize::{Access, Authorizer};
use crate::rejection::challenge::MetadataUrl;

/// Lets a request through only with an access token that grants the scopes that the route needs.
#[must_use = "a layer protects nothing until it is put on a route"]
#[derive(Clone, Debug)]
pub struct RequireScope {
    authorizer: Arc<Authorizer>,
    /// The authorizer's.
    requirement: Arc<Requirement>,
}

impl RequireScope {
    /// Asks for one scope, or for [`all_of`](crate::all_of) or [`any_of`](crate::any_of) several.
    ///
    /// # Panics
    /// When [`Requirement::check`] refuses it: a text that is not a scope (RFC 6749 §3.3), an empty list, `offline_access`.
    /// It happens when the router is built, with the text in the message. For scopes that come from a configuration, use
    /// [`try_new`](Self::try_new).
    #[track_caller]
    pub fn new(verifier: &Verifier, requirement: impl Into<Requirement>) -> Self {
        match Self::try_new(verifier, requirement) {
            Ok(layer) => layer,
            #[allow(
                clippy::panic,
                reason = "documented: a literal that is wrong is a mistake of the program"
            )]
            Err(error) => panic!("RequireScope: {error}"),
        }
    }

    /// Like [`new`](Self::new), for scopes that are not written in the program.
    ///
    /// # Errors
    /// Those of [`Requirement::check`], where `new` panics.
    pub fn try_new(verifier: &Verifier, requirement: impl Into<Requirement>) -> Result<Self, ConfigError> {
        let requirement = requirement.into();
        requirement.check()?;
        let requirement = Arc::new(middleware::compile(verifier, requirement));
        Ok(Self {
            authorizer: Authorizer::new(verifier, Access::Scopes(Arc::clone(&requirement))),
            requirement,
        })
    }

    /// Names what is protected in challenges (RFC 9110 §11.5): `api` unless changed. Characters beyond
    /// printable ASCII become `?`.
    pub fn with_realm(self, realm: impl Into<String>) -> Self {
        Self { authorizer: self.authorizer.with_realm(realm.into()), ..self }
    }

    /// What it asks for: for a document that describes the route, as OpenAPI does.
    pub fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    /// Names the API's metadata in challenges (RFC 9728 §5.1). The layers that a
    /// [`ProtectedResource`](crate::ProtectedResource) makes do so already. Default: no metadata.
    pub fn with_resource_metadata(self, url: MetadataUrl) -> Self {
        Self { authorizer: self.authorizer.with_resource_metadata(url), ..self }
    }
}

impl<S> Layer<S> for RequireScope {
    type Service = Authorize<S>;

    fn layer(&self, inner: S) -> Authorize<S> {
        Authorize::new(inner, Arc::clone(&self.authorizer))
    }
}
