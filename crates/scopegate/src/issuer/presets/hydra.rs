//! Ory Hydra and Ory Network.

use crate::checks::audience::EmptyAudience;
use crate::checks::kind::{ClaimRule, Expect};
use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::identifier;
use crate::issuer::{Issuer, IssuerWithoutAudience};

impl Issuer {
    /// Creates the issuer for Ory Hydra or Ory Network, with access tokens that are JWTs.
    ///
    /// Use it if Hydra's `strategies.access_token`, or the client's `access_token_strategy`, is
    /// `jwt`. Hydra's default is opaque tokens: call `introspected` on the result.
    ///
    /// # Checks
    /// 1. `alg` is one of [`Algorithm::DEFAULT`](crate::Algorithm::DEFAULT). Hydra's default is
    ///    RS256.
    /// 2. `typ` is `JWT`, `at+jwt` or absent.
    /// 3. `iss` is the configured URL (`urls.self.issuer`). Write a final slash if and only if
    ///    tokens have one. Keys are fetched from `ISSUER/.well-known/jwks.json`.
    /// 4. `client_id` names the client. ID tokens have none, so they are rejected.
    /// 5. `aud` contains one of the audiences. Hydra writes an empty array if there is no audience,
    ///    so an empty array counts as absent. Such a token is accepted only if clients and no
    ///    audiences are listed.
    /// 6. If clients are listed, `client_id` is one of them.
    ///
    /// Scopes are read from `scp`, an array, and from `scope`, a string.
    /// `strategies.jwt.scope_claim` decides which of them Hydra writes. A client that acts for
    /// itself has its id as `sub`. Claims of a consent app or a hook are in the claim `ext`.
    ///
    /// # At Hydra
    /// 1. Set `strategies.access_token: jwt`.
    /// 2. Give each client the API as an allowed `audience`, besides its scopes. The caller sends
    ///    `audience=API` with its token request. Otherwise `aud` is empty.
    ///
    /// ```json
    /// {
    ///   "aud": ["https://my-api-server.org"],
    ///   "client_id": "order-importer",
    ///   "exp": 1800003600,
    ///   "ext": {},
    ///   "iat": 1800000000,
    ///   "iss": "https://hydra.example/",
    ///   "jti": "6f0a9f0c-63a9-4d1a-9f8e-2f8a6a4f7c53",
    ///   "nbf": 1800000000,
    ///   "scp": ["orders.read"],
    ///   "sub": "order-importer"
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The token is opaque, `ory_at_…`. | [`NotThreeParts`](crate::Error::NotThreeParts) |
    /// | The caller sends no `audience`. | [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | The ID token is sent. | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `at_hash` or `nonce` is present, or `client_id` is absent |
    /// | The final slash differs. | [`UnknownIssuer`](crate::Error::UnknownIssuer) with the name that was found |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::hydra("https://hydra.example/")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if `issuer` is not an `https` URL without query and
    /// fragment. `http` is accepted as for [`from_metadata`](Self::from_metadata).
    pub fn hydra(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = identifier(issuer)?;
        let jwks_uri = format!("{}/.well-known/jwks.json", identifier.trim_end_matches('/'));
        let keys = KeyConfig::derived(&identifier, jwks_uri);
        let mut draft = IssuerWithoutAudience::new(identifier, keys);
        let policy = &mut draft.0.policy;
        policy.kind.rules = vec![ClaimRule { claim: "client_id", expect: Expect::ClientId }];
        policy.audience.empty_audience = EmptyAudience::TreatAsMissing;
        policy.audience.client_claims = vec!["client_id".into()];
        Ok(draft)
    }
}
