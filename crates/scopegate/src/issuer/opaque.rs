//! Issuers whose tokens are introspected, and the tokens that they are asked about.

use std::sync::Arc;

use super::key_config::KeyConfig;
use super::name::{address, only_compared};
use super::trusted::{Introspected, TrustedIssuer};
use super::{Issuer, IssuerWithoutAudience};
use crate::checks::audience::AllowList;
use crate::config_error::ConfigError;
use crate::introspection::{Introspection, ResponseKeys};
use crate::token::token68::is_token68;

/// The introspection of an issuer's tokens, as it was configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct IntrospectionRules {
    /// `None` if JWTs are verified locally only.
    pub(crate) applied: Option<(Introspection, Introspected)>,
    /// The prefix of opaque tokens.
    pub(crate) prefix: Option<String>,
    /// A setting that contradicts an earlier one, and the expected issuer.
    contradiction: Option<(&'static str, &'static str)>,
}

impl IntrospectionRules {
    /// Returns whether the issuer is asked about tokens.
    pub(crate) fn is_set(&self) -> bool {
        self.applied.is_some()
    }
}

impl Issuer {
    /// Creates an issuer of opaque tokens: its introspection endpoint is asked about each token (RFC
    /// 7662).
    ///
    /// `issuer` is the name that [`Claims::issuer`](crate::Claims::issuer) returns. If a response
    /// has an `iss`, it must be exactly this name. See [`Introspection`] for an example, the
    /// outcomes and the limits.
    ///
    /// # Checks
    ///
    /// The members of a response are checked as the claims of a JWT are: lifetime, audience,
    /// client, marks of other tokens, binding and scopes. Revocations and checks of the application
    /// apply at each use. These rules differ from the rules for a JWT:
    ///
    /// - `exp` is optional. [`Claims::expires_at`](crate::Claims::expires_at) is then in the year
    ///   9999.
    /// - `iss` is optional.
    /// - `token_type` is `Bearer`, `DPoP` or absent. `token_use` is `access`, `access_token` or
    ///   absent.
    /// - A member that is `null` is absent, except for `cnf`.
    /// - A malformed member means that the response is malformed, which is 503 and not 401.
    ///
    /// # Which issuer
    ///
    /// An opaque token does not name its issuer, so at most one issuer of opaque tokens may lack a
    /// [prefix](Self::token_prefix). A token that has the form of a JWT is not sent to the endpoint,
    /// unless [`introspect_jwts`](Self::introspect_jwts) is set.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] as [`from_jwks_uri`](Self::from_jwks_uri) does.
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::OutOfRange`] or [`ConfigError::InvalidClientAuthentication`] if a setting
    ///   of the introspection is invalid.
    /// - [`ConfigError::OutOfRange`] if two issuers of opaque tokens have the same prefix or none.
    /// - [`ConfigError::OutOfRange`] if the issuer has a setting for JWTs: keys,
    ///   [`algorithms`](Self::algorithms), [`require_at_jwt`](Self::require_at_jwt), [status
    ///   lists](Self::status_list), tokens [without `iss`](Self::allow_missing_iss), or
    ///   [`and_introspect`](Self::and_introspect).
    /// - [`ConfigError::KeysRequireRuntime`] in [`build`](crate::VerifierBuilder::build).
    pub fn opaque(issuer: &str, introspection: Introspection) -> Result<IssuerWithoutAudience, ConfigError> {
        let mut draft = IssuerWithoutAudience::without_preset(only_compared(issuer)?, KeyConfig::None);
        draft.0.introspection.applied = Some((introspection, Introspected::OpaqueTokens));
        Ok(draft)
    }

    /// Sets the prefix of this issuer's opaque tokens, such as `ory_at_`. Default: none.
    ///
    /// A verifier with several issuers of opaque tokens finds the issuer by it. The longest prefix
    /// of a token counts. Starting the verifier fails with [`ConfigError::OutOfRange`] if
    ///
    /// - the prefix is empty, or has a character that no token has (RFC 6750 §2.1);
    /// - a JWT may begin with it, as with `ey`;
    /// - the issuer is not one of [opaque](Self::opaque) tokens.
    pub fn token_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.introspection.prefix = Some(prefix.into());
        self
    }

    /// Also introspects tokens that have the form of a JWT, without verifying them. Default: only
    /// other tokens.
    ///
    /// A JWT is sent to the endpoint if its `iss` is this issuer. If every issuer of the verifier is
    /// one of opaque tokens, each other JWT is sent too. Use it for an issuer whose JWTs cannot be
    /// verified locally.
    ///
    /// Starting the verifier fails with [`ConfigError::OutOfRange`] if the issuer is not one of
    /// [opaque](Self::opaque) tokens, or if two issuers have this setting.
    pub fn introspect_jwts(mut self) -> Self {
        match &mut self.introspection.applied {
            Some((_, applied @ Introspected::OpaqueTokens)) => *applied = Introspected::AllTokens,
            Some((_, Introspected::AllTokens)) => {}
            None | Some((_, Introspected::VerifiedJwts)) => {
                self.introspection.contradiction = Some(("introspect_jwts", "an issuer of opaque tokens"));
            }
        }
        self
    }

    /// Also asks the introspection endpoint about this issuer's JWTs, so that a token is rejected
    /// soon after the issuer has revoked it. Default: JWTs are verified locally only.
    ///
    /// A JWT is verified first, so a forged token causes no call. The claims are read from the JWT.
    /// The response may only reject it: `active` is `false`, or a member of the response breaks a
    /// rule for `exp`, `nbf`, `iss`, `token_type`, `aud`, `client_id` or `cnf`. A result is cached
    /// for 10 s, for cached tokens too. [`Introspection`] has the outcomes and the limits. The budget
    /// for unseen tokens does not apply.
    ///
    /// ```
    /// use scopegate::{ClientAuthentication, Introspection, Issuer};
    ///
    /// # let secret = String::from("s3cret");
    /// let api = ClientAuthentication::client_secret_basic("orders-api", secret);
    /// let issuer = Issuer::keycloak("https://sso.example/realms/main")?
    ///     .audience("orders-api")
    ///     .and_introspect(Introspection::by_client(
    ///         "https://sso.example/realms/main/protocol/openid-connect/token/introspect",
    ///         api,
    ///     )?);
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// Starting the verifier fails as for an issuer of [opaque](Self::opaque) tokens, and with
    /// [`ConfigError::OutOfRange`] for an issuer with a name for each tenant, or if it is called
    /// twice.
    pub fn and_introspect(mut self, introspection: Introspection) -> Self {
        if self.introspection.is_set() {
            self.introspection.contradiction =
                Some(("and_introspect", "an issuer without another introspection"));
        }
        self.introspection.applied.get_or_insert((introspection, Introspected::VerifiedJwts));
        self
    }

