//! Auth0 tenants.

use scopegate_proto::url::{SecureUrl, redacted};

use crate::checks::audience::MissingAudience;
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::policy::Tenancy;
use crate::issuer::{Issuer, IssuerWithoutAudience};
use crate::token::algorithm::Algorithm;

impl Issuer {
    /// Creates the issuer for an Auth0 tenant, by its domain: `TENANT.REGION.auth0.com`, or a
    /// custom domain.
    ///
    /// Use it for an API that is registered at Auth0. Both token profiles are accepted.
    ///
    /// # Checks
    /// 1. `alg` is RS256 or PS256.
    /// 2. `typ` is `JWT` (Auth0's own token profile), `at+jwt` (its RFC 9068 profile) or absent.
    /// 3. `iss` is `https://DOMAIN/`, with the final slash. Keys are fetched from
    ///    `https://DOMAIN/.well-known/jwks.json`.
    /// 4. `aud` contains one of the audiences. ID tokens (their `aud` is an application) and tokens
    ///    for Auth0's own Management API are therefore rejected.
    /// 5. `azp` or `client_id` names the client. ID tokens have neither, so they are rejected even
    ///    if their application is an accepted audience.
    /// 6. If clients are listed, the client is one of them.
    ///
    /// Scopes are read from `scope`. With [`permissions_as_scopes`](Self::permissions_as_scopes),
    /// they are also read from `permissions`. Auth0 writes that claim if role-based access control
    /// is on for the API and adds permissions to the token. A client that acts for itself has the
    /// `sub` `CLIENT@clients`.
    ///
    /// # At Auth0
    /// 1. Register the API. Its *identifier* is the audience. Keep the signing algorithm RS256, and
    ///    add permissions: these are the scopes.
    /// 2. Create a machine-to-machine application for each calling system. Authorize it for the
    ///    API, with the permissions that it may use.
    /// 3. The caller sends `audience=IDENTIFIER` with its token request.
    ///
    /// ```json
    /// {
    ///   "iss": "https://example.eu.auth0.com/",
    ///   "sub": "K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja@clients",
    ///   "aud": "https://my-api-server.org",
    ///   "iat": 1800000000,
    ///   "exp": 1800086400,
    ///   "scope": "read:orders",
    ///   "gty": "client-credentials",
    ///   "azp": "K1aUPhZq8mRi0Q0pjhkfu1D7y6KjDQja",
    ///   "permissions": ["read:orders"]
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The caller sends no `audience`. | [`Encrypted`](crate::Error::Encrypted) or [`NotThreeParts`](crate::Error::NotThreeParts): a token for Auth0 itself |
    /// | The ID token is sent. | [`WrongAudience`](crate::Error::WrongAudience) with the application's id, or [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `nonce` is present or `azp` is absent |
    /// | The token is for the Management API. | `WrongAudience` with `https://DOMAIN/api/v2/` |
    /// | The API signs with HS256. | [`UnacceptableAlgorithm`](crate::Error::UnacceptableAlgorithm) with `HS256` |
    /// | The token was requested at the custom domain, and the issuer has the other domain. | [`UnknownIssuer`](crate::Error::UnknownIssuer) |
    /// | The user's roles should count, and only `scope` is read. | [`InsufficientScope`](crate::Error::InsufficientScope) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::auth0("example.eu.auth0.com")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if `domain` is not a domain name in lower case, without
    /// scheme, port and slash.
    pub fn auth0(domain: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = format!("https://{domain}/");
        let jwks_uri = format!("{identifier}.well-known/jwks.json");
        SecureUrl::parse(&jwks_uri)
            .ok()
            .filter(|address| domain.contains('.') && address.url().host_str() == Some(domain))
            .ok_or_else(|| ConfigError::InvalidName {
                setting: "domain",
                expected: "a domain name in lower case like example.eu.auth0.com, without https:// and slash",
                found: redacted(domain),
            })?;
        let mut draft = IssuerWithoutAudience::new(identifier, KeyConfig::JwksUri(jwks_uri));
        let policy = &mut draft.0.policy;
        policy.tenancy = Tenancy::One(domain.into());
        policy.algorithms = vec![Algorithm::RS256, Algorithm::PS256];
        policy.scopes = ScopeClaims(vec![ScopeSource::text("scope")]);
        policy.audience.missing_audience = MissingAudience::NeverIssued;
        policy.audience.client_claims = vec!["azp".into(), "client_id".into()];
        policy.audience.required_client = Some("azp");
        Ok(draft)
    }
}
