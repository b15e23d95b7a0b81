//! Keycloak realms.

use crate::checks::audience::ServiceAccountRule;
use crate::checks::kind::{ClaimRule, Expect, NonceRule};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::identifier;
use crate::issuer::policy::Tenancy;
use crate::issuer::{Issuer, IssuerWithoutAudience};

impl Issuer {
    /// Creates the issuer for a Keycloak realm: `https://HOST/realms/REALM`, or
    /// `https://HOST/auth/realms/REALM` if Keycloak is under a path.
    ///
    /// Use it for clients with a *service account*, and for apps in which the realm's users sign
    /// in.
    ///
    /// # Checks
    /// 1. `alg` is one of [`Algorithm::DEFAULT`](crate::Algorithm::DEFAULT). The realm chooses it;
    ///    Keycloak's default is RS256.
    /// 2. `typ` in the header is `JWT`, `at+jwt` or absent.
    /// 3. `iss` is this realm. Keys are fetched from `ISSUER/protocol/openid-connect/certs`.
    /// 4. The claim `typ` is `Bearer`. In tokens of other kinds it is `ID`, `Refresh`, `Offline` or
    ///    `Logout`. A `nonce` is accepted, although it is a mark of ID tokens elsewhere: Keycloak
    ///    wrote it into access tokens for years, and can still be configured to.
    /// 5. `aud` contains one of the audiences.
    /// 6. If clients are listed, the client in `azp` is one of them.
    ///
    /// Scopes are read from `scope`. To read them from roles too, call
    /// [`realm_roles_as_scopes`](Self::realm_roles_as_scopes) or
    /// [`client_roles_as_scopes`](Self::client_roles_as_scopes). The `sub` of a service account
    /// looks like a user's. The mark of a client that acts for itself is `client_id`, which
    /// Keycloak writes beside `azp` into tokens of service accounts.
    ///
    /// # At Keycloak
    /// 1. Create a client for the API, for example `my-api`, with no flows. Its roles can be
    ///    granted, and its id is the audience.
    /// 2. **Add an audience mapper.** Keycloak writes the API into `aud` only if a client scope of
    ///    the caller has an *audience* mapper that includes it, or if the caller has a role of the
    ///    client `my-api`. Otherwise `aud` is `account` or missing, and the token is rejected.
    /// 3. Create a client scope, for example `orders:read`, with *include in token scope* on. Put
    ///    the audience mapper into it. Give it to the callers as an optional or default scope.
    /// 4. Create a client with *service accounts roles* on for each calling system.
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
    /// | Mistake | Error |
    /// | --- | --- |
    /// | There is no audience mapper. | [`WrongAudience`](crate::Error::WrongAudience) with `account`, or [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | The ID token is sent. | [`NotAnAccessToken`](crate::Error::NotAnAccessToken): `typ` is `ID` |
    /// | The refresh token is sent. | [`UnacceptableAlgorithm`](crate::Error::UnacceptableAlgorithm), because Keycloak signs refresh tokens with HS512 |
    /// | The token is from another realm, or was requested at another host name. | [`UnknownIssuer`](crate::Error::UnknownIssuer) with that realm |
    /// | The issuer is the host, without `/realms/`. | [`ConfigError::InvalidUrl`] |
    /// | Keycloak is a service without TLS, such as `http://keycloak:8080`, and `allow_keys_without_tls` is not called. | the same, when the verifier starts |
    /// | The caller has a role, and only `scope` is read. | [`InsufficientScope`](crate::Error::InsufficientScope) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::keycloak("https://sso.example/realms/acme")?.audience("my-api");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if `realm` is not an `https` URL whose path ends in
    /// `/realms/REALM`. `http` is accepted as for [`from_metadata`](Self::from_metadata): on a
    /// loopback address, or with `allow_keys_without_tls`.
    pub fn keycloak(realm: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = identifier(realm)?;
        let jwks_uri = format!("{identifier}/protocol/openid-connect/certs");
        let realm = match identifier.rsplit_once("/realms/") {
            Some((_, name)) if !name.is_empty() && !name.contains('/') => name.into(),
            _ => {
                let expected = "a realm, https://HOST/realms/REALM without final slash";
                return Err(ConfigError::InvalidUrl { setting: "realm", expected, found: identifier });
            }
        };
        let keys = KeyConfig::derived(&identifier, jwks_uri);
        let mut draft = IssuerWithoutAudience::new(identifier, keys);
        let policy = &mut draft.0.policy;
        policy.tenancy = Tenancy::One(realm);
        policy.kind.rules = vec![ClaimRule { claim: "typ", expect: Expect::Equals("Bearer") }];
        policy.kind.nonce = NonceRule::Accepted;
        policy.scopes = ScopeClaims(vec![ScopeSource::text("scope")]);
        policy.audience.client_claims = vec!["azp".into()];
        policy.audience.is_service_account = ServiceAccountRule::RepeatedClient("client_id".into());
        Ok(draft)
    }

    /// Also reads scopes from the roles of the realm, which Keycloak writes into
    /// `realm_access.roles`.
    ///
    /// A role and a scope with the same name are then the same permission. An operator who can name
    /// or assign roles can grant any scope.
    pub fn realm_roles_as_scopes(self) -> Self {
        self.scopes_from(ScopeSource::array(["realm_access", "roles"]))
    }

    /// Also reads scopes from the roles of one Keycloak client, `resource_access.CLIENT.roles`.
    /// Roles of other clients do not count.
    ///
    /// Normally, the client is this API.
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
