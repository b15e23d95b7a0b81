//! A trusted issuer: the keys and the rules for its tokens, with presets for well-known providers.

#[cfg(feature = "fetch")]
mod fetch_rules;
#[cfg(feature = "fetch")]
mod introspected;
#[cfg(feature = "fetch")]
pub(crate) mod issuers;
pub(crate) mod key_config;
mod limits;
mod name;
#[cfg(feature = "fetch")]
pub(crate) mod opaque;
pub(crate) mod policy;
mod presets;
pub(crate) mod registry;
mod rules;
#[cfg(feature = "fetch")]
mod status_list;
pub(crate) mod trusted;
mod without_preset;

use std::borrow::Cow;

use scopegate_proto::url::FetchUrl;

use crate::checks::audience::{
    ANY_CLIENT_CLAIM, AllowList, AudiencePolicy, EmptyAudience, MissingAudience, ServiceAccountRule,
};
use crate::checks::kind::{ForeignClaims, NonceRule, TokenKind, TypeRule};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::config_error::ConfigError;
#[cfg(feature = "fetch")]
use crate::issuer::fetch_rules::FetchRules;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::{address, only_compared};
#[cfg(feature = "fetch")]
use crate::issuer::opaque::IntrospectionRules;
use crate::issuer::policy::{Policy, Tenancy};
use crate::token::algorithm::Algorithm;

/// An authorization server, and the rules that its tokens must satisfy.
///
/// An `Issuer` always has a rule about the audience or the client. The constructors return an
/// [`IssuerWithoutAudience`], and only its methods return an `Issuer`:
///
/// ```
/// use scopegate::{Algorithm, Issuer};
///
/// // Amazon Cognito, tokens of the client_credentials grant: bound to app clients
/// let cognito = Issuer::cognito("eu-west-1_Ab12Cd34E")?.client("1example23456789");
///
/// // any other issuer: bound to this API by `aud`
/// let other = Issuer::from_metadata("https://issuer.example/")?
///     .audience("https://my-api-server.org")
///     .algorithms([Algorithm::RS256, Algorithm::ES256]);
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
///
/// Each preset's page lists its checks, the setup at the provider, an example token and common
/// mistakes:
///
/// | Provider | Preset |
/// | --- | --- |
/// | Amazon Cognito | [`cognito`](Self::cognito), [`cognito_updated`](Self::cognito_updated), [`cognito_replica`](Self::cognito_replica), [`cognito_at`](Self::cognito_at) |
/// | Auth0 | [`auth0`](Self::auth0) |
/// | Okta | [`okta`](Self::okta) |
/// | Microsoft Entra ID | [`entra`](Self::entra), [`entra_v1`](Self::entra_v1), in other clouds [`entra_at`](Self::entra_at), [`entra_v1_at`](Self::entra_v1_at); for many tenants [`entra_multi_tenant`](Self::entra_multi_tenant) and its variants |
/// | Keycloak | [`keycloak`](Self::keycloak) |
/// | Ory Hydra | [`hydra`](Self::hydra) |
/// | any issuer that follows RFC 9068 | [`rfc9068`](Self::rfc9068) |
/// | any that issues opaque tokens | [`opaque`](Self::opaque) |
/// | any other | [`from_metadata`](Self::from_metadata), [`from_jwks_uri`](Self::from_jwks_uri), [`from_jwks`](Self::from_jwks), [`from_pem`](Self::from_pem) |
///
/// A preset only sets values for these checks:
///
/// | Checked | Default, if the preset sets nothing else |
/// | --- | --- |
/// | `alg` | one of [`Algorithm::DEFAULT`] |
/// | `typ` | `at+jwt`, `JWT` or absent |
/// | `token_use` | `access` or absent |
/// | marks of other kinds | none of `nonce`, `at_hash`, `c_hash`, `s_hash`, `events`; no claim `typ` of `ID`, `Refresh`, `Offline`, `Logout`; without a preset also no marks of JARM responses and other signed documents |
/// | `aud`, client | the configured rules; see [`IssuerWithoutAudience`] |
/// | client id | from `client_id`, `azp`, `appid` and `cid`; all that are present must agree |
/// | scopes | from `scope` and `scp`; add others with [`scopes_from`](Self::scopes_from) |
/// | other claims | only rules such as [`require_claim`](Self::require_claim) |
///
/// An optional claim that is `null` counts as absent. So does an empty `sub`, `jti` or client id.
/// If `iss`, `aud`, `exp`, `nbf`, `cnf` or a claim that scopes are read from is `null`, the token
/// is rejected.
#[derive(Clone, Debug)]
#[must_use = "an issuer is trusted by whom it is given to: VerifierBuilder::trust"]
pub struct Issuer {
    pub(crate) identifier: String,
    pub(crate) keys: KeyConfig,
    pub(crate) policy: Policy,
    #[cfg(feature = "fetch")]
    pub(crate) fetch: FetchRules,
    #[cfg(feature = "fetch")]
    pub(crate) introspection: IntrospectionRules,
}

