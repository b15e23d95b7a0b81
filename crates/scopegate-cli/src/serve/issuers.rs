//! The issuers that a changed file adds, changes and removes.

use scopegate::{ConfigError, Verifier};

use crate::config::issuer::IssuerEntry;
use crate::config::settings::Config;
use crate::serve::actions::RESTART;

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
    /// Earlier issuers of opaque tokens that may not allow a new rule, so their trust ends first.
    in_the_way: Vec<&'c IssuerEntry>,
}

/// The numbers of changed issuers, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChangeCounts {
    pub(super) added: usize,
    pub(super) changed: usize,
    pub(super) removed: usize,
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
                if old.is_opaque() {
                    in_the_way.push(old);
                }
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

    pub(super) fn counts(&self) -> ChangeCounts {
        let Self { added, changed, removed, .. } = self;
        ChangeCounts { added: added.len(), changed: changed.len(), removed: removed.len() }
    }

    /// Trusts the new issuers and rules. Removed issuers that are not in the way stay trusted, so that
    /// [`undo`](Self::undo) finds their keys and cached tokens.
    ///
    /// # Errors
    /// Returns the [`ConfigError`] of an issuer. An entry of a valid file has none.
    pub(super) fn apply(&self, verifier: &Verifier) -> Result<(), ConfigError> {
        distrust(verifier, &self.in_the_way);
        trust(verifier, &self.changed)?;
        trust(verifier, &self.added)
    }

    /// Restores the earlier issuers after a step has failed. An issuer that is still trusted keeps its
    /// keys and cached tokens.
    pub(super) fn undo(&self, verifier: &Verifier, earlier: &Config) {
        distrust(verifier, &self.added);
        let names: Vec<&String> =
            self.changed.iter().chain(&self.in_the_way).map(|entry| &entry.name).collect();
        let entries = earlier.issuers.iter().filter(|entry| names.contains(&&entry.name));
        // Two issuers may have exchanged their prefixes, so that neither allows the earlier rule of the other.
        let blocked: Vec<&IssuerEntry> = entries.filter(|entry| trust(verifier, &[entry]).is_err()).collect();
        distrust(verifier, &blocked);
        for entry in blocked {
            if let Err(error) = trust(verifier, &[entry]) {
                tracing::error!(
                    issuer = entry.name,
                    %error,
                    action = RESTART,
                    "issuer not trusted again after a failed reload, rejecting its tokens"
                );
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
            tracing::warn!(issuer = entry.name, %error, "issuer not distrusted, but no rule accepts its tokens");
        }
    }
}
