//! May a warning be logged that an attacker can cause? Once in 10 s.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Minimum time between two warnings.
const INTERVAL: Duration = Duration::from_secs(10);

/// The limit of one kind of warning. It is asked only when there is something to warn of.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<Option<Instant>>);

impl LogLimit {
    /// Returns whether the last warning is long enough ago. The caller logs the next one then.
    pub(crate) fn may_log(&self) -> bool {
        let mut logged_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let may = logged_at.is_none_or(|at| now >= at + INTERVAL);
        if may {
            *logged_at = Some(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn warning_is_logged_once_in_ten_seconds() {
        let limit = LogLimit::default();
        assert!(limit.may_log() && !limit.may_log());
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert!(!limit.may_log());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(limit.may_log() && !limit.may_log());
    }
}
