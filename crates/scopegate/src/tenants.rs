//! Tenants: which tenants' tokens does an issuer with many tenants accept?
//!
//! The rule is applied at each use of a token, so a change also applies to cached tokens.

pub(crate) mod id;
pub(crate) mod list;
pub(crate) mod template;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use scopegate_proto::excerpt::Excerpt;

use crate::telemetry::log_limit::LogLimit;
use crate::tenants::list::TenantList;

/// The rule that decides which tenants are trusted, for
/// [`Issuer::entra_multi_tenant`](crate::Issuer::entra_multi_tenant) and
/// [`Issuers::cognito_pools`](crate::VerifierBuilder::trust_dynamic).
///
/// Prefer a [`TenantList`], which converts into it. The rule is applied at each use of a token, even
/// if the token is cached. Tokens of other tenants are
/// [`Error::UnknownIssuer`](crate::Error::UnknownIssuer).
#[derive(Clone)]
pub struct Tenants(Rule);

#[derive(Clone)]
enum Rule {
    Listed(TenantList),
    Any,
    Accepted(Arc<Predicate>),
}

struct Predicate {
    accepts: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// An attacker can name any tenant.
    warnings: LogLimit,
}

/// The rule has panicked, so it is unknown whether the tenant is trusted.
#[derive(Debug)]
pub(crate) struct RulePanicked;

impl fmt::Display for RulePanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the rule for tenants has panicked")
    }
}

impl std::error::Error for RulePanicked {}

impl Tenants {
    /// Trusts **every tenant of the provider**.
    ///
    /// Anyone can create a tenant and issue tokens for it. Entra ID also has one tenant with all
    /// personal accounts (`9188040d-6c67-4c5b-b112-36a304b66dad`). A valid token then shows only that
    /// its caller has an account somewhere. Call it only if authorization depends on the tenant and
    /// the subject, for example if the first token of a tenant is its sign-up.
    pub fn allow_any() -> Self {
        Self(Rule::Any)
    }

    /// Trusts each tenant that this function accepts, **without a list**. If it accepts too much,
    /// tokens of strangers are valid: anyone can create a tenant.
    ///
    /// It gets the id of a tenant in the provider's form. The id is unverified at this time: an
    /// attacker can write the id of any tenant into a token.
    ///
    /// It runs on the request's thread at each use of a token, even if the token is cached. It must
    /// be cheap and must not block: keep its data in memory. If it panics, the token is rejected with
    /// [`Error::IssuerUnavailable`](crate::Error::IssuerUnavailable) (503).
    pub fn allow_if(accepts: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let predicate = Predicate { accepts: Box::new(accepts), warnings: LogLimit::new(1) };
        Self(Rule::Accepted(Arc::new(predicate)))
    }

    /// Returns whether this tenant is trusted now. Its id must have the provider's form.
    pub(crate) fn trust(&self, tenant: &str) -> Result<bool, RulePanicked> {
        match &self.0 {
            Rule::Listed(list) => Ok(list.contains(tenant)),
            Rule::Any => Ok(true),
            Rule::Accepted(predicate) => predicate.accepts(tenant),
        }
    }

    /// Removes a tenant from the list. Returns whether it was trusted, or the name of the rule as an
    /// error: a rule that is no list cannot be changed, and may accept the tenant.
    pub(crate) fn distrust(&self, tenant: &str) -> Result<bool, &'static str> {
        match (&self.0, self.trust(tenant)) {
            (Rule::Listed(list), _) => Ok(list.remove(tenant)),
            (Rule::Accepted(_), Ok(false)) => Ok(false),
            (Rule::Accepted(_), _) => Err("Tenants::allow_if"),
            (Rule::Any, _) => Err("Tenants::allow_any"),
        }
    }
}

impl Predicate {
    fn accepts(&self, tenant: &str) -> Result<bool, RulePanicked> {
        catch_unwind(AssertUnwindSafe(|| (self.accepts)(tenant))).map_err(|_| {
            self.warn(tenant);
            RulePanicked
        })
    }

    fn warn(&self, tenant: &str) {
        if self.warnings.allows_one() {
            let tenant = Excerpt::new(tenant);
            tracing::warn!(%tenant, reason = "the function has panicked", "tenant not decided");
        }
    }
}

impl From<TenantList> for Tenants {
    fn from(list: TenantList) -> Self {
        Self(Rule::Listed(list))
    }
}

impl From<&TenantList> for Tenants {
    fn from(list: &TenantList) -> Self {
        list.clone().into()
    }
}

/// Equal rules have the same list or the same function.
impl PartialEq for Tenants {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Rule::Listed(ours), Rule::Listed(theirs)) => ours.is_same(theirs),
            (Rule::Any, Rule::Any) => true,
            (Rule::Accepted(ours), Rule::Accepted(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

impl Eq for Tenants {}

impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Listed(list) => fmt::Debug::fmt(list, f),
            Rule::Any => f.write_str("Tenants::allow_any()"),
            Rule::Accepted(_) => f.write_str("Tenants::allow_if(..)"),
        }
    }
}