/// An issuer that still needs a rule about the audience or the client.
///
/// An issuer signs tokens for many APIs and many clients. Without a rule, this API would accept all
/// of them.
///
/// | Rule | A token is accepted if |
/// | --- | --- |
/// | [`audience`](Self::audience) | its `aud` contains one of the audiences |
/// | [`client`](Self::client) | its client is one of the clients, and it has no `aud` |
/// | both | both rules accept it; a Cognito token may lack `aud` |
/// | [`allow_any_client`](Self::allow_any_client) | it has no `aud` |
/// | [`allow_any_audience`](Self::allow_any_audience) | always |
///
/// A token with a foreign `aud` is rejected even under a client rule, because RFC 7519 §4.1.3
/// requires it. Every token of Auth0, Okta, Entra ID and RFC 9068 has an `aud`. For these, a rule
/// about clients alone is [`ConfigError::NeedsAudience`].
#[derive(Clone, Debug)]
#[must_use = "say for whom the issuer's tokens must be: audience() or client()"]
pub struct IssuerWithoutAudience(Issuer);

impl Issuer {
    /// Creates an issuer whose JWKS has a known URL.
    ///
    /// `issuer` is compared with the `iss` of tokens character by character. Write a final slash if
    /// and only if the issuer does. The name need not be a URL: FusionAuth writes `acme.com`, AD FS
    /// `http://fs.example.com/adfs/services/trust`. `jwks_uri` may be on another host.
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let ad_fs = Issuer::from_jwks_uri(
    ///     "http://fs.example.com/adfs/services/trust",
    ///     "https://fs.example.com/adfs/discovery/keys",
    /// )?;
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// - Returns [`ConfigError::InvalidName`] if `issuer` is not a `StringOrURI` (RFC 7519 §2) of
    ///   up to 2,048 bytes.
    /// - Returns [`ConfigError::InvalidUrl`] if `jwks_uri` is not an `https` or `http` URL without
    ///   fragment and user name.
    ///
    /// If `jwks_uri` is `http` and not on a loopback address, starting the verifier fails with
    /// `InvalidUrl` too. To accept it, call `allow_keys_without_tls`.
    pub fn from_jwks_uri(issuer: &str, jwks_uri: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        FetchUrl::parse_allowing_http(jwks_uri)
            .map_err(|error| ConfigError::invalid_url("jwks_uri", error))?;
        let keys = KeyConfig::JwksUri(jwks_uri.to_owned());
        Ok(IssuerWithoutAudience::without_preset(only_compared(issuer)?, keys))
    }

    /// Creates an issuer whose metadata has the URL of its keys (RFC 8414, OpenID Connect
    /// Discovery).
    ///
    /// Use it if there is no preset for the provider. If the issuer can write tokens that follow
    /// RFC 9068, prefer the stricter [`rfc9068`](Self::rfc9068).
    ///
    /// `issuer` is compared with the `iss` of tokens, and with the `issuer` of the metadata,
    /// character by character. Write a final slash if and only if the issuer does. The metadata is
    /// fetched when the verifier starts, after a failure, and again after a day. Three URLs are
    /// tried in this order; for `https://h/t1` they are
    /// 1. `https://h/.well-known/oauth-authorization-server/t1` (RFC 8414 §3.1),
    /// 2. `https://h/t1/.well-known/openid-configuration` (OpenID Connect Discovery §4),
    /// 3. `https://h/.well-known/openid-configuration/t1` (RFC 8414 §5).
    ///
    /// Only the URL of the keys is read from the metadata. The accepted algorithms come from
    /// [`algorithms`](Self::algorithms), even if the issuer lists others.
    ///
    /// # Checks
    /// The defaults of the table at [`Issuer`]. At the issuer, give the API a name that its tokens
    /// have in `aud`. Also make ID tokens differ from access tokens. The best difference is a `typ`
    /// of `at+jwt`, with [`require_at_jwt`](Self::require_at_jwt) here. The least is another `aud`.
    ///
    /// ```json
    /// {
    ///   "iss": "https://issuer.example/",
    ///   "sub": "order-importer",
    ///   "aud": "https://my-api-server.org",
    ///   "exp": 1800003600,
    ///   "client_id": "order-importer",
    ///   "scope": "orders.read"
    /// }
    /// ```
    ///
    /// # Common mistakes
    ///
    /// | Mistake | Error |
    /// | --- | --- |
    /// | The final slash differs. | [`ConfigError::KeysNotFetched`]: the `issuer` of the metadata has another value |
    /// | The token is for another API. | [`WrongAudience`](crate::Error::WrongAudience) |
    /// | The issuer writes no `aud`. | [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | Two of the claims `client_id`, `azp`, `appid`, `cid` differ. | [`MalformedClaim`](crate::Error::MalformedClaim): choose one with [`client_claim`](Self::client_claim) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::from_metadata("https://issuer.example/")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if `issuer` is not an `https` or `http` URL without
    /// query, fragment and user name (RFC 8414 §2).
    ///
    /// If metadata is fetched from an `http` URL that is not on a loopback address, starting the
    /// verifier fails with the same error. To accept it, call `allow_keys_without_tls`.
    pub fn from_metadata(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let keys = KeyConfig::Discovery(address(issuer)?);
        Ok(IssuerWithoutAudience::without_preset(issuer.to_owned(), keys))
    }

    /// Creates an issuer with a static JWKS (RFC 7517 §5), which is never fetched.
    ///
    /// Use it for tests, for machines without a network, and for keys that are distributed by other
    /// means. To withdraw a key, build another verifier.
    ///
    /// # Errors
    /// - Returns [`ConfigError::InvalidName`] as [`from_jwks_uri`](Self::from_jwks_uri) does.
    /// - Returns [`ConfigError::InvalidKeySet`] if no key of the set can verify a token.
    pub fn from_jwks(issuer: &str, jwks: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = only_compared(issuer)?;
        let keys = KeyConfig::from_json(&identifier, jwks)?;
        Ok(IssuerWithoutAudience::without_preset(identifier, keys))
    }

    /// Adds an accepted audience. If clients are listed too, a token must satisfy both rules.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.audiences([audience])
    }

