//! How does the trust change while a verifier runs?

use std::sync::{Arc, MutexGuard, PoisonError};

use crate::background::catch_panic::ignore_panic;
use crate::config_error::ConfigError;
use crate::issuer::Issuer;
use crate::keys::standing::Standing;
use crate::telemetry::metrics;
use crate::verifier::Verifier;
use crate::verifier::trust::compatible::check_beside;
use crate::verifier::trust::member::Member;
use crate::verifier::trust::notices::Notices;
use crate::verifier::trust::{Trust, change_log, registry};

impl Verifier {
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

impl Trust {
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
        check_beside(&member, &members)?;
        let name = Arc::clone(&member.issuer.identifier);
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
