//! Keycloak realms.

use super::key_config::KeyConfig;
use super::{Issuer, IssuerWithoutAudience};
use crate::checks::audience::ServiceAccountRule;
use crate::checks::kind::{ClaimRule, Expect, NonceRule};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::error::config::ConfigError;
use crate::issuer::name::identifier;

impl Issuer {
    /// A Keycloak realm: `https://HOST/realms/REALM`, or `https://HOST/auth/realms/REALM` where Keycloak is under a path.
    ///
    /// Reach for it when callers are clients with a *service account*, or apps in which the realm's users have signed in.
    ///
    /// # What is checked
    /// 1. `alg` is any of [`Algorithm::DEFAULT`](crate::Algorithm::DEFAULT); the realm chooses, RS256 unless changed;
    /// 2. `typ` in the header is `JWT`, `at+jwt` or absent;
    /// 3. `iss` is this realm; keys are at `ISSUER/protocol/openid-connect/certs`;
    /// 4. the claim `typ` is `Bearer`; it is `ID`, `Refresh`, `Offline` or `Logout` in tokens of other kinds. A `nonce`, by
    ///    which ID tokens are told elsewhere, is let through, because Keycloak wrote it into access tokens for years, and
    ///    can be told to;
    /// 5. `aud` holds one of the audiences;
    /// 6. the client, that of `azp`, is one of the clients, if any are listed.
    ///
    /// Scopes are those of `scope`; on request also roles:
    /// [`realm_roles_as_scopes`](Self::realm_roles_as_scopes),
    /// [`client_roles_as_scopes`](Self::client_roles_as_scopes). The `sub` of a service account looks like a user's;
    /// that a client acts for itself is told by `client_id`, which Keycloak writes into tokens of service accounts beside
    /// `azp`.
    ///
    /// # At Keycloak
    /// 1. Make a client for the API, say `my-api`, with no flows: its roles can be granted, and its id is the audience.
    /// 2. **Have the audience written.** Keycloak names an API in `aud` only when it has a reason to: the caller has a role of
    ///    the client `my-api`, or a client scope of the caller has an *audience* mapper that includes it. Otherwise `aud` is
    ///    `account` or missing, and the token is refused.
    /// 3. Make a client scope, say `orders:read`, with *include in token scope* on, put the audience mapper into it, and give
    ///    it to the callers as an optional or default scope.
    /// 4. Make a client with *service accounts roles* on for each calling system.
    ///
    /// ```json
    /// {
    ///   "exp": 1800000300,
    ///   "iat": 1800000000,
    ///   "jti": "trrtcc:9c2f3b1e-7d44-4a3f-9c57-2a1f0d6f3e11",
    ///   "iss": "https://sso.example/realms/acme",
    ///   "aud": ["my-api", "account"],
    ///   "sub": "1f4db6ad-5e75-479c-b289-b8096ec1f4f4",
    ///   "typ": "Bearer",
    ///   "azp": "order-importer",
    ///   "acr": "1",
    ///   "realm_access": { "roles": ["offline_access", "uma_authorization"] },
    ///   "resource_access": { "my-api": { "roles": ["orders-reader"] } },
    ///   "scope": "orders:read email profile",
    ///   "clientHost": "192.0.2.7",
    ///   "preferred_username": "service-account-order-importer",
    ///   "clientAddress": "192.0.2.7",
    ///   "client_id": "order-importer"
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | mistake | heard |
    /// | --- | --- |
    /// | no audience mapper (2.) | [`WrongAudience`](crate::Error::WrongAudience) with `account`, or [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | the ID token or the refresh token is sent | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `typ` is `ID`, or [`UnacceptableAlgorithm`](crate::Error::UnacceptableAlgorithm): Keycloak signs refresh tokens with HS512 |
    /// | the token is of another realm | [`UnknownIssuer`](crate::Error::UnknownIssuer) with that realm |
    /// | Keycloak was asked under another host name than the one that is configured here | the same |
    /// | the issuer is the host, without `/realms/` | [`ConfigError::InvalidUrl`] |
    /// | Keycloak is a service without TLS, such as `http://keycloak:8080`, and `allow_keys_without_tls` is not called | the same, when the verifier starts |
    /// | the caller has a role, and only `scope` is read | [`InsufficientScope`](crate::Error::InsufficientScope) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::keycloak("https://sso.example/realms/acme")?.audience("my-api");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::InvalidUrl`] unless it is an `https` URL whose path ends in `/realms/REALM`. `http` is accepted as
    /// for [`from_metadata`](Self::from_metadata): on a loopback address, or with `allow_keys_without_tls`.
    pub fn keycloak(realm: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = identifier(realm)?;
        let jwks_uri = format!("{identifier}/protocol/openid-connect/certs");
        match identifier.rsplit_once("/realms/") {
            Some((_, name)) if !name.is_empty() && !name.contains('/') => {}
            _ => {
                let expected = "a realm, https://HOST/realms/REALM without final slash";
                return Err(ConfigError::InvalidUrl { setting: "realm", expected, found: identifier });
            }
        }
        let keys = KeyConfig::derived(&identifier, jwks_uri);
        let mut draft = IssuerWithoutAudience::new(identifier, keys);
        let policy = &mut draft.0.policy;
        policy.kind.rules = vec![ClaimRule { claim: "typ", expect: Expect::Equals("Bearer") }];
        policy.kind.nonce = NonceRule::Accepted;
        policy.scopes = ScopeClaims(vec![ScopeSource::text("scope")]);
        policy.audience.client_claims = vec!["azp".into()];
        policy.audience.is_service_account = ServiceAccountRule::RepeatedClient("client_id".into());
        Ok(draft)
    }

    /// Also reads scopes from the roles of the realm, `realm_access.roles`, as Keycloak writes them.
    ///
    /// A role and a scope of the same name then are one and the same: whoever may name roles, or assign them, can grant any
    /// scope.
    pub fn realm_roles_as_scopes(self) -> Self {
        self.scopes_from(ScopeSource::array(["realm_access", "roles"]))
    }

    /// Also reads scopes from the roles of one Keycloak client, `resource_access.CLIENT.roles`: normally the client that is
    /// this API. The roles of other clients do not count, whatever they are called.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::keycloak("https://sso.example/realms/acme")?
    ///     .audience("my-api")
    ///     .client_roles_as_scopes("my-api");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    pub fn client_roles_as_scopes(self, client: impl Into<String>) -> Self {
        let path = vec!["resource_access".to_owned(), client.into(), "roles".to_owned()];
        self.scopes_from(ScopeSource::array(path))
    }
}