    /// Returns whether each token of the issuer is introspected.
    #[cfg(feature = "http")]
    pub(crate) fn is_introspected(&self) -> bool {
        self.introspection.applied.is_some()
    }

    /// Returns whether the issuer's tokens are accepted by introspection alone.
    pub(crate) fn is_opaque(&self) -> bool {
        let applied = self.introspection.applied.as_ref().map(|(_, applied)| *applied);
        matches!(applied, Some(Introspected::OpaqueTokens | Introspected::AllTokens))
    }

    pub(super) fn check_introspection(&self) -> Result<(), ConfigError> {
        let out_of_range = |setting, expected, found: &str| {
            Err(ConfigError::OutOfRange { setting, expected, found: found.to_owned() })
        };
        let IntrospectionRules { applied, prefix, contradiction } = &self.introspection;
        if let Some((setting, expected)) = contradiction {
            return out_of_range(setting, expected, &self.identifier);
        }
        if let Some(prefix) = prefix {
            if !self.is_opaque() {
                return out_of_range("token_prefix", "an issuer of opaque tokens", &self.identifier);
            }
            if !is_token68(prefix.as_bytes()) || prefix.ends_with('=') {
                return out_of_range("token_prefix", "letters, digits and -._~+/", prefix);
            }
            if JWT_STARTS.iter().any(|start| prefix.starts_with(start) || start.starts_with(prefix)) {
                return out_of_range("token_prefix", "a prefix that no JWT has", prefix);
            }
        }
        let Some((introspection, _)) = applied else { return Ok(()) };
        if let Some(setting) = self.is_opaque().then(|| self.setting_for_jwts(introspection)).flatten() {
            return out_of_range(setting, "an issuer of JWTs", &self.identifier);
        }
        if self.policy.tenancy.name_template().is_some() {
            let setting = if self.is_opaque() { "introspected" } else { "and_introspect" };
            return out_of_range(setting, "an issuer with one name", &self.identifier);
        }
        self.check_signed_responses(introspection)?;
        introspection.check().map(drop)
    }

