//! Presets for issuers whose tokens are introspected instead of verified.

use super::key_config::KeyConfig;
use super::trusted::Introspected;
use super::{Issuer, IssuerWithoutAudience};
use crate::introspection::Introspection;

/// The name of Google in its ID tokens and metadata. Responses of `tokeninfo` do not name it.
const GOOGLE: &str = "https://accounts.google.com";

impl IssuerWithoutAudience {
    /// Asks an introspection endpoint about each opaque token, by the rules of this preset, instead
    /// of verifying JWTs. The keys of the preset are not fetched.
    ///
    /// It makes an issuer as [`Issuer::opaque`] does, which describes the checks. Its rules for
    /// the client, the scopes and the mark of an access token come from the preset. They apply to
    /// the members of a response.
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
    /// Call [`introspect_jwts`](Issuer::introspect_jwts) if the tokens have the form of a JWT, such
    /// as Keycloak's lightweight access tokens.
    ///
    /// Starting the verifier fails as for [`Issuer::opaque`], and with
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

impl Issuer {
    /// Creates the issuer for Google's access tokens, which Google's endpoint `tokeninfo` is asked
    /// about.
    ///
    /// # Checks
    /// 1. The endpoint knows the token. It responds to an unknown, expired or revoked token with
    ///    400 and `invalid_token`.
    /// 2. `exp` is in the future.
    /// 3. `aud` is one of the audiences. It is the id of the client that has requested the token,
    ///    and not an API: tokens that this client gets for other APIs are accepted too.
    ///
    /// The client is read from `azp`, and scopes from `scope`. `sub` is the account, if the token
    /// has the scope `openid`, `email` or `profile`.
    ///
    /// ```
    /// use scopegate::{Introspection, Issuer};
    ///
    /// let tokeninfo = Introspection::by_tokeninfo("https://oauth2.googleapis.com/tokeninfo")?;
    /// let issuer = Issuer::google(tokeninfo).audience("407408718192.apps.googleusercontent.com");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// Starting the verifier fails as for [`opaque`](Self::opaque).
    pub fn google(introspection: Introspection) -> IssuerWithoutAudience {
        let draft = IssuerWithoutAudience::without_preset(GOOGLE.to_owned(), KeyConfig::None);
        let mut draft = draft.introspected(introspection);
        draft.0.policy.audience.client_claims = vec!["azp".into()];
        draft
    }
}
