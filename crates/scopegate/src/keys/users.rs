//! The issuers that use a key set now. Its log events name them, and its metrics have their labels.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::telemetry::metrics::issuer_label::IssuerLabel;
use crate::telemetry::metrics::keys_in_use::KeysInUse;

/// Maximum number of names in a log event, because thousands of issuers may share a key set.
const MAX_LISTED: usize = 3;

/// The issuers that use a key set now. `Display` lists them for the log.
#[derive(Default)]
pub(crate) struct Users(Mutex<BTreeMap<Arc<str>, User>>);

struct User {
    label: IssuerLabel,
    uses: usize,
}

/// A use of a key set. Dropping it ends the use.
pub(crate) struct Use {
    users: Arc<Users>,
    name: Arc<str>,
    label: IssuerLabel,
    _gauge: Option<KeysInUse>,
}

impl Use {
    /// Begins a use by this issuer. `fetched_at` is the time of the keys if there are some already.
    pub(crate) fn begin(
        users: &Arc<Users>,
        name: &Arc<str>,
        label: &IssuerLabel,
        fetched_at: Option<SystemTime>,
    ) -> Self {
        users
            .users()
            .entry(Arc::clone(name))
            .or_insert_with(|| User { label: label.clone(), uses: 0 })
            .uses += 1;
        Self {
            users: Arc::clone(users),
            name: Arc::clone(name),
            label: label.clone(),
            _gauge: KeysInUse::new(label, fetched_at),
        }
    }

    /// Begins another use by the same issuer.
    pub(crate) fn again(&self) -> Self {
        Self::begin(&self.users, &self.name, &self.label, None)
    }
}

impl Drop for Use {
    fn drop(&mut self) {
        let mut users = self.users.users();
        if let Some(user) = users.get_mut(&self.name) {
            user.uses -= 1;
            if user.uses == 0 {
                users.remove(&self.name);
            }
        }
    }
}

impl Users {
    /// Returns the labels of the issuers, each once.
    pub(crate) fn labels(&self) -> BTreeSet<IssuerLabel> {
        self.users().values().map(|user| user.label.clone()).collect()
    }

    /// Returns whether one of the issuers has a label of its own, so that their number is known.
    pub(crate) fn have_own_label(&self) -> bool {
        self.users().values().any(|user| user.label.name().is_some())
    }

    fn users(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, User>> {
        // No code that runs under this lock leaves the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let users = self.users();
        for (position, name) in users.keys().take(MAX_LISTED).enumerate() {
            write!(f, "{}{name}", if position == 0 { "" } else { ", " })?;
        }
        match users.len() {
            0 => f.write_str("none"),
            1..=MAX_LISTED => Ok(()),
            many => write!(f, " and {} more", many - MAX_LISTED),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::issuer_label::LabelledIssuers;

    #[test]
    fn thousand_users_are_three_names_and_a_number() {
        let (users, labelled) = (Arc::new(Users::default()), LabelledIssuers::new(["000", "002"]));
        assert_eq!(users.to_string(), "none");
        let use_by = |number: usize| {
            let name: Arc<str> = format!("{number:03}").into();
            Use::begin(&users, &name, &labelled.label(&name), None)
        };
        let mut begun: Vec<Use> = (0..1_000).map(use_by).collect();
        assert_eq!(users.to_string(), "000, 001, 002 and 997 more");
        assert_eq!(format!("{:?}", users.labels()), "{other, 000, 002}");
        // A second use by the same issuer ends alone.
        drop(begun[0].again());
        begun.truncate(3);
        assert_eq!(users.to_string(), "000, 001, 002");
        assert!(users.have_own_label());
        drop(begun.remove(0));
        drop(begun.remove(1));
        assert_eq!((users.to_string().as_str(), users.have_own_label()), ("001", false));
        drop(begun);
        assert_eq!(users.to_string(), "none");
    }
}
