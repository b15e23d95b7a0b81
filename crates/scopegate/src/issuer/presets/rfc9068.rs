//! Issuers that follow RFC 9068, the JWT profile for access tokens.

use crate::checks::audience::MissingAudience;
use crate::checks::kind::{ClaimRule, Expect, ForeignClaims, TypeRule};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::issuer::{Issuer, IssuerWithoutAudience};

impl Issuer {
    /// Creates an issuer whose access tokens follow RFC 9068. Other tokens are rejected.
    ///
    /// Prefer it if the issuer supports the profile. No other kind of token has this `typ`, so
    /// tokens cannot be confused. Auth0 has it as a token profile. Keycloak has it as a setting of
    /// a client, whose tokens must also have `client_id` and `sub`. `node-oidc-provider` and many
    /// younger servers write such tokens only.
    ///
    /// # Checks
    /// 1. `typ` is `at+jwt` or `application/at+jwt` (§4).
    /// 2. `alg` is one of [`Algorithm::DEFAULT`](crate::Algorithm::DEFAULT). Choose others with
    ///    [`algorithms`](Self::algorithms).
    /// 3. `iss` is this issuer. Its metadata has the URL of its keys, as for
    ///    [`from_metadata`](Self::from_metadata) (§4).
    /// 4. `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are present and valid (§2.2).
    /// 5. `aud` contains one of the audiences (§4).
    /// 6. If clients are listed, `client_id` is one of them.
    ///
    /// Scopes are read only from `scope` (§2.2.3), and the client only from `client_id`.
    ///
    /// ```json
    /// {
    ///   "iss": "https://issuer.example",
    ///   "sub": "order-importer",
    ///   "aud": "https://my-api-server.org",
    ///   "exp": 1800003600,
    ///   "iat": 1800000000,
    ///   "jti": "dbe39bf3a3ba4238a513f51d6e1691c4",
    ///   "client_id": "order-importer",
    ///   "scope": "orders.read"
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The ID token is sent, or the issuer writes `JWT` or no type. | [`WrongType`](crate::Error::WrongType) |
    /// | The issuer omits a claim that the RFC requires. | [`MissingClaim`](crate::Error::MissingClaim) with its name |
    /// | The token is for another API. | [`WrongAudience`](crate::Error::WrongAudience) |
    /// | Clients are listed, and no audience is. | [`ConfigError::NeedsAudience`] |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::rfc9068("https://issuer.example")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The errors of [`from_metadata`](Self::from_metadata).
    pub fn rfc9068(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let mut draft = Self::from_metadata(issuer)?;
        let policy = &mut draft.0.policy;
        policy.typ = TypeRule::AccessToken;
        // No other kind of token has this `typ`.
        policy.kind.foreign = ForeignClaims::Common;
        policy.kind.rules = ["aud", "sub", "client_id", "iat", "jti"]
            .map(|claim| ClaimRule { claim, expect: Expect::Present })
            .to_vec();
        policy.scopes = ScopeClaims(vec![ScopeSource::text("scope")]);
        policy.audience.missing_audience = MissingAudience::NeverIssued;
        policy.audience.client_claims = vec!["client_id".into()];
        Ok(draft)
    }
}
