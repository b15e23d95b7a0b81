//! The issuers that an API lists in its metadata.

use scopegate::{AcceptedIssuers, ConfigError, Verifier, middleware};

/// Issuers that a verifier trusts, for [`ProtectedResource::with_authorization_servers`].
///
/// [`ProtectedResource::with_authorization_servers`]:
/// crate::ProtectedResource::with_authorization_servers
#[derive(Clone, Debug)]
pub struct AuthorizationServers {
    verifier: Verifier,
    issuers: Vec<String>,
}

impl AuthorizationServers {
    /// Selects some of the issuers that the verifier trusts, in this order.
    ///
    /// # Errors
    /// - Returns [`ConfigError::UntrustedIssuer`] if the verifier does not trust an issuer under
    ///   exactly this name.
    /// - Returns [`ConfigError::InvalidUrl`] if a name is not a URL.
    /// - Returns [`ConfigError::RepeatedIssuer`] if a name is repeated.
    /// - Returns [`ConfigError::EmptyIssuerList`] if the list is empty.
    pub fn new<S: AsRef<str>>(
        verifier: &Verifier,
        issuers: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let issuers = middleware::select_issuers(verifier, issuers)?;
        Ok(Self { verifier: verifier.clone(), issuers })
    }

    /// Selects issuers of the verifier's resolver, or trusted issuers, in this order.
    ///
    /// A resolver's issuers are trusted when their first token arrives, and clients need the metadata
    /// before. So the resolver is not called. Only its [filter](crate::Issuers::filter), or the
    /// regions and the list of [`cognito_pools`](crate::Issuers::cognito_pools), must accept each name.
    /// **Take the names from your list of tenants**, and never from a request: clients send their
    /// credentials to these servers.
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new). The error is [`ConfigError::UntrustedIssuer`] if the
    /// verifier neither trusts the issuer nor has a resolver that accepts the name.
    pub fn of_resolver<S: AsRef<str>>(
        verifier: &Verifier,
        issuers: impl IntoIterator<Item = S>,
    ) -> Result<Self, ConfigError> {
        let issuers = middleware::select_resolvable_issuers(verifier, issuers)?;
        Ok(Self { verifier: verifier.clone(), issuers })
    }

    /// Returns the names of the issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &str> {
        self.issuers.iter().map(String::as_str)
    }

    pub(crate) fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    pub(crate) fn into_issuers(self) -> Vec<String> {
        self.issuers
    }
}

/// Accepts the tokens of exactly these issuers. Use it for the layers of an API that lists some
/// issuers only: `api.require_scope("orders/read").with_issuers(&servers)`.
impl From<&AuthorizationServers> for AcceptedIssuers {
    fn from(servers: &AuthorizationServers) -> Self {
        Self::issuers(servers.issuers())
    }
}
