//! Issuers: whose tokens are trusted under which rules?

mod audience;
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

use crate::checks::audience::{
    ANY_CLIENT_CLAIM, AllowList, AudiencePolicy, EmptyAudience, MissingAudience, ServiceAccountRule,
};
use crate::checks::kind::{ForeignClaims, NonceRule, TokenKind, TypeRule};
use crate::checks::scopes::ScopeClaims;
use crate::config_error::ConfigError;
#[cfg(feature = "fetch")]
use crate::issuer::fetch_rules::FetchRules;
use crate::issuer::key_config::KeyConfig;
#[cfg(feature = "fetch")]
use crate::issuer::opaque::IntrospectionRules;
use crate::issuer::policy::{Policy, Tenancy};
use crate::token::algorithm::Algorithm;

/// An authorization server and the rules that its tokens must satisfy.
///
/// An `Issuer` always has a rule about the audience or the client. The constructors return an
/// [`IssuerWithoutAudience`]. Only its methods return an `Issuer`:
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
/// Each preset's page lists its checks and the setup at the provider. It has an example token and
/// common mistakes:
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
/// An optional claim that is `null` counts as absent. So does an empty `sub` or `jti` or client id.
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
/// requires it. Every token of Auth0, Okta, Entra ID and RFC 9068 has an `aud`. For these a rule
/// about clients alone is [`ConfigError::NeedsAudience`].
#[derive(Clone, Debug)]
#[must_use = "say for whom the issuer's tokens must be: audience() or client()"]
pub struct IssuerWithoutAudience(Issuer);

impl Issuer {
    /// Checks the rules that depend on each other when all are set.
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
    /// Returns an issuer with the default of each rule.
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
}
