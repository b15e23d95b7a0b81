//! The log of failures: the first one, once a minute while they go on, and the recovery.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scopegate::ReplayStoreError;
use tokio::time::Instant;

/// The shortest time between two lines about failures.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Outage {
    /// Whether the last call has failed. While calls succeed, nothing is locked.
    is_failing: AtomicBool,
    logged: Mutex<Logged>,
}

#[derive(Default)]
struct Logged {
    last: Option<Instant>,
    failures: u64,
    needs_recovery: bool,
}

impl Outage {
    pub(super) fn note(&self, address: &str, failure: Option<&ReplayStoreError>) {
        match failure {
            Some(error) => self.failed(address, error),
            None if self.is_failing.load(Ordering::Relaxed) => self.recovered(address),
            None => {}
        }
    }

    fn failed(&self, address: &str, error: &ReplayStoreError) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_failing.store(true, Ordering::Relaxed);
        logged.failures = logged.failures.saturating_add(1);
        if logged.last.is_none_or(|last| last.elapsed() >= LOG_INTERVAL) {
            let failures = std::mem::take(&mut logged.failures);
            tracing::error!(address, failures, %error, "replay store failed, rejecting requests with proofs");
            logged.last = Some(Instant::now());
            logged.needs_recovery = true;
        }
    }

    fn recovered(&self, address: &str) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_failing.store(false, Ordering::Relaxed);
        if std::mem::take(&mut logged.needs_recovery) {
            tracing::info!(address, "replay store recovered");
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::Log;
    use tracing_subscriber::filter::LevelFilter;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_are_logged_once_a_minute() {
        let log = Log::of_thread(LevelFilter::INFO);
        let outage = Outage::default();
        let error = ReplayStoreError::new("connection refused");
        let lines = || log.take().lines().count();
        outage.note("a:6379", None);
        assert_eq!(lines(), 0);
        outage.note("a:6379", Some(&error));
        let text = log.take();
        assert!(text.contains("ERROR") && text.contains("replay store failed"), "{text}");
        assert!(text.contains("connection refused") && text.contains("failures=1"), "{text}");
        for _ in 0..10 {
            outage.note("a:6379", Some(&error));
        }
        outage.note("a:6379", None);
        let text = log.take();
        assert!(text.contains("INFO") && text.contains("replay store recovered"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
        // It fails and recovers again within the minute.
        outage.note("a:6379", Some(&error));
        outage.note("a:6379", None);
        assert_eq!(lines(), 0);
        tokio::time::advance(LOG_INTERVAL).await;
        outage.note("a:6379", Some(&error));
        let text = log.take();
        assert!(text.contains("failures=12"), "{text}");
    }
}