    /// Returns an issuer whose keys sign the responses about opaque tokens. `None` if there are no such
    /// keys.
    pub(crate) fn of_signed_responses(&self) -> Result<Option<Self>, ConfigError> {
        let applied = self.introspection.applied.as_ref();
        let keys = match applied.and_then(|(introspection, _)| introspection.keys_of_responses()) {
            None => return Ok(None),
            Some(ResponseKeys::OfIssuer) => KeyConfig::Discovery(address(&self.identifier)?),
            Some(ResponseKeys::JwksUri(url)) => KeyConfig::JwksUri(url.clone()),
        };
        let of_responses = Self { keys, introspection: IntrospectionRules::default(), ..self.clone() };
        Ok(Some(of_responses))
    }

    fn check_signed_responses(&self, introspection: &Introspection) -> Result<(), ConfigError> {
        let Some(keys) = introspection.keys_of_responses() else { return Ok(()) };
        let out_of_range = |setting, expected| {
            Err(ConfigError::OutOfRange { setting, expected, found: self.identifier.clone() })
        };
        if *keys != ResponseKeys::OfIssuer && !self.is_opaque() {
            return out_of_range("response_keys", "an issuer of opaque tokens");
        }
        let has_audience = matches!(self.policy.audience.audiences, AllowList::OneOf(_));
        if introspection.client_id().is_none() && !has_audience {
            return out_of_range("signed_responses", "the credentials of a client, or an audience");
        }
        Ok(())
    }

    /// Returns a setting that has no effect on opaque tokens. Keys of signed responses have
    /// algorithms and rules for their fetch.
    fn setting_for_jwts(&self, introspection: &Introspection) -> Option<&'static str> {
        let is_signed = introspection.keys_of_responses().is_some();
        let unset = IssuerWithoutAudience::without_preset(String::new(), KeyConfig::None).0;
        let settings = [
            ("jwks", !matches!(self.keys, KeyConfig::None)),
            ("keys_authorization", !is_signed && self.fetch.authorization.is_some()),
            ("allow_keys_without_tls", !is_signed && self.fetch.allows_missing_tls()),
            ("algorithms", !is_signed && self.policy.algorithms != unset.policy.algorithms),
            ("require_at_jwt", self.policy.typ != unset.policy.typ),
            ("status_list", self.policy.status_list.is_some()),
            ("allow_missing_iss", self.policy.accepts_missing_iss),
        ];
        settings.into_iter().find_map(|(setting, is_set)| is_set.then_some(setting))
    }
}

/// The first characters of a JWT: base64url of `{` before a quotation mark or a space, and of `{`
/// before another white space.
const JWT_STARTS: [&str; 2] = ["ey", "ew"];

/// The issuers of opaque tokens of a verifier.
pub(crate) struct OpaqueIssuers {
    /// The longest prefix first.
    prefixed: Vec<Arc<TrustedIssuer>>,
    without_prefix: Option<Arc<TrustedIssuer>>,
    /// The issuer that is asked about JWTs too, if no other issuer signs JWTs.
    of_all_jwts: Option<Arc<TrustedIssuer>>,
}