    /// Adds accepted audiences. If clients are listed too, a token must satisfy both rules.
    pub fn audiences<I>(mut self, audiences: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.audience.audiences.extend(audiences);
        self
    }

    /// Adds an accepted client, and replaces
    /// [`allow_any_client`](IssuerWithoutAudience::allow_any_client). If audiences are listed too,
    /// a token must satisfy both rules.
    pub fn client(self, client_id: impl Into<String>) -> Self {
        self.clients([client_id])
    }

    /// Adds accepted clients, and replaces
    /// [`allow_any_client`](IssuerWithoutAudience::allow_any_client). If audiences are listed too,
    /// a token must satisfy both rules.
    pub fn clients<I>(mut self, client_ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.audience.clients.extend(client_ids);
        self
    }

    /// Sets the accepted algorithms. Tokens with another `alg` are rejected, and keys for other
    /// algorithms are not used (RFC 8725 §3.1).
    ///
    /// Default: [`Algorithm::DEFAULT`], or the algorithms of the preset.
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts only tokens with a `typ` of `at+jwt` (RFC 9068 §4).
    ///
    /// Call it if the issuer writes this type. Cognito does not.
    pub fn require_at_jwt(mut self) -> Self {
        self.policy.typ = TypeRule::AccessToken;
        self
    }

