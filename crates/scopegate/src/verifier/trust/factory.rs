//! How does a configuration become a trusted issuer with keys?

use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "fetch")]
use tokio::runtime::Handle;

#[cfg(feature = "fetch")]
use crate::checks::audience::{AllowList, AudiencePolicy};
use crate::config_error::ConfigError;
#[cfg(feature = "fetch")]
use crate::introspection::Introspection;
#[cfg(feature = "fetch")]
use crate::introspection::responses::signed::ResponseSigner;
use crate::issuer::Issuer;
use crate::issuer::key_config::KeyConfig;
#[cfg(feature = "fetch")]
use crate::issuer::opaque::IntrospectionRules;
#[cfg(feature = "fetch")]
use crate::issuer::trusted::TrustedIntrospection;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::Keys;
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::jwk::KeyRules;
use crate::keys::set::KeySet;
use crate::keys::source::KeySource;
use crate::keys::standing::Standing;
use crate::keys::users::Use;
#[cfg(feature = "fetch")]
use crate::status_list::lists::Lists;
#[cfg(feature = "fetch")]
use crate::status_list::task::Signer;
use crate::telemetry::log_limit::IssuerLogLimit;
use crate::telemetry::metrics::issuer_label::{IssuerLabel, LabelledIssuers};
#[cfg(feature = "http")]
use crate::verifier::fapi2::Fapi2;
#[cfg(feature = "fetch")]
use crate::verifier::trust::key_sources::KeySources;
use crate::verifier::trust::member::Member;
use crate::verifier::trust::notices::Notices;

/// Creates trusted issuers from configurations.
pub(crate) struct MemberFactory {
    /// The verifier's leeway, for issuers without one of their own.
    pub(in crate::verifier) leeway: Duration,
    /// The issuers that have labels of their own in metrics.
    pub(in crate::verifier) labelled: LabelledIssuers,
    /// The bound on log events about other issuers.
    pub(in crate::verifier) log_limit: Arc<IssuerLogLimit>,
    /// The demands of FAPI 2.0, if they are required.
    #[cfg(feature = "http")]
    pub(in crate::verifier) fapi2: Option<Fapi2>,
    /// `None` for a verifier that was built without a runtime.
    #[cfg(feature = "fetch")]
    pub(in crate::verifier) sources: Option<(KeySources, Option<Handle>)>,
}

impl MemberFactory {
    /// Returns the time between two fetches that unknown keys cause.
    #[cfg(feature = "fetch")]
    pub(in crate::verifier) fn cooldown(&self) -> Duration {
        self.sources.as_ref().map(|(sources, _)| sources.cooldown()).unwrap_or_default()
    }

    /// Creates a factory without labels of issuers.
    pub(in crate::verifier) fn new(
        leeway: Duration,
        #[cfg(feature = "fetch")] sources: Option<(KeySources, Option<Handle>)>,
    ) -> Self {
        Self {
            leeway,
            labelled: LabelledIssuers::default(),
            log_limit: Arc::new(IssuerLogLimit::new()),
            #[cfg(feature = "http")]
            fapi2: None,
            #[cfg(feature = "fetch")]
            sources,
        }
    }

    /// Checks an issuer and adds its keys. If other issuers use the same key set, it shares their
    /// source. Log the notices if the issuer is new or has changed.
    pub(in crate::verifier) fn member(
        &self,
        issuer: Issuer,
        standing: Standing,
    ) -> Result<(Member, Notices), ConfigError> {
        let label = self.labelled.label(&issuer.identifier);
        self.labelled_member(issuer, &label, standing)
    }

