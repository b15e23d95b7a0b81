//! Are the sources with a limit young enough? Requests read it without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::config_error::ConfigError;
use crate::token::numeric_date::NumericDate;

const MIN_AGE: Duration = Duration::from_secs(1);
const MAX_AGE: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Checks the limit of a feed that looks for changes at this interval. If the limit were below two
/// intervals, the feed could not be read often enough, and each token would get 503 now and then.
pub(crate) fn check_max_feed_age(limit: Option<Duration>, interval: Duration) -> Result<(), ConfigError> {
    let Some(limit) = limit else { return Ok(()) };
    let setting = "feed age";
    ConfigError::check_range(setting, limit, MIN_AGE..=MAX_AGE, "1 s to 30 days")?;
    if limit < 2 * interval {
        let (limit, interval) = (limit.as_secs_f64(), interval.as_secs_f64());
        let found = format!("{limit} s with a poll interval of {interval} s");
        let expected = "at least twice the poll interval";
        return Err(ConfigError::OutOfRange { setting, expected, found });
    }
    Ok(())
}

/// Until when each source is young enough, by two clocks. The wall clock may be set back, and the
/// monotonic clock stands still while the machine is suspended.
#[derive(Debug)]
pub(crate) struct Freshness {
    /// Seconds since 1970, as the bits of an `f64`. Infinite if no source has a limit.
    until: AtomicU64,
    /// Nanoseconds since `created_at`.
    until_nanos: AtomicU64,
    created_at: Instant,
}

impl Freshness {
    pub(super) fn unlimited() -> Self {
        Self {
            until: AtomicU64::new(f64::INFINITY.to_bits()),
            until_nanos: AtomicU64::new(u64::MAX),
            created_at: Instant::now(),
        }
    }

    #[inline]
    pub(super) fn is_fresh(&self, now: impl FnOnce() -> NumericDate) -> bool {
        let until = f64::from_bits(self.until.load(Ordering::Relaxed));
        until == f64::INFINITY || (now().as_secs_f64() <= until && self.is_fresh_by_monotonic_clock())
    }

    #[inline(never)]
    fn is_fresh_by_monotonic_clock(&self) -> bool {
        self.nanos(Instant::now()) <= self.until_nanos.load(Ordering::Relaxed)
    }

    /// Takes the limit and the last success of each source that has a limit.
    pub(super) fn set(&self, sources: impl Iterator<Item = (Duration, Option<(Instant, SystemTime)>)>) {
        let (mut until, mut until_nanos) = (f64::INFINITY, u64::MAX);
        for (max_age, synced_at) in sources {
            let Some((at, by_wall)) = synced_at else {
                until = f64::NEG_INFINITY;
                continue;
            };
            until = until.min(NumericDate::from(by_wall).plus(max_age).as_secs_f64());
            let max_age = u64::try_from(max_age.as_nanos()).unwrap_or(u64::MAX);
            until_nanos = until_nanos.min(self.nanos(at).saturating_add(max_age));
        }
        self.until_nanos.store(until_nanos, Ordering::Relaxed);
        self.until.store(until.to_bits(), Ordering::Relaxed);
    }

    /// Below 2⁶⁴ ns for 584 years.
    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.created_at).as_nanos()).unwrap_or(u64::MAX)
    }
}