    /// Accepts tokens with a `nonce`, which is normally a mark of ID tokens.
    ///
    /// Call it for issuers that write `nonce` into access tokens. [`keycloak`](Self::keycloak) does
    /// not need it, because it checks another claim. **If a client's id is also an accepted
    /// audience, that client's ID tokens are then accepted by this API**, unless they have another
    /// mark of an ID token.
    pub fn allow_nonce(mut self) -> Self {
        self.policy.kind.nonce = NonceRule::Accepted;
        self
    }

    /// Also reads scopes from the claim `permissions`, an array of strings that Auth0 writes.
    pub fn permissions_as_scopes(self) -> Self {
        self.scopes_from(ScopeSource::array("permissions"))
    }

    /// Also reads scopes from the claim `roles`, an array of strings that Entra ID writes for
    /// applications and for users.
    ///
    /// [`entra`](Self::entra) reads it for applications only. With this method, it counts for users
    /// too.
    pub fn roles_as_scopes(mut self) -> Self {
        self.policy.scopes.add_for_every_token(ScopeSource::array("roles"));
        self
    }

    /// Sets the only claim that the client's id is read from.
    ///
    /// Call it if the issuer names the client in a claim other than `client_id`, `azp`, `appid` and
    /// `cid`, or uses one of these for something else. By default, all of the four that are present
    /// must agree. Otherwise it would be unclear which client the token belongs to.
    pub fn client_claim(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.policy.audience.client_claims = vec![claim.into()];
        self
    }

    /// Sets the URL that the keys are fetched from, for instance a private endpoint. Tokens must
    /// still name the issuer.
    ///
    /// If it is not an `https` URL without fragment and user name, starting the verifier fails with
    /// [`ConfigError::InvalidUrl`]. `http` is accepted on a loopback address, and elsewhere with
    /// `allow_keys_without_tls`.
    pub fn jwks_uri(mut self, jwks_uri: impl Into<String>) -> Self {
        self.keys = KeyConfig::JwksUri(jwks_uri.into());
        self
    }

    /// Sets a static JWKS, as JSON, so that no keys are fetched. It does for a preset what
    /// [`from_jwks`](Self::from_jwks) does without one.
    ///
    /// If none of its keys can verify a token, building the verifier fails with
    /// [`ConfigError::InvalidKeySet`].
    pub fn jwks(mut self, jwks: impl Into<String>) -> Self {
        self.keys = KeyConfig::Static(jwks.into(), None);
        self
    }

    /// Checks the rules that depend on each other, once all are set.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let audience = &self.policy.audience;
        let empty = |allowed: &AllowList| matches!(allowed, AllowList::OneOf(v) if v.is_empty() || v.contains(&String::new()));
        let always_has_one = matches!(audience.missing_audience, MissingAudience::NeverIssued);
        if always_has_one && matches!(audience.audiences, AllowList::NotConfigured) {
            return Err(ConfigError::NeedsAudience { issuer: self.identifier.clone() });
        }
        self.check_name()?;
        self.check_rules()?;
        self.check_limits()?;
        #[cfg(feature = "fetch")]
        self.check_introspection()?;
        let setting = if empty(&audience.audiences) {
            "at least one audience"
        } else if empty(&audience.clients) {
            "at least one client id"
        } else if self.policy.algorithms.is_empty() {
            "at least one algorithm"
        } else {
            return Ok(());
        };
        Err(ConfigError::EmptyList { issuer: self.identifier.clone(), setting })
    }
}

impl IssuerWithoutAudience {
    /// Returns an issuer without a preset. Its tokens are checked for more marks of other kinds.
    fn without_preset(identifier: String, keys: KeyConfig) -> Self {
        let mut draft = Self::new(identifier, keys);
        draft.0.policy.kind.foreign = ForeignClaims::All;
        draft
    }