    /// Creates a member with this label in metrics.
    pub(in crate::verifier) fn labelled_member(
        &self,
        issuer: Issuer,
        label: &IssuerLabel,
        standing: Standing,
    ) -> Result<(Member, Notices), ConfigError> {
        issuer.check()?;
        #[cfg(feature = "http")]
        let issuer = match self.fapi2 {
            Some(fapi2) => fapi2.limit(issuer, self.leeway)?,
            None => issuer,
        };
        let notices = Notices::new(&issuer, label, &self.log_limit);
        let (source, source_use) = match &issuer.keys {
            KeyConfig::Static(..) => (None, None),
            #[cfg(feature = "fetch")]
            KeyConfig::None => match issuer.of_signed_responses()? {
                None => (None, None),
                Some(signer) => {
                    self.source(&signer, label).map(|(source, begun)| (Some(source), Some(begun)))?
                }
            },
            _ => self.source(&issuer, label).map(|(source, begun)| (Some(source), Some(begun)))?,
        };
        #[cfg(feature = "fetch")]
        let introspection = issuer.introspection.clone();
        #[cfg(feature = "fetch")]
        let response_source =
            source.as_ref().filter(|_| matches!(issuer.keys, KeyConfig::None)).map(Arc::clone);
        let Issuer { identifier, keys, policy, .. } = issuer;
        let (keys, static_jwks) = match (keys, &source) {
            (KeyConfig::Static(jwks, read), _) => {
                (static_keys(&identifier, &jwks, &policy.key_rules(), read.as_deref())?, Some(jwks))
            }
            // There are no keys for tokens, so no JWT of the issuer is valid. A source has the keys that
            // sign responses.
            #[cfg(feature = "fetch")]
            (KeyConfig::None, _) => (no_keys(&identifier, &policy.key_rules())?, None),
            (_, Some(source)) => (Keys::Fetched(Arc::clone(&source.keys)), None),
            (_, None) => return Err(ConfigError::KeysRequireRuntime { issuer: identifier }),
        };
        let notices = notices.with_keys(&keys);
        let leeway = policy.leeway.unwrap_or(self.leeway);
        let keys = IssuerKeys::new(keys, policy.key_owner(), standing);
        let issuer = TrustedIssuer::new(identifier, policy, keys, leeway);
        #[cfg(feature = "fetch")]
        let issuer = self.with_status_lists(issuer, label)?;
        #[cfg(feature = "fetch")]
        let issuer = self.with_introspection(issuer, label, introspection, response_source.as_deref())?;
        let issuer = Arc::new(issuer);
        Ok((Member { issuer, source, source_use, static_jwks }, notices))
    }

    #[cfg(feature = "fetch")]
    fn source(&self, issuer: &Issuer, label: &IssuerLabel) -> Result<(Arc<KeySource>, Use), ConfigError> {
        let Some((sources, runtime)) = &self.sources else {
            return Err(ConfigError::KeysRequireRuntime { issuer: issuer.identifier.clone() });
        };
        sources.get(issuer, label, &self.log_limit, &handle(runtime.as_ref())?)
    }

    /// Adds the status lists of an issuer, if it has rules for them. None is fetched yet.
    #[cfg(feature = "fetch")]
    fn with_status_lists(
        &self,
        issuer: TrustedIssuer,
        label: &IssuerLabel,
    ) -> Result<TrustedIssuer, ConfigError> {
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
            label: label.clone(),
            log_limit: Arc::clone(&self.log_limit),
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
        label: &IssuerLabel,
        rules: IntrospectionRules,
        response_source: Option<&KeySource>,
    ) -> Result<TrustedIssuer, ConfigError> {
        let Some((introspection, applies_to)) = rules.applied else { return Ok(issuer) };
        let without_runtime = || ConfigError::KeysRequireRuntime { issuer: issuer.identifier.to_string() };
        let (sources, runtime) = self.sources.as_ref().ok_or_else(without_runtime)?;
        let runtime = handle(runtime.as_ref())?;
        let signer = introspection.keys_of_responses().map(|_| ResponseSigner {
            issuer: Arc::clone(&issuer.identifier),
            keys: match response_source {
                None => Arc::clone(&issuer.keys),
                Some(source) => {
                    let keys = Keys::Fetched(Arc::clone(&source.keys));
                    Arc::new(IssuerKeys::new(keys, issuer.policy.key_owner(), Standing::configured()))
                }
            },
            algorithms: issuer.policy.algorithms.as_slice().into(),
            audiences: response_audiences(&introspection, &issuer.policy.audience),
            leeway: issuer.leeway,
        });
        let introspector = sources.introspector(&introspection, &issuer, signer, label, runtime)?;
        let prefix = rules.prefix.map(String::into_boxed_str);
        Ok(issuer.with_introspection(TrustedIntrospection { introspector, prefix, applies_to }))
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    fn source(&self, issuer: &Issuer, _label: &IssuerLabel) -> Result<(Arc<KeySource>, Use), ConfigError> {
        Err(ConfigError::KeysRequireRuntime { issuer: issuer.identifier.clone() })
    }
}

/// Returns the values of `aud` in a signed response for this API: its client id and its audiences.
#[cfg(feature = "fetch")]
fn response_audiences(introspection: &Introspection, audience: &AudiencePolicy) -> Vec<String> {
    let own = match &audience.audiences {
        AllowList::OneOf(audiences) => audiences.as_slice(),
        AllowList::NotConfigured | AllowList::Any => &[],
    };
    introspection.client_id().into_iter().chain(own.iter().cloned()).collect()
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
        Ok(keys) => Ok(Keys::Static(Arc::new(keys))),
        Err(reason) => {
            Err(ConfigError::InvalidKeySet { issuer: issuer.to_owned(), reason: reason.to_string() })
        }
    }
}
