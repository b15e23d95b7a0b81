//! Trust: which issuers does a verifier trust now?
//!
//! Requests read a snapshot without a lock. Changes replace it.

mod ask;
mod change;
mod change_log;
pub(super) mod compatible;
pub(crate) mod factory;
#[cfg(feature = "fetch")]
pub(super) mod key_sources;
pub(crate) mod member;
mod notices;
#[cfg(feature = "fetch")]
pub(super) mod resolver;

#[cfg(feature = "fetch")]
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use arc_swap::{ArcSwap, Guard};
#[cfg(feature = "fetch")]
use scopegate_proto::clock::Clock;
#[cfg(feature = "fetch")]
use scopegate_proto::http::HttpClient;
use scopegate_proto::json::{JsonObject, string};
#[cfg(feature = "fetch")]
use scopegate_proto::url::FetchUrl;
#[cfg(feature = "fetch")]
use tokio::runtime::Handle;

#[cfg(feature = "fetch")]
use crate::background::abort_on_drop::AbortOnDrop;
use crate::config_error::ConfigError;
use crate::issuer::Issuer;
#[cfg(feature = "fetch")]
use crate::issuer::issuers::Issuers;
use crate::issuer::registry::Registry;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::standing::Standing;
use crate::status::ResolverStatus;
use crate::telemetry::metrics;
use crate::telemetry::metrics::issuer_label::{IssuerLabel, LabelledIssuers};
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::trust::factory::MemberFactory;
use crate::verifier::trust::member::Member;
#[cfg(feature = "fetch")]
use crate::verifier::trust::resolver::Resolver;

/// The trusted issuers of a verifier.
pub(crate) struct Trust {
    snapshot: Arc<ArcSwap<Registry>>,
    /// Only changes take the lock.
    members: Mutex<Vec<Member>>,
    factory: Arc<MemberFactory>,
    /// The resolvers in the order in which they are asked, each with the guard of its task.
    #[cfg(feature = "fetch")]
    resolvers: Vec<(Arc<Resolver>, AbortOnDrop)>,
}

impl Trust {
    pub(super) fn new(mut factory: MemberFactory, issuers: Vec<Issuer>) -> Result<Self, ConfigError> {
        factory.labelled = LabelledIssuers::new(issuers.iter().map(|issuer| &*issuer.identifier));
        let member = |issuer| {
            let (member, notices) = factory.member(issuer, Standing::configured())?;
            notices.log();
            Ok(member)
        };
        let members = issuers.into_iter().map(member).collect::<Result<Vec<_>, ConfigError>>()?;
        metrics::trusted_issuers("application", members.len());
        Ok(Self {
            snapshot: Arc::new(ArcSwap::from_pointee(registry(&members))),
            members: Mutex::new(members),
            factory: Arc::new(factory),
            #[cfg(feature = "fetch")]
            resolvers: Vec::new(),
        })
    }

    /// Adds resolvers.
    #[cfg(feature = "fetch")]
    pub(super) fn with_resolvers(
        mut self,
        resolvers: Vec<Issuers>,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let live = Arc::new(AtomicUsize::new(0));
        for issuers in resolvers {
            issuers.check()?;
            let runtime = self.factory.sources.as_ref().and_then(|(_, runtime)| runtime.clone());
            let runtime = runtime.ok_or(ConfigError::NoRuntime)?;
            let (factory, configured) = (Arc::clone(&self.factory), Arc::clone(&self.snapshot));
            let (clock, live) = (Arc::clone(clock), Arc::clone(&live));
            let resolver = Resolver::start(issuers, factory, clock, runtime, configured, live);
            self.resolvers.push(resolver);
        }
        Ok(self)
    }

    /// Returns how often a request may wait for a resolver.
    #[cfg(feature = "fetch")]
    pub(super) fn asked_at_most(&self) -> usize {
        self.resolvers.len()
    }

    /// Returns whether issuers may come from a resolver.
    #[cfg(feature = "fetch")]
    pub(super) fn has_resolver(&self) -> bool {
        !self.resolvers.is_empty()
    }

    #[cfg(feature = "fetch")]
    fn resolvers(&self) -> impl Iterator<Item = &Arc<Resolver>> {
        self.resolvers.iter().map(|(resolver, _)| resolver)
    }

    /// Trusts issuers whose keys a test controls.
    #[cfg(test)]
    pub(super) fn of(issuers: Vec<Arc<TrustedIssuer>>) -> Self {
        let factory = MemberFactory::new(
            std::time::Duration::ZERO,
            #[cfg(feature = "fetch")]
            None,
        );
        let snapshot = Arc::new(ArcSwap::from_pointee(Registry::new(issuers)));
        Self {
            snapshot,
            members: Mutex::default(),
            factory: Arc::new(factory),
            #[cfg(feature = "fetch")]
            resolvers: Vec::new(),
        }
    }

