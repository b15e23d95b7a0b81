//! What we trust one authorization server for. Presets for well-known ones are beside this file.

mod auth0;
mod cognito;
mod entra;
#[cfg(feature = "fetch")]
mod fetch_rules;
mod hydra;
pub(crate) mod key_config;
mod keycloak;
mod name;
mod okta;
mod pem;
pub(crate) mod policy;
pub(crate) mod registry;
mod rfc9068;
mod rules;

use std::borrow::Cow;

use scopegate_proto::url::FetchUrl;

use crate::checks::audience::{
    ANY_CLIENT_CLAIM, AllowList, AudiencePolicy, EmptyAudience, MissingAudience, ServiceAccountRule,
};
use crate::checks::kind::{ForeignClaims, NonceRule, TokenKind, TypeRule};
use crate::checks::scopes::ScopeClaims;
use crate::checks::scopes::source::ScopeSource;
use crate::error::config::ConfigError;
#[cfg(feature = "fetch")]
use crate::issuer::fetch_rules::FetchRules;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::name::{address, only_compared};
use crate::issuer::policy::Policy;
use crate::token::algorithm::Algorithm;

/// One authorization server, and what its tokens must be like to be accepted.
///
/// An issuer is complete only when it says for whom its tokens must have been issued. The constructors
/// therefore return an [`IssuerWithoutAudience`], and only its methods make an `Issuer` of it:
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
/// Each provider has a page of its own, which says what is checked, what to set there, which token is expected, and what
/// mistakes are heard as:
///
/// | provider | preset |
/// | --- | --- |
/// | Amazon Cognito | [`cognito`](Self::cognito), [`cognito_updated`](Self::cognito_updated), [`cognito_replica`](Self::cognito_replica), [`cognito_at`](Self::cognito_at) |
/// | Auth0 | [`auth0`](Self::auth0) |
/// | Okta | [`okta`](Self::okta) |
/// | Microsoft Entra ID | [`entra`](Self::entra), [`entra_v1`](Self::entra_v1), in other clouds [`entra_at`](Self::entra_at), [`entra_v1_at`](Self::entra_v1_at) |
/// | Keycloak | [`keycloak`](Self::keycloak) |
/// | Ory Hydra | [`hydra`](Self::hydra) |
/// | who follows RFC 9068 | [`rfc9068`](Self::rfc9068) |
/// | any other | [`from_metadata`](Self::from_metadata), [`from_jwks_uri`](Self::from_jwks_uri), [`from_jwks`](Self::from_jwks), [`from_pem`](Self::from_pem) |
///
/// A preset is nothing but values for these checks:
///
/// | checked | unless changed, or a preset knows more |
/// | --- | --- |
/// | `alg` | one of [`Algorithm::DEFAULT`] |
/// | `typ` | `at+jwt`, `JWT` or absent |
/// | `token_use` | `access` if it is there |
/// | marks of other kinds | none of `nonce`, `at_hash`, `c_hash`, `s_hash`, `events`; no claim `typ` of `ID`, `Refresh`, `Offline`, `Logout`; without a preset also the marks of JARM responses and other signed documents |
/// | `aud`, client | what was said; see [`IssuerWithoutAudience`] |
/// | the client | that of `client_id`, `azp`, `appid` and `cid`, which agree where several are there |
/// | scopes | from `scope` and `scp`; others with [`scopes_from`](Self::scopes_from) |
/// | other claims | only by rules such as [`require_claim`](Self::require_claim) |
///
/// An optional claim that is `null` is absent, and an empty `sub`, `jti` or client id names nothing. `iss`, `aud`, `exp`,
/// `nbf`, `cnf` and the claims that scopes are read from are rejected if they are `null`.
#[derive(Clone, Debug)]
#[must_use = "an issuer is trusted by whom it is given to: VerifierBuilder::trust"]
pub struct Issuer {
    pub(crate) identifier: String,
    pub(crate) keys: KeyConfig,
    pub(crate) policy: Policy,
    #[cfg(feature = "fetch")]
    pub(crate) fetch: FetchRules,
}

