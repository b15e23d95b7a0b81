//! The current time as a dependency. No other module reads the system clock.

use std::time::SystemTime;

/// A source of the current time. New methods will have a default implementation.
///
/// In tests, pass a closure:
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use scopegate_proto::clock::Clock;
///
/// let clock = || UNIX_EPOCH + Duration::from_secs(1_750_000_000);
/// assert_eq!(clock.now(), UNIX_EPOCH + Duration::from_secs(1_750_000_000));
/// ```
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> SystemTime;
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> SystemTime {
        self()
    }
}

/// The system clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
