//! The outcome of a reload, for the log and the metrics.

use std::fmt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use scopegate::ConfigError;

use crate::config::file::Invalid;
use crate::config::settings::Config;
use crate::decide::rules::CompileError;
use crate::serve::actions::TRY_AGAIN;
use crate::serve::issuers::ChangeCounts;

/// The reason why the rules in use stay.
#[derive(Debug)]
pub(in crate::serve) enum NotReloaded {
    Invalid(Invalid),
    /// Settings that only a restart can change. At least one.
    NeedsRestart(Vec<&'static str>),
    Issuer(ConfigError),
    Rules(CompileError),
    Panicked,
}

impl NotReloaded {
    /// Returns the next step of the operator.
    fn action(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "correct the file until `scopegate check` accepts it",
            Self::NeedsRestart(_) => "restart the service, or undo the change",
            Self::Issuer(_) | Self::Rules(_) | Self::Panicked => TRY_AGAIN,
        }
    }
}

/// Records the outcome. `config` is the configuration in effect.
pub(super) fn record(outcome: &Result<ChangeCounts, NotReloaded>, file: &Path, config: &Config) {
    let (file, routes, issuers) = (file.display(), config.routes.len(), config.issuers.len());
    match outcome {
        Ok(ChangeCounts { added, changed, removed }) => {
            tracing::info!(%file, routes, issuers, added, changed, removed, "configuration reloaded");
            metrics::counter!("scopegate_config_reloads_total", "outcome" => "ok").increment(1);
            in_effect();
        }
        Err(error) => {
            let (action, error) = (error.action(), one_line(error));
            tracing::error!(%file, %error, action, routes, issuers, "configuration not reloaded, keeping the current rules");
            metrics::counter!("scopegate_config_reloads_total", "outcome" => "failed").increment(1);
            metrics::gauge!("scopegate_config_valid").set(0.0);
        }
    }
}

/// Records that the file is in effect since now.
pub(super) fn in_effect() {
    metrics::gauge!("scopegate_config_valid").set(1.0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
    metrics::gauge!("scopegate_config_applied_timestamp_seconds").set(now);
}

/// Returns the mistakes in one line, because each line of the log is one event.
fn one_line(error: &NotReloaded) -> String {
    error.to_string().lines().collect::<Vec<_>>().join("; ")
}

impl fmt::Display for NotReloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::NeedsRestart(settings) => {
                let have = if settings.len() > 1 { "have" } else { "has" };
                write!(f, "`{}` {have} changed, which needs a restart", settings.join("`, `"))
            }
            Self::Issuer(error) => error.fmt(f),
            Self::Rules(error) => error.fmt(f),
            Self::Panicked => f.write_str("the file could not be parsed"),
        }
    }
}

impl std::error::Error for NotReloaded {}
