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
use crate::config::settings::Config;
use crate::decide::live::Live;
use crate::decide::rules::{CompileError, Rules};
use crate::serve::issuers::{self, Changes};

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
        metrics::gauge!("scopegate_config_valid").set(1.0);
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
        if new.has_other_password_than(earlier) {
            tracing::warn!("password of the replay store has changed, which needs a restart");
        }
        Ok(())
    }

    /// Replaces issuers and rules. The rules in use accept no tokens of new issuers. The new rules accept
    /// no tokens of removed issuers. Requests wait for changes of linked issuers.
    fn replace(&self, config: &Config) -> Result<(), NotReloaded> {
        let verifier = &self.live.verifier;
        let changes = Changes::new(&self.config, config);
        let trust = |entries: &[_]| issuers::trust(verifier, entries).map_err(NotReloaded::Issuer);
        let compile = || Rules::compile(config, verifier).map_err(NotReloaded::Rules);
        if changes.are_linked && !changes.are_none() {
            return self.live.change_issuers(|| {
                let applied = changes.apply(verifier).map_err(NotReloaded::Issuer);
                let replaced = applied.and_then(|()| compile());
                if replaced.is_err() {
                    changes.undo(verifier, &self.config);
                }
                replaced.map(|rules| self.live.replace(rules))
            });
        }
        trust(&changes.added)?;
        let rules = compile()?;
        if changes.changed.is_empty() {
            self.live.replace(rules);
        } else {
            self.live.change_issuers(|| trust(&changes.changed).map(|()| self.live.replace(rules)))?;
        }
        issuers::distrust(verifier, &changes.removed);
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
