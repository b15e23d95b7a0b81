//! Reloading of the file while the service runs.
//!
//! A file is compiled aside. If it has a mistake, the rules in use stay. Issuers that are unchanged keep
//! their keys and their cached tokens.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use scopegate::ConfigError;

use crate::config::dpop::Started;
use crate::config::file::{self, Invalid, Source};
use crate::config::issuer::IssuerEntry;
use crate::config::settings::Config;
use crate::decide::live::Live;
use crate::decide::rules::{CompileError, Rules};

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
    /// writing the file.
    changed: Option<Source>,
}

/// The reason why the rules in use stay.
#[derive(Debug)]
pub(super) enum NotReloaded {
    Invalid(Invalid),
    /// A setting that only a restart can change.
    NeedsRestart(&'static str),
    Issuer(ConfigError),
    Nonces(ConfigError),
    Rules(CompileError),
    Panicked,
}

/// Parses a file on a thread of its own, because issuers are checked on a runtime.
pub(super) async fn parse(file: PathBuf, text: Source) -> Result<Config, NotReloaded> {
    let parsed = tokio::task::spawn_blocking(move || file::parse(&file, &text)).await;
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
        metrics::gauge!("scopegate_config_valid").set(1.0);
        Self { file, live, dpop, config, seen: text, changed: None }
    }

    /// Applies the file if it has changed, and if it is the same as at the last poll.
    pub(super) async fn poll(&mut self) {
        match self.read().await {
            // It may be replaced at this moment.
            Err(error) => tracing::debug!(error = %error.to_string().trim_end(), "file not read"),
            Ok(text) if text == self.seen => self.changed = None,
            Ok(text) if self.changed.as_ref() == Some(&text) => self.try_apply(text).await,
            Ok(text) => self.changed = Some(text),
        }
    }

    /// Applies the file at once.
    pub(super) async fn reload(&mut self) {
        match self.read().await {
            Ok(text) => self.try_apply(text).await,
            Err(error) => not_reloaded(&NotReloaded::Invalid(error)),
        }
    }

    async fn read(&self) -> Result<Source, Invalid> {
        let path = self.file.clone();
        match tokio::task::spawn_blocking(move || file::source(&path)).await {
            Ok(read) => read,
            Err(_) => Ok(self.seen.clone()),
        }
    }

    async fn try_apply(&mut self, text: Source) {
        self.changed = None;
        self.seen.clone_from(&text);
        match self.apply(text).await {
            Ok(()) => {
                let (routes, issuers) = (self.config.routes.len(), self.config.issuers.len());
                tracing::info!(routes, issuers, "configuration reloaded");
                metrics::counter!("scopegate_config_reloads_total", "outcome" => "ok").increment(1);
                metrics::gauge!("scopegate_config_valid").set(1.0);
            }
            Err(error) => not_reloaded(&error),
        }
    }

    async fn apply(&mut self, text: Source) -> Result<(), NotReloaded> {
        let config = parse(self.file.clone(), text).await?;
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
        ];
        if let Some((setting, _)) = fixed.into_iter().find(|(_, is_same)| !is_same) {
            return Err(NotReloaded::NeedsRestart(setting));
        }
        self.replace(&config)?;
        self.rotate(&config)?;
        self.config = config;
        Ok(())
    }

    /// Replaces the shared key of nonces, if it has changed.
    fn rotate(&self, config: &Config) -> Result<(), NotReloaded> {
        let (Some(started), Some(earlier), Some(new)) = (&self.dpop, &self.config.dpop, &config.dpop) else {
            return Ok(());
        };
        if started.rotate(earlier, new).map_err(NotReloaded::Nonces)? {
            tracing::info!("key of nonces replaced");
        }
        Ok(())
    }

    /// Replaces issuers and rules. The rules in use accept no tokens of new issuers. The new rules accept
    /// no tokens of removed issuers.
    fn replace(&self, config: &Config) -> Result<(), NotReloaded> {
        let verifier = &self.live.verifier;
        let find = |entries: &[IssuerEntry], name: &str| -> Option<IssuerEntry> {
            entries.iter().find(|entry| entry.name == name).cloned()
        };
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for entry in &config.issuers {
            match find(&self.config.issuers, &entry.name) {
                None => new.push(entry),
                Some(earlier) if !earlier.has_rules_of(entry) => changed.push(entry),
                Some(_) => {}
            }
        }
        let trust = |entries: &[&IssuerEntry]| -> Result<(), NotReloaded> {
            let issuers = entries.iter().map(|entry| entry.issuer()).collect::<Result<Vec<_>, _>>();
            let mut issuers = issuers.map_err(NotReloaded::Issuer)?.into_iter();
            issuers.try_for_each(|issuer| verifier.trust(issuer)).map_err(NotReloaded::Issuer)
        };
        trust(&new)?;
        let rules = Rules::compile(config, verifier).map_err(NotReloaded::Rules)?;
        if changed.is_empty() {
            self.live.replace(rules);
        } else {
            self.live.change_issuers(|| trust(&changed).map(|()| self.live.replace(rules)))?;
        }
        for entry in &self.config.issuers {
            if find(&config.issuers, &entry.name).is_none()
                && let Err(error) = verifier.distrust(&entry.name)
            {
                // The new rules accept none of its tokens.
                tracing::warn!(issuer = entry.name, %error, "issuer not distrusted");
            }
        }
        Ok(())
    }
}

/// Records a file that has no effect.
fn not_reloaded(error: &NotReloaded) {
    tracing::error!(error = %error.to_string().trim_end(), "configuration not reloaded, keeping the current rules");
    metrics::counter!("scopegate_config_reloads_total", "outcome" => "failed").increment(1);
    metrics::gauge!("scopegate_config_valid").set(0.0);
}

impl fmt::Display for NotReloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::NeedsRestart(setting) => write!(f, "`{setting}` has changed, which needs a restart"),
            Self::Issuer(error) | Self::Nonces(error) => error.fmt(f),
            Self::Rules(error) => error.fmt(f),
            Self::Panicked => f.write_str("the file could not be parsed"),
        }
    }
}

impl std::error::Error for NotReloaded {}
