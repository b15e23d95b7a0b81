//! Ory Hydra and Ory Network.

use super::key_config::KeyConfig;
use super::{Issuer, IssuerWithoutAudience};
use crate::checks::audience::EmptyAudience;
use crate::checks::kind::{ClaimRule, Expect};
use crate::error::config::ConfigError;
use crate::issuer::name::identifier;

impl Issuer {
    /// Ory Hydra, also as Ory Network, with access tokens that are JWTs.
    ///
    /// Reach for it when Hydra's `strategies.access_token`, or the client's `access_token_strategy`, is `jwt`. Hydra's own
    /// default are opaque tokens, which only Hydra can judge, by introspection.
    ///
    /// # What is checked
    /// 1. `alg` is any of [`Algorithm::DEFAULT`](crate::Algorithm::DEFAULT); Hydra's is RS256 unless changed;
    /// 2. `typ` is `JWT`, `at+jwt` or absent;
    /// 3. `iss` is the configured URL (`urls.self.issuer`), with a final slash if and only if tokens have one; keys are at
    ///    `ISSUER/.well-known/jwks.json`;
    /// 4. `client_id` names the client; an ID token has none, so it is refused;
    /// 5. `aud` holds one of the audiences. Hydra writes an empty array where others leave `aud` out, so both are a token for
    ///    no particular API, which is accepted only where clients are listed and no audience is;
    /// 6. `client_id` is one of the clients, if any are listed.
    ///
    /// Scopes are those of `scp`, an array, and of `scope`, text: whichever `strategies.jwt.scope_claim` has written. A client
    /// that acts for itself has its id as `sub`. What a consent app or a hook adds is in the claim `ext`.
    ///
    /// # At Hydra
    /// 1. Set `strategies.access_token: jwt`.
    /// 2. Give each client the API as an allowed `audience`, besides its scopes. The caller sends `audience=API` with its token
    ///    request; otherwise `aud` is empty.
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
    /// | mistake | heard |
    /// | --- | --- |
    /// | the token is opaque, `ory_at_…` | [`NotThreeParts`](crate::Error::NotThreeParts) |
    /// | the caller asks for no `audience` | [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | the ID token is sent | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `at_hash`, `nonce` or the lack of `client_id` |
    /// | the final slash differs | [`UnknownIssuer`](crate::Error::UnknownIssuer), with the name that was found |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::hydra("https://hydra.example/")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::InvalidUrl`] unless it is an `https` URL without query and fragment. `http` is accepted as for
    /// [`from_metadata`](Self::from_metadata).
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
