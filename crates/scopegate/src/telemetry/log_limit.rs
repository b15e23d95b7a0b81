//! A bound on log events that an attacker, or many tenants at the same time, can cause.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Level;

use crate::telemetry::metrics::issuer_label::IssuerLabel;

/// The time in which events are counted.
pub(crate) const WINDOW: Duration = Duration::from_secs(10);

/// Allows a number of events in each [`WINDOW`].
pub(crate) struct LogLimit {
    most: u32,
    /// The beginning of the window, and its events.
    window: Mutex<Option<(Instant, u32)>>,
}

impl LogLimit {
    pub(crate) fn new(most: u32) -> Self {
        Self { most, window: Mutex::new(None) }
    }

    /// Returns whether one more event may be logged now, and counts it.
    pub(crate) fn allows_one(&self) -> bool {
        let now = Instant::now();
        // No code that runs under this lock leaves the window half changed.
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, events) = window.filter(|(began, _)| now < *began + WINDOW).unwrap_or((now, 0));
        let is_allowed = events < self.most;
        *window = Some((began, events.saturating_add(u32::from(is_allowed))));
        is_allowed
    }
}

/// Maximum number of events in a window, for each level.
const OF_EACH_LEVEL: u32 = 10;

/// The bound for issuers that are trusted while the verifier runs. There may be thousands, and an
/// attacker may name them. Many events at `INFO` leave the warnings alone.
pub(crate) struct IssuerLogLimit {
    info: LogLimit,
    warn: LogLimit,
}

impl IssuerLogLimit {
    pub(crate) fn new() -> Self {
        Self { info: LogLimit::new(OF_EACH_LEVEL), warn: LogLimit::new(OF_EACH_LEVEL) }
    }

    /// Returns whether one more event of this level may be logged now, and counts it.
    pub(crate) fn allows_one(&self, level: Level) -> bool {
        if level <= Level::WARN { self.warn.allows_one() } else { self.info.allows_one() }
    }

    /// Returns whether one more event about an issuer with this label may be logged now. Events about
    /// issuers with a label of their own are not counted, because the builder got these issuers.
    pub(crate) fn allows(&self, label: &IssuerLabel, level: Level) -> bool {
        label.name().is_some() || self.allows_one(level)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn window_has_limited_number_of_events() {
        let limit = LogLimit::new(2);
        for _ in 0..3 {
            let allowed = (0..100).filter(|_| limit.allows_one()).count();
            assert_eq!(allowed, 2);
            advance(WINDOW.saturating_sub(Duration::from_millis(1))).await;
            assert!(!limit.allows_one());
            advance(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn events_at_info_leave_warnings_alone() {
        let limit = IssuerLogLimit::new();
        assert_eq!((0..1_000).filter(|_| limit.allows_one(Level::INFO)).count(), 10);
        assert_eq!((0..1_000).filter(|_| limit.allows_one(Level::WARN)).count(), 10);
        assert!(!limit.allows_one(Level::ERROR));
    }
}
