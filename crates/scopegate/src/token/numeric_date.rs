//! The time format of JWT claims. It reads no clock.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;

/// The last second of the year 9999. A later date is nobody's intention, and every platform's clock can hold
/// it.
const MAX_SECONDS: f64 = 253_402_300_799.0;

/// Seconds since 1970-01-01T00:00:00Z without leap seconds, possibly with a fraction (RFC 7519 §2).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// Reads a claim's value: a JSON number up to the year 9999, and as far before 1970; anything else is `None`.
    pub(crate) fn parse(value: &RawValue) -> Option<Self> {
        let seconds = match value.get().parse::<u32>() {
            Ok(whole) => f64::from(whole),
            Err(_) => serde_json::from_str(value.get()).ok()?,
        };
        (-MAX_SECONDS..=MAX_SECONDS).contains(&seconds).then_some(Self(seconds))
    }

    /// The number of whole seconds, rounded towards the past.
    #[allow(clippy::cast_possible_truncation, reason = "the range of years fits by far")]
    pub fn as_secs(self) -> i64 {
        self.0.floor() as i64
    }

    /// The number of seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0 - duration.as_secs_f64())
    }

    pub(crate) fn plus(self, duration: Duration) -> Self {
        Self(self.0 + duration.as_secs_f64())
    }
}

impl From<SystemTime> for NumericDate {
    fn from(time: SystemTime) -> Self {
        Self(match time.duration_since(UNIX_EPOCH) {
            Ok(after) => after.as_secs_f64(),
            Err(before) => -before.duration().as_secs_f64(),
        })
    }
}

impl From<NumericDate> for SystemTime {
    fn from(date: NumericDate) -> Self {
        // `parse` and the clock keep the seconds within a range that `Duration` and `SystemTime` can hold.
        let distance = Duration::try_from_secs_f64(date.0.abs()).unwrap_or_default();
        let time =
            if date.0 < 0.0 { UNIX_EPOCH.checked_sub(distance) } else { UNIX_EPOCH.checked_add(distance) };
        time.unwrap_or(UNIX_EPOCH)
    }
}

impl fmt::Display for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<f64> {
        let value: Box<RawValue> = serde_json::from_str(text).ok()?;
        NumericDate::parse(&value).map(NumericDate::as_secs_f64)
    }

    #[test]
    fn a_json_number_is_a_date_and_nothing_else_is() {
        // C07
        assert_eq!(parse("1500"), Some(1500.0));
        assert_eq!(parse("1.5"), Some(1.5));
        assert_eq!(parse("1e3"), Some(1000.0));
        assert_eq!(parse("-1"), Some(-1.0));
        for refused in
            ["\"1500\"", "true", "null", "[1]", "{}", "1e400", "1e12", "9223372036854775808", "NaN"]
        {
            assert_eq!(parse(refused), None, "{refused}");
        }
    }

    #[test]
    fn a_date_converts_to_system_time_on_both_sides_of_1970() {
        for seconds in [-1.5, 0.0, 1.5, MAX_SECONDS] {
            let time = SystemTime::from(NumericDate(seconds));
            assert_eq!(NumericDate::from(time), NumericDate(seconds));
        }
    }
}
