//! The issuers that a changed file adds, changes and removes.

use scopegate::{ConfigError, Verifier};

use crate::config::issuer::IssuerEntry;
use crate::config::settings::Config;

/// The differences of two files. Issuers that are in both without a change are in no list.
pub(super) struct Changes<'c> {
    /// Whether an issuer of opaque tokens is in one of the files. A token does not name it, so each
    /// change of an issuer may lead a token to another one.
    pub(super) are_linked: bool,
    /// New issuers.
    pub(super) added: Vec<&'c IssuerEntry>,
    /// Issuers with other rules.
    pub(super) changed: Vec<&'c IssuerEntry>,
    /// Issuers that the new file lacks.
    pub(super) removed: Vec<&'c IssuerEntry>,
    /// Issuers with other rules whose earlier ones do not allow a new rule of another issuer.
    in_the_way: Vec<&'c IssuerEntry>,
}

impl<'c> Changes<'c> {
    pub(super) fn new(earlier: &'c Config, config: &'c Config) -> Self {
        let find = |entries: &'c [IssuerEntry], name: &str| entries.iter().find(|entry| entry.name == name);
        let (mut added, mut changed) = (Vec::new(), Vec::new());
        let (mut removed, mut in_the_way) = (Vec::new(), Vec::new());
        for entry in &config.issuers {
            match find(&earlier.issuers, &entry.name) {
                None => added.push(entry),
                Some(earlier) if !earlier.has_rules_of(entry) => changed.push(entry),
                Some(_) => {}
            }
        }
        for old in &earlier.issuers {
            if find(&config.issuers, &old.name).is_none() {
                removed.push(old);
            } else if added
                .iter()
                .chain(&changed)
                .any(|new| new.name != old.name && old.is_in_the_way_of(new))
            {
                in_the_way.push(old);
            }
        }
        let are_linked = earlier.issuers.iter().chain(&config.issuers).any(IssuerEntry::is_opaque);
        Self { are_linked, added, changed, removed, in_the_way }
    }

    /// Returns whether no issuer has changed.
    pub(super) fn are_none(&self) -> bool {
        let Self { are_linked: _, added, changed, removed, in_the_way } = self;
        [added, changed, removed, in_the_way].into_iter().all(Vec::is_empty)
    }

    /// Makes all changes of linked issuers.
    ///
    /// # Errors
    /// Returns the [`ConfigError`] of an issuer. An entry of a valid file has none.
    pub(super) fn apply(&self, verifier: &Verifier) -> Result<(), ConfigError> {
        distrust(verifier, &self.removed);
        distrust(verifier, &self.in_the_way);
        trust(verifier, &self.changed)?;
        trust(verifier, &self.added)
    }

    /// Trusts the earlier issuers again, after [`apply`](Self::apply) or a later step has failed.
    pub(super) fn undo(&self, verifier: &Verifier, earlier: &Config) {
        distrust(verifier, &self.added);
        distrust(verifier, &self.changed);
        let names: Vec<&String> = [&self.changed, &self.removed, &self.in_the_way]
            .into_iter()
            .flatten()
            .map(|entry| &entry.name)
            .collect();
        for entry in earlier.issuers.iter().filter(|entry| names.contains(&&entry.name)) {
            if let Err(error) = trust(verifier, &[entry]) {
                tracing::error!(issuer = entry.name, %error, "issuer not trusted again");
            }
        }
    }
}

/// Trusts each issuer, or replaces its rules.
///
/// # Errors
/// Returns the [`ConfigError`] of an issuer. An entry of a valid file has none.
pub(super) fn trust(verifier: &Verifier, entries: &[&IssuerEntry]) -> Result<(), ConfigError> {
    let issuers = entries.iter().map(|entry| entry.issuer()).collect::<Result<Vec<_>, _>>()?;
    issuers.into_iter().try_for_each(|issuer| verifier.trust(issuer))
}

/// Ends the trust in each issuer.
pub(super) fn distrust(verifier: &Verifier, entries: &[&IssuerEntry]) {
    for entry in entries {
        if let Err(error) = verifier.distrust(&entry.name) {
            // The new rules accept none of its tokens.
            tracing::warn!(issuer = entry.name, %error, "issuer not distrusted");
        }
    }
}
