//! Issuers that follow RFC 9068, the JWT profile for access tokens, to the letter.

use super::{Issuer, IssuerWithoutAudience};
use crate::checks::audience::MissingAudience;
use crate::checks::kind::{ClaimRule, Expect, ForeignClaims, TypeRule};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::error::config::ConfigError;

impl Issuer {
    /// An issuer whose access tokens follow RFC 9068, and of which nothing else is accepted.
    ///
    /// Reach for it whenever the issuer can write such tokens: no other kind of token has this `typ`, so no mistake about
    /// kinds is possible. Auth0 has it as a token profile, Keycloak as a setting of a client (together with `client_id` and
    /// `sub`, which have to be there, too), `node-oidc-provider` and many younger servers write nothing else.
    ///
    /// # What is checked
    /// 1. `typ` is `at+jwt` or `application/at+jwt` (§4);
    /// 2. `alg` is any of [`Algorithm::DEFAULT`](crate::Algorithm::DEFAULT); choose with [`algorithms`](Self::algorithms);
    /// 3. `iss` is this issuer; its keys are where its metadata says, as for [`from_metadata`](Self::from_metadata) (§4);
    /// 4. `iss`, `exp`, `aud`, `sub`, `client_id`, `iat` and `jti` are all there, and what they have to be (§2.2);
    /// 5. `aud` holds one of the audiences (§4);
    /// 6. `client_id` is one of the clients, if any are listed.
    ///
    /// Scopes are those of `scope` (§2.2.3), and the client is that of `client_id`. No other claim is read for either.
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
    /// | mistake | heard |
    /// | --- | --- |
    /// | the ID token is sent, or the issuer writes `JWT` or no type | [`WrongType`](crate::Error::WrongType) |
    /// | the issuer leaves out what the RFC requires | [`MissingClaim`](crate::Error::MissingClaim) with its name |
    /// | the token is for another API | [`WrongAudience`](crate::Error::WrongAudience) |
    /// | clients are listed and no audience is | [`ConfigError::NeedsAudience`] |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::rfc9068("https://issuer.example")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`from_metadata`](Self::from_metadata).
    pub fn rfc9068(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let mut draft = Self::from_metadata(issuer)?;
        let policy = &mut draft.0.policy;
        policy.typ = TypeRule::AccessToken;
        // The type tells the token from every other kind.
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
