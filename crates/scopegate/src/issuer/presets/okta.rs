//! Custom authorization servers of Okta.

use scopegate_proto::url::FetchUrl;

use crate::checks::audience::MissingAudience;
use crate::checks::kind::{ClaimRule, Expect};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::identifier;
use crate::issuer::{Issuer, IssuerWithoutAudience};
use crate::token::algorithm::Algorithm;

impl Issuer {
    /// Creates the issuer for an Okta *custom* authorization server:
    /// `https://ORG.okta.com/oauth2/ID`. Each organization has a first one with the id `default`.
    ///
    /// Use it for an API with an authorization server of its own at Okta. The *org* authorization
    /// server, `https://ORG.okta.com`, is not supported. Its access tokens are for Okta's APIs, and
    /// Okta asks others not to validate them.
    ///
    /// # Checks
    /// 1. `alg` is RS256.
    /// 2. `typ` is absent, `JWT` or `at+jwt`.
    /// 3. `iss` is this authorization server. Keys are fetched from `ISSUER/v1/keys`.
    /// 4. `cid` names the client. ID tokens have none, so they are rejected.
    /// 5. `aud` contains one of the audiences.
    /// 6. If clients are listed, `cid` is one of them.
    ///
    /// Scopes are read from `scp`, an array. A client that acts for itself has its id as `sub`.
    ///
    /// # At Okta
    /// 1. Under *Security, API* create an authorization server. Its *audience* is the audience.
    /// 2. Add the scopes. Add an access policy with a rule that grants them for
    ///    `client_credentials`.
    /// 3. Create an *API services* application for each calling system.
    ///
    /// ```json
    /// {
    ///   "ver": 1,
    ///   "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
    ///   "iss": "https://example.okta.com/oauth2/default",
    ///   "aud": "https://my-api-server.org",
    ///   "iat": 1800000000,
    ///   "exp": 1800003600,
    ///   "cid": "0oa1example2clientid3",
    ///   "scp": ["orders.read"],
    ///   "sub": "0oa1example2clientid3"
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The issuer is the organization, without `/oauth2/`. | [`ConfigError::InvalidUrl`] |
    /// | The token is from the org authorization server, or another one. | [`UnknownIssuer`](crate::Error::UnknownIssuer) with the name that was found |
    /// | The ID token is sent. | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `at_hash` or `nonce` is present, or `cid` is absent |
    /// | The authorization server still has its first audience. | [`WrongAudience`](crate::Error::WrongAudience) with `api://default` |
    /// | The issuer is *dynamic*, and the token was requested at a custom domain. | `UnknownIssuer` |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::okta("https://example.okta.com/oauth2/default")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if `issuer` is not an `https` URL whose path is
    /// `/oauth2/ID`. `http` is accepted as for [`from_metadata`](Self::from_metadata).
    pub fn okta(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = identifier(issuer)?;
        let jwks_uri = format!("{identifier}/v1/keys");
        let address = FetchUrl::parse_allowing_http(&jwks_uri)
            .map_err(|error| ConfigError::invalid_url("jwks_uri", error))?;
        match address.url().path().strip_prefix("/oauth2/").and_then(|rest| rest.strip_suffix("/v1/keys")) {
            Some(id) if !id.is_empty() && !id.contains('/') => {}
            _ => {
                let expected = "a custom authorization server, https://ORG.okta.com/oauth2/ID without final slash; \
                                tokens of the org authorization server are for Okta only";
                return Err(ConfigError::InvalidUrl { setting: "issuer", expected, found: identifier });
            }
        }
        let keys = KeyConfig::derived(&identifier, jwks_uri);
        let mut draft = IssuerWithoutAudience::new(identifier, keys);
        let policy = &mut draft.0.policy;
        policy.algorithms = vec![Algorithm::RS256];
        policy.kind.rules = vec![ClaimRule { claim: "cid", expect: Expect::ClientId }];
        policy.scopes = ScopeClaims(vec![ScopeSource::text_or_array("scp")]);
        policy.audience.missing_audience = MissingAudience::NeverIssued;
        policy.audience.client_claims = vec!["cid".into()];
        Ok(draft)
    }
}