    /// Returns the issuers that have labels of their own in metrics.
    pub(super) fn labelled(&self) -> &LabelledIssuers {
        &self.factory.labelled
    }

    /// Returns the current issuers, without a lock.
    pub(super) fn snapshot(&self) -> Guard<Arc<Registry>> {
        self.snapshot.load()
    }

    /// Returns the current issuers, for longer than a look-up.
    pub(super) fn issuers(&self) -> Arc<Registry> {
        self.snapshot.load_full()
    }

    /// Returns the issuer that the payload names, if it is trusted now, without a lock.
    pub(super) fn get(&self, payload: &JsonObject<'_>, now: NumericDate) -> Option<Arc<TrustedIssuer>> {
        let configured = self.snapshot.load();
        if let Some(issuer) = configured.named_by(payload) {
            return Some(issuer);
        }
        drop(configured);
        self.resolved(&string(payload.get("iss")?)?, now)
    }

    /// Returns the issuer with this name or this form of names, if it is trusted now.
    pub(super) fn get_for_operator(&self, name: &str, now: NumericDate) -> Option<Arc<TrustedIssuer>> {
        let configured = self.snapshot.load().get_for_operator(name);
        configured.or_else(|| self.resolved(name, now))
    }

    /// Returns the configured issuers in their order, and then the live issuers of the resolver by
    /// name.
    pub(super) fn all(&self, now: NumericDate) -> Vec<Arc<TrustedIssuer>> {
        let configured: Vec<_> = self.snapshot.load().iter().map(Arc::clone).collect();
        configured.into_iter().chain(self.live(now)).collect()
    }

    #[cfg(feature = "fetch")]
    fn live(&self, now: NumericDate) -> Vec<Arc<TrustedIssuer>> {
        self.resolvers().flat_map(|resolver| resolver.live(now)).collect()
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    fn live(&self, _now: NumericDate) -> Vec<Arc<TrustedIssuer>> {
        Vec::new()
    }

    /// Returns the issuer with this name, if it is trusted now.
    #[cfg(feature = "fetch")]
    pub(super) fn get_named(&self, name: &str, now: NumericDate) -> Option<Arc<TrustedIssuer>> {
        let configured = self.snapshot.load().get(name);
        configured.or_else(|| self.resolved(name, now))
    }

    #[cfg(feature = "fetch")]
    fn resolved(&self, name: &str, now: NumericDate) -> Option<Arc<TrustedIssuer>> {
        self.resolvers().find_map(|resolver| resolver.get(name, now))
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    fn resolved(&self, _name: &str, _now: NumericDate) -> Option<Arc<TrustedIssuer>> {
        None
    }

    #[cfg(feature = "fetch")]
    pub(super) fn resolver_status(&self) -> Option<ResolverStatus> {
        self.resolvers().map(|resolver| resolver.status()).reduce(|sum, next| sum.plus(&next))
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    pub(super) fn resolver_status(&self) -> Option<ResolverStatus> {
        None
    }
}

fn registry(members: &[Member]) -> Registry {
    Registry::new(members.iter().map(|member| Arc::clone(&member.issuer)).collect())
}

#[cfg(feature = "fetch")]
impl Verifier {
    /// Returns a client with the verifier's transport settings.
    pub(crate) fn http_client(&self, url: &FetchUrl) -> Result<HttpClient, ConfigError> {
        match &self.trusted().factory.sources {
            Some((sources, _)) => sources.http_client(url),
            None => Err(ConfigError::NoRuntime),
        }
    }

    /// Returns the runtime of the verifier's tasks.
    pub(crate) fn runtime(&self) -> Result<Handle, ConfigError> {
        let runtime = self.trusted().factory.sources.as_ref().and_then(|(_, runtime)| runtime.clone());
        runtime.ok_or(ConfigError::NoRuntime)
    }
}

impl Verifier {
    /// Creates an issuer whose tokens the verifier does not accept. It shares the key set with a
    /// trusted issuer that has the same one.
    pub(crate) fn untrusted_member(&self, issuer: Issuer) -> Result<Member, ConfigError> {
        let label = IssuerLabel::own(&issuer.identifier);
        let (member, notices) =
            self.trusted().factory.labelled_member(issuer, &label, Standing::configured())?;
        notices.log();
        Ok(member)
    }
}
