//! The keys of one issuer: a view of its source, and how long the issuer is trusted.

use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::keys::Keys;
use crate::keys::fetched::{FetchedKeys, KeyRequested, OverdueKeys, Reading};
use crate::keys::set::KeySet;
use crate::keys::standing::Standing;
use crate::tenants::template::NameTemplate;
use crate::tenants::{RulePanicked, Tenants};
use crate::token::key_name::KeyName;
use crate::token::numeric_date::NumericDate;

/// Issuers that publish their keys at one URL share the source, and each has its own view of it.
pub(crate) struct IssuerKeys {
    source: Keys,
    /// The accepted values of a key's member `issuer`.
    names: Arc<[String]>,
    /// The forms of names, if the issuer has a name for each tenant.
    templates: Arc<[NameTemplate]>,
    /// The rule for tenants, which each use of a token asks.
    tenants: Option<Tenants>,
    /// The view of the source's current set. `None` if no key of the set names its issuer.
    view: ArcSwapOption<View>,
    standing: Standing,
}

/// The names by which keys belong to an issuer, and the rule for its tenants.
pub(crate) struct KeyOwner {
    /// The accepted values of a key's member `issuer`.
    pub(crate) names: Vec<String>,
    /// The forms of names, if the issuer has a name for each tenant.
    pub(crate) templates: Vec<NameTemplate>,
    pub(crate) tenants: Option<Tenants>,
}

struct View {
    /// The id of the set that it was taken from.
    of: u64,
    keys: KeySet,
    /// The keys of tenants that a key names. A set has at most 100 keys, so there are at most 100.
    of_tenants: Vec<(Box<str>, KeySet)>,
}

impl IssuerKeys {
    pub(crate) fn new(source: Keys, owner: KeyOwner, standing: Standing) -> Self {
        let KeyOwner { names, templates, tenants } = owner;
        let (names, templates) = (names.into(), templates.into());
        let standing = if tenants.is_some() { standing.disputed() } else { standing };
        Self { source, names, templates, tenants, view: ArcSwapOption::empty(), standing }
    }

    /// Returns the same keys for an issuer whose trust begins now.
    pub(crate) fn with_new_standing(&self) -> Self {
        Self {
            source: self.source.clone(),
            names: Arc::clone(&self.names),
            templates: Arc::clone(&self.templates),
            tenants: self.tenants.clone(),
            view: ArcSwapOption::empty(),
            standing: match &self.tenants {
                None => Standing::configured(),
                Some(_) => Standing::configured().disputed(),
            },
        }
    }

