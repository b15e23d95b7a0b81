//! Trusted issuers with their keys, created from configurations.

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "fetch")]
use tokio::runtime::Handle;

use crate::error::config::ConfigError;
#[cfg(feature = "fetch")]
use crate::introspection::Introspection;
use crate::issuer::Issuer;
use crate::issuer::key_config::KeyConfig;
use crate::issuer::trusted::TrustedIssuer;
#[cfg(feature = "fetch")]
use crate::issuer::trusted::{AppliesTo, TrustedIntrospection};
use crate::keys::Keys;
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::jwk::KeyRules;
use crate::keys::set::KeySet;
use crate::keys::source::KeySource;
use crate::keys::standing::Standing;
#[cfg(feature = "fetch")]
use crate::status_list::lists::Lists;
#[cfg(feature = "fetch")]
use crate::status_list::task::Signer;
#[cfg(feature = "fetch")]
use crate::verifier::key_sources::KeySources;

/// Creates trusted issuers from configurations.
pub(crate) struct MemberFactory {
    /// The verifier's leeway, for issuers without one of their own.
    pub(super) leeway: Duration,
    /// `None` for a verifier that was built without a runtime.
    #[cfg(feature = "fetch")]
    pub(super) sources: Option<(KeySources, Option<Handle>)>,
}

/// A trusted issuer, and the source that keeps its keys fresh.
pub(crate) struct Member {
    pub(crate) issuer: Arc<TrustedIssuer>,
    /// Dropping the last reference ends the refresh.
    pub(super) source: Option<Arc<KeySource>>,
    static_jwks: Option<String>,
}

impl Member {
    /// Returns whether both accept the same tokens, so cached tokens may stay.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        let same_source = match (&self.source, &other.source) {
            (None, None) => self.static_jwks == other.static_jwks,
            (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        };
        // Credentials are not compared.
        #[cfg(feature = "fetch")]
        let same_source =
            same_source && self.issuer.introspection.is_none() && other.issuer.introspection.is_none();
        same_source
            && self.issuer.identifier == other.issuer.identifier
            && self.issuer.policy == other.issuer.policy
    }

    /// Returns the same member without its cached tokens.
    pub(super) fn without_cached_tokens(&self) -> Self {
        Self {
            issuer: Arc::new(self.issuer.without_cached_tokens()),
            source: self.source.clone(),
            static_jwks: self.static_jwks.clone(),
        }
    }

    /// Ends the trust, also for cached tokens.
    pub(super) fn end(&self) {
        self.issuer.keys.standing().end();
    }
}

impl MemberFactory {
    /// Checks an issuer and adds its keys. If other issuers use the same key set, it shares their
    /// source.
    pub(super) fn member(&self, issuer: Issuer, standing: Standing) -> Result<Member, ConfigError> {
        issuer.check()?;
        issuer.warn_of_client_as_audience();
        let source = match &issuer.keys {
            KeyConfig::Static(..) => None,
            #[cfg(feature = "fetch")]
            KeyConfig::None => None,
            _ => Some(self.source(&issuer)?),
        };
        #[cfg(feature = "fetch")]
        let (introspection, prefix) = (issuer.introspection.clone(), issuer.token_prefix.clone());
        #[cfg(feature = "fetch")]
        let applies_to =
            if issuer.has_opaque_tokens() { AppliesTo::OpaqueTokens } else { AppliesTo::VerifiedJwts };
        let Issuer { identifier, keys, policy, .. } = issuer;
        let (keys, static_jwks) = match (keys, &source) {
            (KeyConfig::Static(jwks, read), _) => {
                (static_keys(&identifier, &jwks, &policy.key_rules(), read.as_deref())?, Some(jwks))
            }
            // There are no keys, so no JWT of the issuer is valid.
            #[cfg(feature = "fetch")]
            (KeyConfig::None, None) => (no_keys(&identifier, &policy.key_rules())?, None),
            (_, Some(source)) => (Keys::Fetched(Arc::clone(&source.keys)), None),
            (_, None) => return Err(ConfigError::KeysRequireRuntime { issuer: identifier }),
        };
        let leeway = policy.leeway.unwrap_or(self.leeway);
        let keys = IssuerKeys::new(keys, policy.key_owner(), standing);
        let issuer = TrustedIssuer::new(identifier, policy, keys, leeway);
        #[cfg(feature = "fetch")]
        let issuer = self.with_status_lists(issuer)?;
        #[cfg(feature = "fetch")]
        let issuer = self.with_introspection(issuer, introspection, prefix, applies_to)?;
        let issuer = Arc::new(issuer);
        Ok(Member { issuer, source, static_jwks })
    }

