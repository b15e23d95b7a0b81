//! Trust: which issuers does a verifier trust now?
//!
//! Requests read a snapshot without a lock. Changes replace it.

mod change_log;
#[cfg(feature = "fetch")]
pub(super) mod key_sources;
pub(crate) mod member;
mod notices;
#[cfg(feature = "fetch")]
pub(super) mod resolver;

#[cfg(feature = "fetch")]
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
#[cfg(feature = "fetch")]
use scopegate_proto::clock::Clock;
#[cfg(feature = "fetch")]
use scopegate_proto::excerpt::Excerpt;
#[cfg(feature = "fetch")]
use scopegate_proto::http::HttpClient;
use scopegate_proto::json::{JsonObject, string};
#[cfg(feature = "fetch")]
use scopegate_proto::url::FetchUrl;
#[cfg(feature = "fetch")]
use tokio::runtime::Handle;

#[cfg(feature = "fetch")]
use crate::background::abort_on_drop::AbortOnDrop;
use crate::background::catch_panic::ignore_panic;
#[cfg(feature = "fetch")]
use crate::checks::lifetime::Lifetime;
use crate::config_error::ConfigError;
#[cfg(feature = "fetch")]
use crate::error::Error;
use crate::issuer::Issuer;
#[cfg(feature = "fetch")]
use crate::issuer::issuers::Issuers;
#[cfg(feature = "fetch")]
use crate::issuer::opaque::{Marks, check_marks};
use crate::issuer::registry::Registry;
use crate::issuer::trusted::TrustedIssuer;
use crate::keys::standing::Standing;
use crate::status::ResolverStatus;
use crate::telemetry::metrics;
use crate::telemetry::metrics::issuer_label::{IssuerLabel, LabelledIssuers};
use crate::token::numeric_date::NumericDate;
use crate::verifier::Verifier;
use crate::verifier::outcome::Undecided;
#[cfg(feature = "fetch")]
use crate::verifier::outcome::{UnresolvedIssuer, WaitsFor};
use crate::verifier::trust::member::{Member, MemberFactory};
use crate::verifier::trust::notices::Notices;
#[cfg(feature = "fetch")]
use crate::verifier::trust::resolver::{NameLookup, Resolver};

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

    /// Returns whether the resolver may be called for this name.
    #[cfg(feature = "fetch")]
    pub(super) fn may_resolve(&self, name: &str) -> bool {
        self.resolvers().any(|resolver| resolver.may_be_called(name))
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    pub(super) fn may_resolve(&self, _name: &str) -> bool {
        false
    }

    /// Requests the issuer that the payload names from the resolver.
    #[cfg(feature = "fetch")]
    pub(super) fn ask(
        &self,
        payload: &JsonObject<'_>,
        now: NumericDate,
    ) -> Result<Arc<TrustedIssuer>, Undecided> {
        let unknown = || Undecided::from(self.snapshot.load().unknown_issuer(payload));
        if self.resolvers.is_empty() {
            return Err(unknown());
        }
        let Some(name) = payload.get("iss").and_then(string) else { return Err(unknown()) };
        // A token that cannot be accepted is not worth a call, whatever the leeway of its issuer is.
        Lifetime::read(payload)?.check(now, Issuer::MAX_LEEWAY)?;
        loop {
            let mut asked = self.resolvers().map(|resolver| resolver.ask(&name, now));
            // The first resolver that does not reject the name decides.
            match asked.find(|asked| !matches!(asked, NameLookup::Unknown)) {
                None | Some(NameLookup::Unknown) => return Err(unknown()),
                Some(NameLookup::Unavailable { retry_after }) => {
                    let found = Excerpt::identifier(&name);
                    return Err(Error::IssuerUnavailable { found, retry_after }.into());
                }
                Some(NameLookup::Pending(resolution)) => {
                    let found = Excerpt::identifier(&name);
                    return Err(Undecided::Waits(WaitsFor::Issuer(UnresolvedIssuer { found, resolution })));
                }
                // It has come meanwhile, and may be gone already.
                Some(NameLookup::Live) => {
                    if let Some(issuer) = self.get_named(&name, now) {
                        return Ok(issuer);
                    }
                }
            }
        }
    }

    #[cfg(not(feature = "fetch"))]
    pub(super) fn ask(
        &self,
        payload: &JsonObject<'_>,
        _now: NumericDate,
    ) -> Result<Arc<TrustedIssuer>, Undecided> {
        Err(self.snapshot.load().unknown_issuer(payload).into())
    }

    fn trust(&self, issuer: Issuer) -> Result<(), ConfigError> {
        #[cfg(feature = "fetch")]
        let tenancy = issuer.policy.tenancy.clone();
        let Some(configured) = self.configure(issuer)? else { return Ok(()) };
        // What is configured wins over the resolvers, also for its cached tokens.
        #[cfg(feature = "fetch")]
        for resolver in self.resolvers() {
            resolver.forget(&configured.name);
            if let Some(template) = tenancy.name_template() {
                resolver.forget_each(|name| template.tenant_of(name).is_some());
            }
        }
        configured.record();
        Ok(())
    }

    /// Trusts an issuer in place of the one with its name. Returns `None` if that has the same rules.
    fn configure(&self, issuer: Issuer) -> Result<Option<Configured>, ConfigError> {
        #[cfg_attr(
            not(feature = "fetch"),
            allow(unused_mut, reason = "it is the same code with the feature")
        )]
        let (mut member, notices) = self.factory.member(issuer, Standing::configured())?;
        let mut members = self.members();
        if member.issuer.policy.accepts_missing_iss
            && let Some(other) = members.iter().find(|other| {
                other.issuer.policy.accepts_missing_iss && other.issuer.identifier != member.issuer.identifier
            })
        {
            return Err(two_unnamed(&other.issuer.identifier, &member.issuer.identifier));
        }
        #[cfg(feature = "fetch")]
        if member.issuer.is_opaque() {
            let others = members.iter().map(|other| &other.issuer);
            let others = others.filter(|other| other.is_opaque());
            let others = others.filter(|other| other.identifier != member.issuer.identifier);
            let introspected = others.chain([&member.issuer]);
            check_marks(introspected.map(|issuer| Marks::of_trusted(issuer)))?;
        }
        // In version 1 of Entra, two clouds have one form of names, and different keys.
        let name = Arc::clone(&member.issuer.identifier);
        let templates = |member: &Member| member.issuer.policy.tenancy.templates().to_vec();
        if let Some(other) = members.iter().find(|other| other.issuer.identifier == name)
            && templates(other) != templates(&member)
        {
            return Err(ConfigError::DuplicateIssuer { issuer: name.to_string() });
        }
        let before = match members.iter_mut().find(|other| other.issuer.identifier == name) {
            Some(before) if before.is_same_as(&member) => return Ok(None),
            Some(before) => {
                #[cfg(feature = "fetch")]
                {
                    member.take_lists_of(before);
                    member.take_introspections_of(before);
                }
                Some(std::mem::replace(before, member))
            }
            None => {
                members.push(member);
                None
            }
        };
        let replaced = replace_with_tenants(&mut members, &name);
        self.publish(&members);
        let (is_new, count) = (before.is_none(), members.len());
        let ended: Vec<Member> = before.into_iter().chain(replaced).collect();
        ended.iter().for_each(Member::end);
        // Members end their refresh when they are dropped, without the lock.
        drop(members);
        drop(ended);
        Ok(Some(Configured { name, is_new, count, notices }))
    }

    fn distrust(&self, name: &str) -> Result<bool, ConfigError> {
        let remaining = self.remove(name);
        let resolved = self.forget(name);
        let listed = self.distrust_tenant(name);
        let was_trusted = remaining.is_some() || resolved || matches!(listed, Ok(true));
        // Recorders and subscribers are the application's. Their panic must not undo the change.
        if let Some(count) = remaining {
            ignore_panic(|| metrics::trusted_issuers("application", count));
        }
        if was_trusted {
            ignore_panic(|| change_log::distrusted(name));
        }
        listed.map(|_| was_trusted)
    }

    #[cfg(feature = "fetch")]
    fn forget(&self, name: &str) -> bool {
        // Each forgets the name, so all are counted.
        self.resolvers().filter(|resolver| resolver.forget(name)).count() > 0
    }

    #[cfg(not(feature = "fetch"))]
    #[allow(clippy::unused_self, reason = "it is the same call with the feature")]
    fn forget(&self, _name: &str) -> bool {
        false
    }

    /// Ends the trust of each issuer with many tenants in the tenant that has this name.
    fn distrust_tenant(&self, name: &str) -> Result<bool, ConfigError> {
        let (mut removed, mut refused) = (false, None);
        for issuer in self.issuers().iter() {
            let template = issuer.policy.tenancy.name_template();
            if let Some(tenant) = template.and_then(|template| template.tenant_of(name))
                && let Some(tenants) = &issuer.policy.tenants
            {
                match tenants.distrust(tenant) {
                    Ok(was_trusted) => removed |= was_trusted,
                    Err(rule) => refused = Some(rule),
                }
            }
        }
        match refused {
            None => Ok(removed),
            Some(rule) => Err(ConfigError::TenantStillTrusted { issuer: name.to_owned(), rule }),
        }
    }

    /// Removes a configured issuer. Returns the number of the remaining ones, or `None` if none has
    /// the name.
    fn remove(&self, name: &str) -> Option<usize> {
        let mut members = self.members();
        let at = members.iter().position(|member| &*member.issuer.identifier == name)?;
        let before = members.remove(at);
        self.publish(&members);
        before.end();
        let remaining = members.len();
        // It ends its refresh when it is dropped, without the lock.
        drop(members);
        drop(before);
        Some(remaining)
    }

    /// Replaces the snapshot. The caller holds the lock.
    fn publish(&self, members: &[Member]) {
        self.snapshot.store(Arc::new(registry(members)));
    }

    fn members(&self) -> MutexGuard<'_, Vec<Member>> {
        // No code that runs under this lock leaves the list half changed.
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change of the configured issuers.
struct Configured {
    name: Arc<str>,
    is_new: bool,
    /// The number of configured issuers after it.
    count: usize,
    notices: Notices,
}

