//! Issuers whose tokens are opaque.

use std::sync::Arc;

use super::key_config::KeyConfig;
use super::name::only_compared;
use super::trusted::{AppliesTo, TrustedIssuer};
use super::{Issuer, IssuerWithoutAudience};
use crate::error::config::ConfigError;
use crate::introspection::Introspection;

impl Issuer {
    /// Creates an issuer of opaque tokens, which its introspection endpoint is asked about (RFC
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
    /// - A malformed member means that the response is malformed, which is 503 and not 401.
    ///
    /// Settings for signatures, such as [`algorithms`](Self::algorithms), have no effect. Trusting
    /// the issuer [again](crate::Verifier::trust) drops its results.
    ///
    /// # Which issuer
    ///
    /// An opaque token does not name its issuer, so at most one introspected issuer of a verifier
    /// may lack a [prefix](Self::token_prefix). If other issuers sign JWTs, a JWT is verified as
    /// theirs, unless its `iss` is the name of this issuer.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] as [`from_jwks_uri`](Self::from_jwks_uri) does.
    ///
    /// Starting the verifier fails with
    ///
    /// - [`ConfigError::OutOfRange`] or [`ConfigError::InvalidClientAuthentication`] if a setting
    ///   of the introspection is invalid.
    /// - [`ConfigError::OutOfRange`] if two introspected issuers have the same prefix or none, or
    ///   if the issuer has [status lists](Self::status_list) or tokens [without
    ///   `iss`](Self::allow_missing_iss).
    /// - [`ConfigError::KeysRequireRuntime`] in [`build`](crate::VerifierBuilder::build).
    pub fn introspected(
        issuer: &str,
        introspection: Introspection,
    ) -> Result<IssuerWithoutAudience, ConfigError> {
        let mut draft = IssuerWithoutAudience::without_preset(only_compared(issuer)?, KeyConfig::None);
        draft.0.introspection = Some(introspection);
        Ok(draft)
    }

    /// Sets the prefix of this issuer's opaque tokens, such as `ory_at_`. Default: none.
    ///
    /// A verifier with several introspected issuers finds the issuer by it. The longest prefix of a
    /// token counts. Starting the verifier fails with [`ConfigError::OutOfRange`] if the prefix is
    /// empty, or if the issuer is not [introspected](Self::introspected).
    pub fn token_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.token_prefix = Some(prefix.into());
        self
    }

    /// Also asks the introspection endpoint about this issuer's JWTs, so that a token is rejected
    /// soon after the issuer has revoked it. Default: JWTs are verified locally only.
    ///
    /// A JWT is verified first, so a forged token causes no call. The claims are read from the JWT.
    /// The response may only reject it: `active` is `false`, or a member of the response breaks a
    /// rule for `exp`, `nbf`, `iss`, `token_type` or `aud`. A result is cached for 10 s, for cached
    /// tokens too. [`Introspection`] has the outcomes and the limits. The budget for unseen tokens
    /// does not apply.
    ///
    /// ```
    /// use scopegate::{ClientAuthentication, Introspection, Issuer};
    ///
    /// # let secret = String::from("s3cret");
    /// let api = ClientAuthentication::client_secret_basic("orders-api", secret);
    /// let issuer = Issuer::keycloak("https://sso.example/realms/main")?
    ///     .audience("orders-api")
    ///     .introspection(Introspection::by_client(
    ///         "https://sso.example/realms/main/protocol/openid-connect/token/introspect",
    ///         api,
    ///     )?);
    /// # Ok::<(), scopegate::ConfigError>(())
    /// ```
    ///
    /// Starting the verifier fails as for an [introspected](Self::introspected) issuer, and with
    /// [`ConfigError::OutOfRange`] for an issuer with a name for each tenant.
    pub fn introspection(mut self, introspection: Introspection) -> Self {
        self.introspection = Some(introspection);
        self
    }

    /// Returns whether the issuer has no keys.
    pub(crate) fn has_opaque_tokens(&self) -> bool {
        matches!(self.keys, KeyConfig::None)
    }

    pub(super) fn check_introspection(&self) -> Result<(), ConfigError> {
        let out_of_range = |setting, expected, found: &str| {
            Err(ConfigError::OutOfRange { setting, expected, found: found.to_owned() })
        };
        let introspection = match (&self.introspection, self.token_prefix.as_deref()) {
            (None, None) => return Ok(()),
            (None, Some(_)) => {
                return out_of_range("token_prefix", "an introspected issuer", &self.identifier);
            }
            (Some(_), Some("")) => return out_of_range("token_prefix", "at least one character", "none"),
            (Some(introspection), _) => introspection,
        };
        if self.has_opaque_tokens() {
            if self.policy.status_list.is_some() {
                return out_of_range("status_list", "an issuer of JWTs", &self.identifier);
            }
            if self.policy.accepts_missing_iss {
                return out_of_range("allow_missing_iss", "an issuer of JWTs", &self.identifier);
            }
        } else if self.token_prefix.is_some() {
            return out_of_range("token_prefix", "an issuer of opaque tokens", &self.identifier);
        } else if self.policy.tenancy.name_template().is_some() {
            return out_of_range("introspection", "an issuer with one name", &self.identifier);
        }
        introspection.check().map(drop)
    }
}

/// The introspected issuers of a verifier.
pub(crate) struct IntrospectedIssuers {
    /// The longest prefix first.
    prefixed: Vec<Arc<TrustedIssuer>>,
    without_prefix: Option<Arc<TrustedIssuer>>,
    is_only_part: bool,
}

impl IntrospectedIssuers {
    /// Returns `None` if no issuer is introspected.
    pub(super) fn new(declared: &[Arc<TrustedIssuer>]) -> Option<Self> {
        let mut introspected: Vec<_> = declared
            .iter()
            .filter(|issuer| issuer.introspects(AppliesTo::OpaqueTokens))
            .map(Arc::clone)
            .collect();
        if introspected.is_empty() {
            return None;
        }
        let is_only_part = introspected.len() < declared.len();
        introspected.sort_by_key(|issuer| std::cmp::Reverse(issuer.token_prefix().map_or(0, str::len)));
        let without_prefix = introspected.pop_if(|last| last.token_prefix().is_none());
        Some(Self { prefixed: introspected, without_prefix, is_only_part })
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

    /// Returns whether other issuers sign JWTs.
    pub(crate) fn is_only_part(&self) -> bool {
        self.is_only_part
    }
}

/// Returns the name and the prefix of an introspected issuer.
pub(crate) fn prefix_of(issuer: &Issuer) -> (&str, Option<&str>) {
    (&issuer.identifier, issuer.token_prefix.as_deref())
}

/// Returns the error for two introspected issuers with one prefix or none.
pub(crate) fn check_prefixes<'a>(
    issuers: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<(), ConfigError> {
    let mut seen: Vec<(&str, Option<&str>)> = Vec::new();
    for (name, prefix) in issuers {
        if let Some((earlier, _)) = seen.iter().find(|(_, earlier)| *earlier == prefix) {
            return Err(ConfigError::OutOfRange {
                setting: "token_prefix",
                expected: "a different one for each introspected issuer, and none for at most one issuer",
                found: format!("{} for {earlier} and {name}", prefix.unwrap_or("none")),
            });
        }
        seen.push((name, prefix));
    }
    Ok(())
}
