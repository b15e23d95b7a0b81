//! A preset whose tokens are introspected instead of verified.

use crate::introspection::Introspection;
use crate::issuer::IssuerWithoutAudience;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::trusted::Introspected;

impl IssuerWithoutAudience {
    /// Asks an introspection endpoint about each opaque token, by the rules of this preset, instead
    /// of verifying JWTs. The keys of the preset are not fetched.
    ///
    /// It makes an issuer as [`Issuer::opaque`](crate::Issuer::opaque) does, which describes the
    /// checks. Its rules for the client, the scopes and the mark of an access token come from the
    /// preset. They apply to the members of a response.
    ///
    /// ```
    /// use scopegate::{FetchAuthorization, Introspection, Issuer};
    ///
    /// let key = FetchAuthorization::bearer_file("/run/secrets/ory");
    /// let admin = "https://acme.projects.oryapis.com/admin/oauth2/introspect";
    /// let issuer = Issuer::hydra("https://acme.projects.oryapis.com")?
    ///     .introspected(Introspection::by_authorization(admin, key)?)
    ///     .audience("https://my-api-server.org")
    ///     .token_prefix("ory_at_");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// Call [`introspect_jwts`](crate::Issuer::introspect_jwts) if the tokens have the form of a
    /// JWT, such as Keycloak's lightweight access tokens.
    ///
    /// Starting the verifier fails as for [`Issuer::opaque`](crate::Issuer::opaque), and with
    /// [`ConfigError::OutOfRange`](crate::ConfigError::OutOfRange) for a preset with a name for each
    /// tenant.
    pub fn introspected(mut self, introspection: Introspection) -> Self {
        // Rules for headers and keys have no effect on a token that is not verified.
        let unset = Self::without_preset(String::new(), KeyConfig::None).0;
        self.0.keys = KeyConfig::None;
        self.0.fetch = unset.fetch;
        self.0.policy.algorithms = unset.policy.algorithms;
        self.0.policy.typ = unset.policy.typ;
        self.0.introspection.applied = Some((introspection, Introspected::OpaqueTokens));
        self
    }
}
