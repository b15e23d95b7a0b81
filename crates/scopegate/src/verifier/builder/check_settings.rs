//! Is each setting in its range, and can the issuers be trusted together?

use std::time::Duration;

use crate::cache::slots;
use crate::config_error::ConfigError;
use crate::keys::refresh::schedule::Interval;
use crate::verifier::builder::VerifierBuilder;
use crate::verifier::trust::compatible::check_all;

/// Upper bound of the cache's capacity. No service has so many active callers, and an empty cache
/// of this size takes 36 MiB, so a mistake does not exhaust memory.
const MAX_CACHE_ENTRIES: usize = 1 << 20;

impl VerifierBuilder {
    pub(super) fn check_settings(&self) -> Result<(), ConfigError> {
        const SECOND: Duration = Duration::from_secs(1);
        const DAY: Duration = Duration::from_secs(24 * 3600);
        #[cfg(feature = "fetch")]
        let has_resolver = !self.resolvers.is_empty();
        #[cfg(not(feature = "fetch"))]
        let has_resolver = false;
        if self.issuers.is_empty() && !has_resolver {
            return Err(ConfigError::NoIssuer);
        }
        check_all(&self.issuers)?;
        if self.cache_entries > MAX_CACHE_ENTRIES {
            let (expected, found) = ("at most 1048576", self.cache_entries.to_string());
            return Err(ConfigError::OutOfRange { setting: "cache entries", expected, found });
        }
        if self.cache_bytes.is_some_and(|bytes| bytes < slots(self.cache_entries) * 1024) {
            let (expected, found) =
                ("at least 1024 for each entry", self.cache_bytes.unwrap_or_default().to_string());
            return Err(ConfigError::OutOfRange { setting: "cache bytes", expected, found });
        }
        #[cfg(feature = "fetch")]
        ConfigError::check_range(
            "fetch timeout",
            self.transport.timeout,
            Duration::from_millis(100)..=Duration::from_secs(30),
            "100 ms to 30 s",
        )?;
        ConfigError::check_range(
            "leeway",
            self.leeway,
            Duration::ZERO..=Duration::from_secs(300),
            "0 s to 300 s",
        )?;
        let (Interval::Fixed(period) | Interval::FromCacheControl { fallback: period }) =
            self.refresh.interval;
        ConfigError::check_range("refresh period", period, SECOND..=DAY, "1 s to 24 h")?;
        ConfigError::check_range(
            "refresh cooldown",
            self.refresh.cooldown,
            SECOND..=Duration::from_secs(3600),
            "1 s to 1 h",
        )?;
        ConfigError::check_range(
            "stale limit",
            self.refresh.max_stale,
            Duration::from_secs(60)..=30 * DAY,
            "1 min to 30 days",
        )
    }
}
