//! A list of tenants that may change while the verifier runs.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustc_hash::FxBuildHasher;

use crate::config_error::ConfigError;
use crate::tenants::id::tenant_id;

/// The ids come from the application and not from attackers, so no keyed hash is needed.
type Ids = HashSet<Arc<str>, FxBuildHasher>;

/// A list of tenants whose tokens are accepted. Clones share the list.
///
/// The list may change while the verifier runs. A change applies to the next use of each token,
/// cached tokens included. A request reads the list without a lock.
///
/// ```
/// use scopegate::{Issuer, TenantList};
///
/// let tenants = TenantList::new(["72f988bf-86f1-41af-91ab-2d7cd011db47"])?;
/// let issuer = Issuer::entra_multi_tenant(&tenants).audience("6e74172b-be56-4843-9ff4-e66a39bb12e3");
///
/// tenants.add("8eaef023-2b34-4da1-9baa-8bc8c9d6a490")?; // a tenant has signed up
/// tenants.remove("72f988bf-86f1-41af-91ab-2d7cd011db47"); // a tenant is blocked
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
///
/// An id is the GUID of an Entra tenant, or the id of a Cognito user pool. GUIDs are stored in lower
/// case, as tokens have them.
#[derive(Clone, Default)]
pub struct TenantList(Arc<ArcSwap<Ids>>);

impl TenantList {
    /// Creates a list of tenants. The list may be empty.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidName`] if an id is neither a GUID nor the id of a Cognito user
    /// pool. `common`, `organizations` and domains are therefore rejected.
    pub fn new<I>(ids: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let list = Self::default();
        list.replace(ids)?;
        Ok(list)
    }

    /// Adds a tenant. Returns `false` if it was listed already.
    ///
    /// It copies the list. To change many tenants, call [`replace`](Self::replace).
    ///
    /// # Errors
    /// The errors of [`new`](Self::new), without any change.
    pub fn add(&self, id: &str) -> Result<bool, ConfigError> {
        let id: Arc<str> = tenant_id(id)?.into();
        let before = self.0.rcu(|ids| {
            let mut ids = Ids::clone(ids);
            ids.insert(Arc::clone(&id));
            ids
        });
        Ok(!before.contains(&id))
    }

    /// Removes a tenant. Returns `false` if it was not listed.
    ///
    /// From the next use on, each of its tokens is rejected, cached tokens included. Requests that
    /// are being decided at this moment may still be accepted.
    pub fn remove(&self, id: &str) -> bool {
        let Ok(id) = tenant_id(id) else { return false };
        let before = self.0.rcu(|ids| {
            let mut ids = Ids::clone(ids);
            ids.remove(&*id);
            ids
        });
        before.contains(&*id)
    }

    /// Replaces all tenants at once.
    ///
    /// # Errors
    /// The errors of [`new`](Self::new), without any change.
    pub fn replace<I>(&self, ids: I) -> Result<(), ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let ids: Ids =
            ids.into_iter().map(|id| tenant_id(id.as_ref()).map(Arc::from)).collect::<Result<_, _>>()?;
        self.0.store(Arc::new(ids));
        Ok(())
    }

    /// Returns whether a tenant is listed. The id is compared in the form that tokens have.
    pub fn contains(&self, id: &str) -> bool {
        self.0.load().contains(id)
    }

    /// Returns the number of tenants.
    pub fn len(&self) -> usize {
        self.0.load().len()
    }

    /// Returns whether no tenant is listed.
    pub fn is_empty(&self) -> bool {
        self.0.load().is_empty()
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Has the number of tenants. There may be thousands.
impl fmt::Debug for TenantList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantList").field("tenants", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";

    #[test]
    fn list_changes_and_clones_share_it() {
        let list = TenantList::new([A]).unwrap();
        let clone = list.clone();
        assert!(list.contains(A) && clone.len() == 1);
        assert_eq!(list.add("eu-west-1_Ab12Cd34E").ok(), Some(true));
        assert_eq!(clone.add("eu-west-1_Ab12Cd34E").ok(), Some(false));
        assert!(clone.remove(&A.to_uppercase()) && !clone.remove(A));
        assert!(!list.contains(A) && list.contains("eu-west-1_Ab12Cd34E"));
        list.replace([A]).unwrap();
        assert!(clone.contains(A) && !clone.contains("eu-west-1_Ab12Cd34E"));
        assert!(TenantList::default().is_empty());
    }

    #[test]
    fn malformed_ids_are_rejected_without_a_change() {
        let list = TenantList::new([A]).unwrap();
        for id in
            ["", "common", "organizations", "consumers", "contoso.onmicrosoft.com", &A[1..], "eu-west-1"]
        {
            assert!(matches!(list.add(id), Err(ConfigError::InvalidName { .. })), "{id}");
            assert!(list.replace([A, id]).is_err() && list.len() == 1, "{id}");
            assert!(!list.remove(id));
        }
    }
}
