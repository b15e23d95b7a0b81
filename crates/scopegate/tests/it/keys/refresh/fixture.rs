//! Shared parts of the tests of the refresh task.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use scopegate::{IssuerStatus, Verifier};
use scopegate_issuer::LocalIssuer;

/// Returns a token whose key id the issuer does not know.
pub(crate) fn token_of_unknown_key(local: &LocalIssuer, kid: &str) -> String {
    local.mint().header("kid", kid).sign()
}

/// Waits until the status of the only issuer fulfills a condition.
pub(crate) async fn until(verifier: &Verifier, condition: impl Fn(&IssuerStatus) -> bool) {
    while !condition(&verifier.status().issuers()[0]) {
        tokio::task::yield_now().await;
    }
}

/// A wall clock that jumps, because it is set or the process was suspended. Otherwise it is the
/// system's.
#[derive(Clone, Default)]
pub(crate) struct JumpingClock(Arc<AtomicI64>);

impl JumpingClock {
    /// Sets the difference to the system's clock in seconds.
    pub(crate) fn set_ahead(&self, seconds: i64) {
        self.0.store(seconds, Ordering::Relaxed);
    }

    /// The clock as the verifier reads it.
    pub(crate) fn read(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let ahead = Arc::clone(&self.0);
        move || {
            let ahead = ahead.load(Ordering::Relaxed);
            let distance = Duration::from_secs(ahead.unsigned_abs());
            if ahead < 0 { SystemTime::now() - distance } else { SystemTime::now() + distance }
        }
    }
}