/// An issuer for which nobody has said yet for whom its tokens must have been issued.
///
/// An issuer signs tokens for many APIs and many clients. Without a rule, each of them would open this API.
///
/// | rule | a token is accepted when |
/// | --- | --- |
/// | [`audience`](Self::audience) | its `aud` holds one of the audiences |
/// | [`client`](Self::client) | its client is one of the clients, and it has no `aud` |
/// | both | both hold; a Cognito token may lack `aud` |
/// | [`allow_any_client`](Self::allow_any_client) | it has no `aud` |
/// | [`allow_any_audience`](Self::allow_any_audience) | always |
///
/// That a token with a foreign `aud` is refused even under a client rule is RFC 7519 §4.1.3. Where every token of an issuer
/// has an `aud`, as with Auth0, Okta, Entra ID and RFC 9068, a rule about clients alone is
/// [`ConfigError::NeedsAudience`].
#[derive(Clone, Debug)]
#[must_use = "say for whom the issuer's tokens must be: audience() or client()"]
pub struct IssuerWithoutAudience(Issuer);

impl Issuer {
    /// An issuer whose key set is published at a known address.
    ///
    /// `issuer` is compared with the `iss` of tokens character by character: write a final slash if and only
    /// if the issuer does. It is only compared, so it need not be a URL: FusionAuth writes `acme.com`, AD FS
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
    /// [`ConfigError::InvalidName`] if `issuer` is not a `StringOrURI` (RFC 7519 §2) of up to 2,048 bytes;
    /// [`ConfigError::InvalidUrl`] if `jwks_uri` is not an `https` or `http` URL without fragment and user name. If it is
    /// `http` and no loopback address, starting the verifier fails with the same error, unless
    /// `allow_keys_without_tls` is called.
    pub fn from_jwks_uri(issuer: &str, jwks_uri: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        FetchUrl::parse_allowing_http(jwks_uri)
            .map_err(|error| ConfigError::invalid_url("jwks_uri", error))?;
        let keys = KeyConfig::JwksUri(jwks_uri.to_owned());
        Ok(IssuerWithoutAudience::without_preset(only_compared(issuer)?, keys))
    }

    /// An issuer whose metadata tells where its keys are: RFC 8414, or OpenID Connect Discovery.
    ///
    /// Reach for it when there is no preset for the provider. Where the issuer can be told to write tokens after RFC 9068,
    /// [`rfc9068`](Self::rfc9068) is stricter.
    ///
    /// `issuer` is compared with the `iss` of tokens, and with the `issuer` of the metadata, character by character: write
    /// a final slash if and only if the issuer does. The metadata is looked for when the verifier starts, again after a
    /// failure and after a day, at three addresses in this order; for `https://h/t1` they are
    /// 1. `https://h/.well-known/oauth-authorization-server/t1` (RFC 8414 §3.1),
    /// 2. `https://h/t1/.well-known/openid-configuration` (OpenID Connect Discovery §4),
    /// 3. `https://h/.well-known/openid-configuration/t1` (RFC 8414 §5).
    ///
    /// Only the address of the keys is taken from it. Which algorithms are accepted is said here, whatever the issuer
    /// lists.
    ///
    /// # What is checked
    /// What the table at [`Issuer`] says. At the issuer, see to it that the API has a name which its tokens have in `aud`, and
    /// that ID tokens can be told from access tokens: by a `typ` of `at+jwt` (then call
    /// [`require_at_jwt`](Self::require_at_jwt)), or at least by another `aud`.
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
    /// | mistake | heard |
    /// | --- | --- |
    /// | the final slash differs | [`ConfigError::KeysNotFetched`]: the metadata's `issuer` is another one |
    /// | the token is for another API | [`WrongAudience`](crate::Error::WrongAudience) |
    /// | the issuer writes no `aud` | [`MissingClaim`](crate::Error::MissingClaim): `aud` |
    /// | two of the claims `client_id`, `azp`, `appid`, `cid` differ | [`MalformedClaim`](crate::Error::MalformedClaim): say which one it is, by [`client_claim`](Self::client_claim) |
    ///
    /// ```
    /// # use scopegate::Issuer;
    /// let issuer = Issuer::from_metadata("https://issuer.example/")?.audience("https://my-api-server.org");
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// [`ConfigError::InvalidUrl`] if it is not an `https` or `http` URL without query, fragment and user name (RFC 8414
    /// §2). If metadata is fetched from it, it is `http` and no loopback address, starting the verifier fails with the same
    /// error, unless `allow_keys_without_tls` is called.
    pub fn from_metadata(issuer: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let keys = KeyConfig::Discovery(address(issuer)?);
        Ok(IssuerWithoutAudience::without_preset(issuer.to_owned(), keys))
    }