impl Configured {
    /// Records the change. Recorders and subscribers are the application's. Their panic must not undo
    /// the change, so this comes last.
    fn record(&self) {
        ignore_panic(|| self.notices.log());
        ignore_panic(|| metrics::trusted_issuers("application", self.count));
        ignore_panic(|| change_log::trusted(&self.name, self.is_new));
    }
}

/// Replaces the issuers with many tenants that also have this name. An issuer with this name alone
/// has other rules, so the tokens that are cached under theirs must be verified anew.
fn replace_with_tenants(members: &mut [Member], name: &str) -> Vec<Member> {
    let with_tenants = members.iter_mut().filter(|member| member.issuer.has_tenant(name));
    with_tenants
        .map(|member| {
            let successor = member.without_cached_tokens();
            std::mem::replace(member, successor)
        })
        .collect()
}

fn registry(members: &[Member]) -> Registry {
    Registry::new(members.iter().map(|member| Arc::clone(&member.issuer)).collect())
}

/// Returns the error for two issuers of tokens without `iss`.
pub(super) fn two_unnamed(one: &str, other: &str) -> ConfigError {
    ConfigError::OutOfRange {
        setting: "allow_missing_iss",
        expected: "at most one issuer of tokens without `iss`",
        found: format!("{one} and {other}"),
    }
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

    /// Trusts an issuer from now on. If an issuer with this name is trusted already, the new rules
    /// replace its rules.
    ///
    /// Layers and compiled requirements keep working. It returns at once:
    ///
    /// - The first fetch of the issuer's keys begins in the background, on the runtime that the
    ///   verifier was started on. Requests wait for it at most 2 s, as after
    ///   [`start_lazy`](crate::VerifierBuilder::start_lazy).
    /// - If a trusted issuer uses the same key set already, its keys are used at once and no fetch
    ///   is made. Key sets are the same if their URL, their credentials and the issuer's algorithms
    ///   are.
    /// - If a rule has changed, cached tokens of the issuer are verified anew at their next use. Its
    ///   status lists stay, if their rules and the issuer's keys are the same.
    /// - If nothing has changed, the call does nothing. The order of a list is no change.
    ///
    /// ```
    /// use scopegate::{Issuer, Verifier};
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let local = scopegate_issuer::LocalIssuer::start().await?;
    /// let pool = Issuer::cognito_at(local.issuer())?;
    /// let verifier = Verifier::builder().trust(pool.clone().client("local-reader")).start().await?;
    /// let token = local.mint().client("local-writer").sign();
    /// assert!(verifier.verify(&token).is_err());
    ///
    /// // A second app client, without a restart and without a fetch.
    /// verifier.trust(pool.clients(["local-reader", "local-writer"]))?;
    /// assert!(verifier.verify(&token).is_ok());
    ///
    /// verifier.distrust(local.issuer())?;
    /// assert!(verifier.verify(&token).is_err());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Returns the errors of [`start`](crate::VerifierBuilder::start), without any change. Returns
    /// [`ConfigError::DuplicateIssuer`] if the trusted issuer with this name is for the tenants of
    /// another cloud: call [`distrust`](Self::distrust) before. Returns
    /// [`ConfigError::KeysRequireRuntime`] if the issuer's keys have to be fetched and the verifier
    /// was created by [`build`](crate::VerifierBuilder::build).
    pub fn trust(&self, issuer: Issuer) -> Result<(), ConfigError> {
        self.trusted().trust(issuer)
    }

    /// Ends the trust in the issuer with this name, which is compared character by character.
    /// Returns whether it was trusted.
    ///
    /// From the next call on, each of its tokens is
    /// [`Error::UnknownIssuer`](crate::Error::UnknownIssuer), cached tokens included. Requests that
    /// are being decided at this moment may still be accepted. Its keys are no longer fetched,
    /// unless another issuer has the same key set.
    ///
    /// If the verifier has a [resolver](crate::VerifierBuilder::trust_dynamic), its result for the
    /// name is forgotten, and the next token causes a call. So block the issuer there before you
    /// call this.
    ///
    /// If the name is a tenant's and an issuer with [many tenants](Issuer::entra_multi_tenant) trusts
    /// it, the tenant is removed from the issuer's [`TenantList`](crate::TenantList). This ends the
    /// trust at every issuer with this list. An issuer of the tenant's own name is removed too.
    ///
    /// # Errors
    /// Returns [`ConfigError::TenantStillTrusted`] if the tenant's tokens are still accepted, because
    /// [`Tenants::allow_if`](crate::Tenants::allow_if) or
    /// [`Tenants::allow_any`](crate::Tenants::allow_any) decides about them. Reject the tenant in
    /// your function, or use a list.
    pub fn distrust(&self, issuer: &str) -> Result<bool, ConfigError> {
        self.trusted().distrust(issuer)
    }
}