    /// Returns whether a cached token of this tenant may be accepted: the issuer and the tenant are
    /// trusted. It counts as a use of the issuer. The rule for tenants costs issuers without one
    /// nothing, because their standing is undisputed.
    #[inline]
    pub(crate) fn accepts<'t>(&self, now: NumericDate, tenant: impl FnOnce() -> Option<&'t str>) -> bool {
        self.standing.is_undisputed(now) || self.look_closer(now, tenant())
    }

    #[cold]
    #[inline(never)]
    fn look_closer(&self, now: NumericDate, tenant: Option<&str>) -> bool {
        self.standing.accepts(now) && self.trusts(|| tenant).is_ok_and(|trusted| trusted)
    }

    /// Returns whether the rule for tenants accepts this tenant now.
    pub(crate) fn trusts<'t>(&self, tenant: impl FnOnce() -> Option<&'t str>) -> Result<bool, RulePanicked> {
        match &self.tenants {
            None => Ok(true),
            // Without a tenant, there is nothing that the rule could accept.
            Some(tenants) => tenant().map_or(Ok(false), |tenant| tenants.trust(tenant)),
        }
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Returns the source if its keys are fetched.
    pub(crate) fn fetched(&self) -> Option<&Arc<FetchedKeys>> {
        match &self.source {
            Keys::Static(_) => None,
            Keys::Fetched(keys) => Some(keys),
        }
    }

    /// Reads the current keys of a tenant without a lock. See [`Keys::read`].
    pub(crate) fn read<T>(
        &self,
        now: NumericDate,
        overdue: OverdueKeys,
        tenant: Option<&str>,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Reading<T> {
        self.source.read(now, overdue, |set| self.in_view(set, tenant, read))
    }

    /// Reads the current set of the source, which may hold other issuers' keys:
    /// [`in_view`](Self::in_view) leaves them out.
    #[inline]
    pub(crate) fn read_source<T>(
        &self,
        now: NumericDate,
        overdue: OverdueKeys,
        read: impl FnOnce(&KeySet) -> T,
    ) -> Reading<T> {
        self.source.read(now, overdue, read)
    }

    /// Reads the last keys, even if they are no longer usable. Returns `None` if there are none
    /// yet.
    pub(crate) fn read_last<T>(&self, tenant: Option<&str>, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        match &self.source {
            Keys::Static(set) => Some(self.in_view(set, tenant, read)),
            Keys::Fetched(keys) => keys.snapshot().map(|snapshot| self.in_view(&snapshot.keys, tenant, read)),
        }
    }

    /// Reads the last keys of all tenants, for the status.
    pub(crate) fn read_all<T>(&self, read: impl FnOnce(&KeySet) -> T) -> Option<T> {
        if self.templates.is_empty() {
            return self.read_last(None, read);
        }
        match &self.source {
            Keys::Static(set) => Some(read(set)),
            Keys::Fetched(keys) => keys.snapshot().map(|snapshot| read(&snapshot.keys)),
        }
    }

    /// Returns whether there are usable keys. It makes no fetch due.
    pub(crate) fn is_usable(&self, now: NumericDate) -> bool {
        self.source.is_usable(now) && self.read_all(|set| !set.is_empty()).unwrap_or(false)
    }

    /// Requests a key that was not in the set when it was looked up. Returns `None` if the keys are
    /// static.
    pub(crate) fn request(&self, key: &KeyName, tenant: Option<&str>) -> Option<KeyRequested> {
        let has_arrived = |set: &KeySet| self.in_view(set, tenant, |view| view.contains(key));
        Some(self.fetched()?.request(key, has_arrived))
    }

    /// Passes the keys of a set that may verify this issuer's tokens to `read`. If the issuer has
    /// many tenants, they are the keys for this tenant.
    #[inline]
    pub(crate) fn in_view<T>(
        &self,
        set: &KeySet,
        tenant: Option<&str>,
        read: impl FnOnce(&KeySet) -> T,
    ) -> T {
        if set.names_issuers() { read(self.view(set).keys_of(tenant)) } else { read(set) }
    }

    #[cold]
    fn view(&self, set: &KeySet) -> Arc<View> {
        let current = self.view.load();
        if let Some(view) = current.as_ref().filter(|view| view.of == set.id()) {
            return Arc::clone(view);
        }
        let (keys, of_tenants) = (set.for_issuers(&self.names), self.keys_of_tenants(set));
        let view = Arc::new(View { of: set.id(), keys, of_tenants });
        self.view.store(Some(Arc::clone(&view)));
        view
    }

    /// Returns the keys of each tenant that a key names: the tenant's own keys and the common ones.
    fn keys_of_tenants(&self, set: &KeySet) -> Vec<(Box<str>, KeySet)> {
        let mut of_tenants: Vec<(Box<str>, KeySet)> = Vec::new();
        let tenant_of = |name| self.templates.iter().find_map(|template| template.tenant_of(name));
        for tenant in set.issuers().filter_map(tenant_of) {
            if of_tenants.iter().all(|(other, _)| **other != *tenant) {
                let own = self.templates.iter().map(|template| template.name_of(tenant));
                let names: Vec<String> = self.names.iter().cloned().chain(own).collect();
                of_tenants.push((tenant.into(), set.for_issuers(&names)));
            }
        }
        of_tenants
    }
}

impl View {
    fn keys_of(&self, tenant: Option<&str>) -> &KeySet {
        let of_tenant = |tenant: &str| self.of_tenants.iter().find(|(other, _)| **other == *tenant);
        tenant.and_then(of_tenant).map_or(&self.keys, |(_, keys)| keys)
    }
}
