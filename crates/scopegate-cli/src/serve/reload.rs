//! Reloading of the file while the service runs.
//!
//! A file is compiled aside. If it has a mistake, the rules in use stay. Issuers that are unchanged keep
//! their keys and their cached tokens.

mod outcome;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::dpop::Started;
use crate::config::file::{self, Source};
use crate::config::settings::Config;
use crate::decide::live::Live;
use crate::decide::rules::Rules;
use crate::serve::actions::RESTART;
use crate::serve::issuers::{self, ChangeCounts, Changes};
use crate::serve::reload::outcome::NotReloaded;

/// How often the file is read.
pub(super) const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// Applies changes of the file.
pub(super) struct Reloader {
    file: PathBuf,
    live: Arc<Live>,
    /// The settings for proofs of the verifier, which live as long as the service.
    dpop: Option<Started>,
    config: Config,
    /// The text that was last applied or rejected.
    seen: Source,
    /// A changed text of the last poll. It is applied if the next poll finds the same: an editor may be
    /// writing the file, or has removed it for a moment.
    changed: Option<Source>,
}

/// Parses a file on a thread of its own, because issuers are checked on a runtime.
pub(super) async fn parse(file: PathBuf, text: Source, is_start: bool) -> Result<Config, NotReloaded> {
    let parsed = tokio::task::spawn_blocking(move || file::parse_whole(&file, &text, is_start)).await;
    parsed.map_err(|_| NotReloaded::Panicked)?.map_err(NotReloaded::Invalid)
}

impl Reloader {
    pub(super) fn new(
        file: PathBuf,
        text: Source,
        config: Config,
        live: Arc<Live>,
        dpop: Option<Started>,
    ) -> Self {
        outcome::in_effect();
        Self { file, live, dpop, config, seen: text, changed: None }
    }

    /// Applies the file if it has changed, and if it is the same as at the last poll.
    pub(super) async fn poll(&mut self) {
        match self.read().await {
            text if text == self.seen => self.changed = None,
            text if self.changed.as_ref() == Some(&text) => self.try_apply(text).await,
            text => self.changed = Some(text),
        }
    }

    /// Applies the file at once.
    pub(super) async fn reload(&mut self) {
        let text = self.read().await;
        self.try_apply(text).await;
    }

    async fn read(&self) -> Source {
        let path = self.file.clone();
        let read = tokio::task::spawn_blocking(move || file::source(&path)).await;
        read.unwrap_or_else(|_| self.seen.clone())
    }

    async fn try_apply(&mut self, text: Source) {
        self.changed = None;
        self.seen.clone_from(&text);
        let applied = self.apply(text).await;
        outcome::record(&applied, &self.file, &self.config);
    }

    /// Applies a file as a whole. After an error, nothing has changed.
    async fn apply(&mut self, text: Source) -> Result<ChangeCounts, NotReloaded> {
        let config = parse(self.file.clone(), text, false).await?;
        // The verifier has the origin of proofs.
        let has_same_origin = config.public_url.origin() == self.config.public_url.origin();
        let has_same_dpop = match (&config.dpop, &self.config.dpop) {
            (Some(new), Some(earlier)) => new.has_settings_of(earlier),
            (new, earlier) => new.is_none() && earlier.is_none(),
        };
        let has_same_binding = match (&config.certificates, &self.config.certificates) {
            (Some(new), Some(earlier)) => new.has_settings_of(earlier),
            (new, earlier) => new.is_none() && earlier.is_none(),
        };
        let fixed = [
            ("listen", config.listen == self.config.listen),
            ("listen_grpc", config.listen_grpc == self.config.listen_grpc),
            ("listen_admin", config.listen_admin == self.config.listen_admin),
            ("dpop", has_same_dpop),
            ("certificate_binding", has_same_binding),
            ("public_url", config.dpop.is_none() || has_same_origin),
            ("revocations", config.revocations == self.config.revocations),
        ];
        let changed: Vec<&str> =
            fixed.into_iter().filter(|(_, is_same)| !is_same).map(|(setting, _)| setting).collect();
        if !changed.is_empty() {
            return Err(NotReloaded::NeedsRestart(changed));
        }
        self.exchange(config)
    }