    /// An issuer whose key set is given here, as JSON (RFC 7517 §5), and never fetched: for tests, for
    /// machines without a network, and for keys that are handed over by other means. A key can only be
    /// withdrawn by building another verifier.
    ///
    /// # Errors
    /// [`ConfigError::InvalidName`] as for [`from_jwks_uri`](Self::from_jwks_uri), [`ConfigError::InvalidKeySet`]
    /// if no key of the set can verify a token.
    pub fn from_jwks(issuer: &str, jwks: &str) -> Result<IssuerWithoutAudience, ConfigError> {
        let identifier = only_compared(issuer)?;
        let keys = KeyConfig::from_json(&identifier, jwks)?;
        Ok(IssuerWithoutAudience::without_preset(identifier, keys))
    }

    /// Adds to the audiences that are accepted. Where clients are listed too, a token must satisfy both.
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.audiences([audience])
    }

    /// Adds to the audiences that are accepted. Where clients are listed too, a token must satisfy both.
    pub fn audiences<I>(mut self, audiences: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.audience.audiences.extend(audiences);
        self
    }

    /// Adds to the clients that are accepted; a list takes the place of a waiver. Where audiences are listed too, a token
    /// must satisfy both.
    pub fn client(self, client_id: impl Into<String>) -> Self {
        self.clients([client_id])
    }

    /// Adds to the clients that are accepted; a list takes the place of a waiver. Where audiences are listed too, a token
    /// must satisfy both.
    pub fn clients<I>(mut self, client_ids: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.policy.audience.clients.extend(client_ids);
        self
    }

    /// Accepts these algorithms only. A token cannot choose beyond them, and keys for others are not used
    /// (RFC 8725 §3.1).
    pub fn algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.policy.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Accepts only tokens that call themselves access tokens: `typ` must be `at+jwt` (RFC 9068 §4). Worth it
    /// wherever the issuer writes it; Cognito does not.
    pub fn require_at_jwt(mut self) -> Self {
        self.policy.typ = TypeRule::AccessToken;
        self
    }

    /// Accepts tokens that carry a `nonce`, which normally makes a token an ID token: for issuers that write one into access
    /// tokens. ([`keycloak`](Self::keycloak) tells them apart otherwise, and needs it not.) **An ID token of a client whose id is also an accepted audience then opens this
    /// API**, unless it has another mark of one.
    pub fn allow_nonce(mut self) -> Self {
        self.policy.kind.nonce = NonceRule::Accepted;
        self
    }

    /// Also reads scopes from the claim `permissions`, an array of strings, as Auth0 writes it.
    pub fn permissions_as_scopes(self) -> Self {
        self.scopes_from(ScopeSource::array("permissions"))
    }

    /// Also reads scopes from the claim `roles`, an array of strings, as Entra ID writes it for applications and for users.
    /// [`entra`](Self::entra) reads it for applications only; this method makes it count for users too.
    pub fn roles_as_scopes(mut self) -> Self {
        self.policy.scopes.add_for_every_token(ScopeSource::array("roles"));
        self
    }

    /// Takes the client's id from this claim and from no other: for an issuer that names the client by another claim than
    /// `client_id`, `azp`, `appid` and `cid`, or that means something else by one of these. Otherwise those of the four that
    /// are there have to agree, or it could not be said whose token it is.
    pub fn client_claim(mut self, claim: impl Into<Cow<'static, str>>) -> Self {
        self.policy.audience.client_claims = vec![claim.into()];
        self
    }

    /// Fetches the keys from this URL instead, for instance through a private endpoint. Tokens must still
    /// name the issuer.
    ///
    /// If it is not an `https` URL without fragment and user name, starting the verifier fails with
    /// [`ConfigError::InvalidUrl`]. `http` is accepted on a loopback address, and elsewhere with
    /// `allow_keys_without_tls`.
    pub fn jwks_uri(mut self, jwks_uri: impl Into<String>) -> Self {
        self.keys = KeyConfig::JwksUri(jwks_uri.into());
        self
    }

    /// Uses this static JWKS, as JSON, and fetches none: what [`from_jwks`](Self::from_jwks) does, for a
    /// preset.
    ///
    /// If no key of it can verify a token, building the verifier fails with
    /// [`ConfigError::InvalidKeySet`].
    pub fn jwks(mut self, jwks: impl Into<String>) -> Self {
        self.keys = KeyConfig::Static(jwks.into(), None);
        self
    }

    /// What can only be judged when everything has been said.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let audience = &self.policy.audience;
        let empty = |allowed: &AllowList| matches!(allowed, AllowList::OneOf(v) if v.is_empty() || v.contains(&String::new()));
        let always_has_one = matches!(audience.missing_audience, MissingAudience::NeverIssued);
        if always_has_one && matches!(audience.audiences, AllowList::NotConfigured) {
            return Err(ConfigError::NeedsAudience { issuer: self.identifier.clone() });
        }
        self.check_name()?;
        self.check_rules()?;
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
    /// An issuer of which nothing is known, so that tokens with more marks of other kinds are rejected.
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
        };
        Self(Issuer {
            identifier,
            keys,
            policy,
            #[cfg(feature = "fetch")]
            fetch: FetchRules::default(),
        })
    }

    /// Accepts tokens whose `aud` holds exactly this: the name of this API at the issuer (RFC 9068 §4).
    pub fn audience(self, audience: impl Into<String>) -> Issuer {
        self.audiences([audience])
    }

    /// Accepts tokens whose `aud` holds one of these.
    pub fn audiences<I>(self, audiences: I) -> Issuer
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.0.audiences(audiences)
    }

    /// Accepts tokens that were issued to exactly this client and have no `aud`: for issuers that write none,
    /// as Cognito for the `client_credentials` grant.
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

    /// Accepts tokens of **every client of the issuer** that have no `aud`. What a caller may do then rests
    /// on scopes alone: right when each scope that a route asks for is this API's own.
    pub fn allow_any_client(mut self) -> Issuer {
        self.0.policy.audience.clients = AllowList::Any;
        self.0
    }

    /// Accepts tokens that the issuer made **for any API**. A caller's token for another API opens this one
    /// too, and that API's operator can use every token it receives here (RFC 9068 §5). Only for an issuer
    /// that serves nobody else.
    pub fn allow_any_audience(mut self) -> Issuer {
        self.0.policy.audience.audiences = AllowList::Any;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preset_knows_where_its_keys_are() {
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
            let KeyConfig::Discovery(address) = draft.unwrap().0.keys else { panic!("metadata tells") };
            assert_eq!(address.url().as_str(), "https://h/a");
        }
    }
}
