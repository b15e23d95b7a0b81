//! The only place that reads the time of day. Lifetimes are measured with a clock that cannot be set, see
//! `credentials/renewal.rs`.

use std::time::SystemTime;

/// Where the time of day is read: for `iat` and `exp` of an assertion, and for a `Retry-After` that is a date. Tests give
/// a closure.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use scopegate_client::{ClientAuthentication, ClientCredentials};
///
/// let by_secret = ClientAuthentication::client_secret_basic("report", "s3cret");
/// let builder = ClientCredentials::discover("https://issuer.example", by_secret)
///     .with_clock(|| UNIX_EPOCH + Duration::from_secs(1_750_000_000));
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

/// The operating system's clock, which is used unless another one is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