impl OpaqueIssuers {
    /// Returns `None` if every token is a JWT.
    pub(super) fn new(declared: &[Arc<TrustedIssuer>]) -> Option<Self> {
        let mut opaque: Vec<_> =
            declared.iter().filter(|issuer| issuer.is_opaque()).map(Arc::clone).collect();
        if opaque.is_empty() {
            return None;
        }
        let asks_about_jwts = |issuer: &&Arc<TrustedIssuer>| issuer.introspects(Introspected::AllTokens);
        let signs_jwts = opaque.len() < declared.len();
        let of_all_jwts = opaque.iter().find(asks_about_jwts).filter(|_| !signs_jwts).map(Arc::clone);
        opaque.sort_by_key(|issuer| std::cmp::Reverse(issuer.token_prefix().map_or(0, str::len)));
        let without_prefix = opaque.pop_if(|last| last.token_prefix().is_none());
        Some(Self { prefixed: opaque, without_prefix, of_all_jwts })
    }

    pub(crate) fn by_prefix(&self, token: &[u8]) -> Option<&Arc<TrustedIssuer>> {
        let has_prefix = |issuer: &&Arc<TrustedIssuer>| {
            issuer.token_prefix().is_some_and(|prefix| token.starts_with(prefix.as_bytes()))
        };
        self.prefixed.iter().find(has_prefix)
    }

    pub(crate) fn without_prefix(&self) -> Option<&Arc<TrustedIssuer>> {
        self.without_prefix.as_ref()
    }

    /// Returns the issuer that is asked about JWTs of unknown issuers.
    pub(crate) fn of_all_jwts(&self) -> Option<&Arc<TrustedIssuer>> {
        self.of_all_jwts.as_ref()
    }
}

/// The marks by which an issuer of opaque tokens is found.
#[derive(Clone, Copy)]
pub(crate) struct Marks<'a> {
    name: &'a str,
    prefix: Option<&'a str>,
    asks_about_jwts: bool,
}

impl<'a> Marks<'a> {
    pub(crate) fn of_configured(issuer: &'a Issuer) -> Self {
        let applied = issuer.introspection.applied.as_ref().map(|(_, applied)| *applied);
        Self {
            name: &issuer.identifier,
            prefix: issuer.introspection.prefix.as_deref(),
            asks_about_jwts: applied == Some(Introspected::AllTokens),
        }
    }

    pub(crate) fn of_trusted(issuer: &'a TrustedIssuer) -> Self {
        Self {
            name: &issuer.identifier,
            prefix: issuer.token_prefix(),
            asks_about_jwts: issuer.introspects(Introspected::AllTokens),
        }
    }
}

/// Returns the error for two issuers of opaque tokens that a token does not tell apart.
pub(crate) fn check_marks<'a>(issuers: impl IntoIterator<Item = Marks<'a>>) -> Result<(), ConfigError> {
    let mut seen: Vec<Marks<'_>> = Vec::new();
    for issuer in issuers {
        let found = |earlier: &Marks<'_>| format!("{} and {}", earlier.name, issuer.name);
        if let Some(earlier) = seen.iter().find(|earlier| earlier.prefix == issuer.prefix) {
            return Err(ConfigError::OutOfRange {
                setting: "token_prefix",
                expected: "a different one for each issuer of opaque tokens, and none for at most one issuer",
                found: format!("{} for {}", issuer.prefix.unwrap_or("none"), found(earlier)),
            });
        }
        let asks = |earlier: &&Marks<'_>| earlier.asks_about_jwts && issuer.asks_about_jwts;
        if let Some(earlier) = seen.iter().find(asks) {
            let (setting, expected) = ("introspect_jwts", "at most one issuer");
            return Err(ConfigError::OutOfRange { setting, expected, found: found(earlier) });
        }
        seen.push(issuer);
    }
    Ok(())
}
