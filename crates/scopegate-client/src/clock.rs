//! What is the current time? This is the only file that reads it. Lifetimes are measured with a monotonic clock instead.

use std::time::SystemTime;

/// A source of the current time, for `iat` and `exp` of assertions and for a `Retry-After` that is a date.
///
/// Closures that return a `SystemTime` implement it, so tests can set the time. Every method that may be added will have a
/// default.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use scopegate_client::{ClientAuthentication, ClientCredentials};
///
/// let by_secret = ClientAuthentication::client_secret_basic("report", "s3cret");
/// let builder = ClientCredentials::builder(by_secret).issuer("https://issuer.example")
///     .clock(|| UNIX_EPOCH + Duration::from_secs(1_750_000_000));
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

/// The clock of the operating system. This is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