    #[cfg(feature = "fetch")]
    fn source(&self, issuer: &Issuer) -> Result<Arc<KeySource>, ConfigError> {
        let Some((sources, runtime)) = &self.sources else {
            return Err(ConfigError::KeysRequireRuntime { issuer: issuer.identifier.clone() });
        };
        sources.get(issuer, &handle(runtime.as_ref())?)
    }

    /// Adds the status lists of an issuer, if it has rules for them. None is fetched yet.
    #[cfg(feature = "fetch")]
    fn with_status_lists(&self, issuer: TrustedIssuer) -> Result<TrustedIssuer, ConfigError> {
        let Some(list) = &issuer.policy.status_list else { return Ok(issuer) };
        if issuer.policy.tenancy.name_template().is_some() {
            return Err(ConfigError::OutOfRange {
                setting: "status_list",
                expected: "an issuer with one name",
                found: format!("{}: a name for each tenant", issuer.identifier),
            });
        }
        let rules = list.rules(&issuer.identifier)?;
        let (sources, runtime) = self.sources.as_ref().ok_or(ConfigError::NoRuntime)?;
        let signer = Signer {
            issuer: Arc::clone(&issuer.identifier),
            keys: Arc::clone(&issuer.keys),
            algorithms: issuer.policy.algorithms.as_slice().into(),
            leeway: issuer.leeway,
        };
        let lists = Lists::new(rules, signer, sources.list_client(), handle(runtime.as_ref())?);
        Ok(issuer.with_status_lists(lists))
    }

    /// Adds the introspection of opaque tokens, if the issuer has one.
    #[cfg(feature = "fetch")]
    fn with_introspection(
        &self,
        issuer: TrustedIssuer,
        introspection: Option<Introspection>,
        prefix: Option<String>,
        applies_to: AppliesTo,
    ) -> Result<TrustedIssuer, ConfigError> {
        let Some(introspection) = introspection else { return Ok(issuer) };
        let without_runtime = || ConfigError::KeysRequireRuntime { issuer: issuer.identifier.to_string() };
        let (sources, runtime) = self.sources.as_ref().ok_or_else(without_runtime)?;
        let runtime = handle(runtime.as_ref())?;
        let introspector =
            sources.introspector(&introspection, &issuer.identifier, issuer.leeway, runtime)?;
        let prefix = prefix.map(String::into_boxed_str);
        Ok(issuer.with_introspection(TrustedIntrospection { introspector, prefix, applies_to }))
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    fn source(&self, issuer: &Issuer) -> Result<Arc<KeySource>, ConfigError> {
        Err(ConfigError::KeysRequireRuntime { issuer: issuer.identifier.clone() })
    }
}

/// Returns the runtime of the background tasks.
#[cfg(feature = "fetch")]
fn handle(runtime: Option<&Handle>) -> Result<Handle, ConfigError> {
    runtime.cloned().or_else(|| Handle::try_current().ok()).ok_or(ConfigError::NoRuntime)
}

/// Returns the keys of an issuer without keys.
#[cfg(feature = "fetch")]
fn no_keys(issuer: &str, accepted: &KeyRules) -> Result<Keys, ConfigError> {
    match KeySet::from_json(br#"{"keys":[]}"#, accepted, None) {
        Ok(keys) => Ok(Keys::Static(Arc::new(keys))),
        Err(reason) => {
            Err(ConfigError::InvalidKeySet { issuer: issuer.to_owned(), reason: reason.to_string() })
        }
    }
}

fn static_keys(
    issuer: &str,
    jwks: &str,
    accepted: &KeyRules,
    read: Option<&KeySet>,
) -> Result<Keys, ConfigError> {
    match KeySet::from_json(jwks.as_bytes(), accepted, read).and_then(KeySet::not_empty) {
        Ok(keys) => {
            keys.log_skipped(issuer, None);
            Ok(Keys::Static(Arc::new(keys)))
        }
        Err(reason) => {
            Err(ConfigError::InvalidKeySet { issuer: issuer.to_owned(), reason: reason.to_string() })
        }
    }
}
