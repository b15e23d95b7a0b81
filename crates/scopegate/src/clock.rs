//! The only place that reads the time of day.

use std::time::SystemTime;

/// Where a verifier reads the time of day, which decides about `exp`, `nbf`, `iat` and about how long keys
/// may be used. Tests give a closure:
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use scopegate::Verifier;
///
/// let builder = Verifier::builder().clock(|| UNIX_EPOCH + Duration::from_secs(1_750_000_000));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// The current time of day.
    fn now(&self) -> SystemTime;
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> SystemTime {
        self()
    }
}

/// The operating system's clock: what a verifier uses unless told otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