    fn new(identifier: String, keys: KeyConfig) -> Self {
        let audience = AudiencePolicy {
            audiences: AllowList::NotConfigured,
            clients: AllowList::NotConfigured,
            missing_audience: MissingAudience::Refused,
            empty_audience: EmptyAudience::Reject,
            client_claims: ANY_CLIENT_CLAIM.map(Cow::from).to_vec(),
            required_client: None,
            is_service_account: ServiceAccountRule::Subject,
        };
        let policy = Policy {
            algorithms: Algorithm::DEFAULT.to_vec(),
            key_issuers: vec![identifier.clone()],
            accepts_missing_iss: false,
            typ: TypeRule::AccessTokenOrUntyped,
            kind: TokenKind {
                nonce: NonceRule::Refused,
                foreign: ForeignClaims::Common,
                rules: Vec::new(),
                required: Vec::new(),
            },
            audience,
            scopes: ScopeClaims::scope_and_scp(),
            tenancy: Tenancy::Unknown,
            tenants: None,
            leeway: None,
            scope_limit: None,
            #[cfg(feature = "fetch")]
            status_list: None,
        };
        Self(Issuer {
            identifier,
            keys,
            policy,
            #[cfg(feature = "fetch")]
            fetch: FetchRules::default(),
            #[cfg(feature = "fetch")]
            introspection: IntrospectionRules::default(),
        })
    }

    /// Accepts tokens whose `aud` contains exactly this string: the name of this API at the issuer
    /// (RFC 9068 §4).
    pub fn audience(self, audience: impl Into<String>) -> Issuer {
        self.audiences([audience])
    }

    /// Accepts tokens whose `aud` contains one of these strings.
    pub fn audiences<I>(self, audiences: I) -> Issuer
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.0.audiences(audiences)
    }

    /// Accepts tokens that were issued to exactly this client and have no `aud`.
    ///
    /// Use it for issuers that write no `aud`, such as Cognito for the `client_credentials` grant.
    pub fn client(self, client_id: impl Into<String>) -> Issuer {
        self.clients([client_id])
    }

    /// Accepts tokens that were issued to one of these clients and have no `aud`.
    pub fn clients<I>(self, client_ids: I) -> Issuer
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.0.clients(client_ids)
    }

    /// Accepts tokens of **every client of the issuer** that have no `aud`.
    ///
    /// Authorization then depends on scopes alone. Call it only if every scope that a route
    /// requires belongs to this API.
    pub fn allow_any_client(mut self) -> Issuer {
        self.0.policy.audience.clients = AllowList::Any;
        self.0
    }

    /// Accepts tokens that the issuer made **for any API**.
    ///
    /// A client's token for another API is then accepted here. The operator of that API can use
    /// every token that it receives here (RFC 9068 §5). Call it only for an issuer that serves this
    /// API alone.
    pub fn allow_any_audience(mut self) -> Issuer {
        self.0.policy.audience.audiences = AllowList::Any;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_set_url_of_their_keys() {
        let tenant = "72f988bf-86f1-41af-91ab-2d7cd011db47";
        let tenants_keys = format!("https://login.microsoftonline.com/{tenant}/discovery/v2.0/keys");
        for (draft, keys) in [
            (Issuer::auth0("a.eu.auth0.com"), "https://a.eu.auth0.com/.well-known/jwks.json"),
            (Issuer::okta("https://a.okta.com/oauth2/b"), "https://a.okta.com/oauth2/b/v1/keys"),
            (Issuer::entra(tenant), &tenants_keys),
            (Issuer::entra_v1(tenant), "https://login.microsoftonline.com/common/discovery/keys"),
            (Issuer::keycloak("https://h/realms/a"), "https://h/realms/a/protocol/openid-connect/certs"),
            (Issuer::hydra("https://h"), "https://h/.well-known/jwks.json"),
            (Issuer::hydra("https://h/"), "https://h/.well-known/jwks.json"),
        ] {
            let (KeyConfig::JwksUri(url) | KeyConfig::Derived { jwks_uri: url, .. }) = draft.unwrap().0.keys
            else {
                panic!("{keys}")
            };
            assert_eq!(url, keys);
        }
        for draft in [Issuer::rfc9068("https://h/a"), Issuer::from_metadata("https://h/a")] {
            let KeyConfig::Discovery(address) = draft.unwrap().0.keys else { panic!("expected discovery") };
            assert_eq!(address.url().as_str(), "https://h/a");
        }
    }
}