    /// Replaces the parts that a running service can replace.
    fn exchange(&mut self, config: Config) -> Result<ChangeCounts, NotReloaded> {
        let counts = self.replace(&config)?;
        self.rotate(&config);
        self.warn_of_passwords(&config);
        self.config = config;
        Ok(counts)
    }

    /// Replaces the shared key of nonces, if it has changed. It was checked when the file was parsed.
    fn rotate(&self, config: &Config) {
        let (Some(started), Some(earlier), Some(new)) = (&self.dpop, &self.config.dpop, &config.dpop) else {
            return;
        };
        match started.rotate(earlier, new) {
            Ok(false) => {}
            Ok(true) => tracing::info!("key of nonces replaced"),
            Err(error) => {
                tracing::error!(%error, action = RESTART, "key of nonces not replaced, using the earlier one");
            }
        }
    }

    /// Warns of changes that only a restart applies. The rest of the file is in effect.
    fn warn_of_passwords(&self, new: &Config) {
        let earlier = &self.config;
        let of_store = new.dpop.as_ref().zip(earlier.dpop.as_ref());
        let of_revocations = new.revocations.as_ref().zip(earlier.revocations.as_ref());
        for (key, has_changed) in [
            (
                "replay_store_password_file",
                of_store.is_some_and(|(new, old)| new.has_other_password_than(old)),
            ),
            (
                "redis_password_file",
                of_revocations.is_some_and(|(new, old)| new.has_other_password_than(old)),
            ),
        ] {
            if has_changed {
                tracing::warn!(key, action = RESTART, "password has changed, using the earlier one");
            }
        }
    }

    /// Replaces issuers and rules. The rules in use accept no tokens of new issuers. The new rules accept
    /// no tokens of removed issuers. Requests wait for changes of linked issuers.
    ///
    /// # Errors
    /// Returns an error of a part. Then the earlier issuers and rules are in effect.
    fn replace(&self, config: &Config) -> Result<ChangeCounts, NotReloaded> {
        let changes = Changes::new(&self.config, config);
        if changes.are_linked && !changes.are_none() {
            self.live.change_issuers(|| self.replace_linked(&changes, config))?;
        } else {
            self.replace_in_steps(&changes, config)?;
        }
        Ok(changes.counts())
    }

    /// Changes issuers of opaque tokens. No request is decided meanwhile.
    fn replace_linked(&self, changes: &Changes<'_>, config: &Config) -> Result<(), NotReloaded> {
        let verifier = &self.live.verifier;
        let applied = changes.apply(verifier).map_err(NotReloaded::Issuer);
        let compiled = applied.and_then(|()| self.compile(config));
        let rules = compiled.inspect_err(|_| changes.undo(verifier, &self.config))?;
        self.live.replace(rules);
        issuers::distrust(verifier, &changes.removed);
        Ok(())
    }

    /// Changes issuers that tokens name. Requests wait only while rules of an issuer change.
    fn replace_in_steps(&self, changes: &Changes<'_>, config: &Config) -> Result<(), NotReloaded> {
        let verifier = &self.live.verifier;
        let trust = |entries: &[_]| issuers::trust(verifier, entries).map_err(NotReloaded::Issuer);
        let compiled = trust(&changes.added).and_then(|()| self.compile(config));
        let rules = compiled.inspect_err(|_| changes.undo(verifier, &self.config))?;
        if changes.changed.is_empty() {
            self.live.replace(rules);
        } else {
            self.live.change_issuers(|| {
                let trusted = trust(&changes.changed);
                let trusted = trusted.inspect_err(|_| changes.undo(verifier, &self.config));
                trusted.map(|()| self.live.replace(rules))
            })?;
        }
        issuers::distrust(verifier, &changes.removed);
        Ok(())
    }

    fn compile(&self, config: &Config) -> Result<Rules, NotReloaded> {
        Rules::compile(config, &self.live.verifier).map_err(NotReloaded::Rules)
    }
}

#[cfg(test)]
mod tests;
