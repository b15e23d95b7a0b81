//! The time format of JWT claims.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;

/// The last second of the year 9999. Later dates are mistakes, and clocks of all platforms support
/// this date.
const MAX_SECONDS: f64 = 253_402_300_799.0;

/// A time in seconds since 1970-01-01T00:00:00Z without leap seconds, possibly with a fraction
/// (RFC 7519 §2).
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct NumericDate(f64);

impl NumericDate {
    /// A time before all others.
    pub(crate) const DISTANT_PAST: Self = Self(f64::NEG_INFINITY);

    /// A time after all others.
    #[cfg(feature = "fetch")]
    pub(crate) const DISTANT_FUTURE: Self = Self(f64::INFINITY);

    /// The latest date that a token can have, for opaque tokens without `exp`.
    #[cfg(feature = "fetch")]
    pub(crate) const LATEST: Self = Self(MAX_SECONDS);

    /// Parses a claim's value. Returns `None` if it is not a JSON number, or is after the year 9999
    /// or as far before 1970.
    pub(crate) fn parse(value: &RawValue) -> Option<Self> {
        let seconds = match value.get().parse::<u32>() {
            Ok(whole) => f64::from(whole),
            Err(_) => serde_json::from_str(value.get()).ok()?,
        };
        (-MAX_SECONDS..=MAX_SECONDS).contains(&seconds).then_some(Self(seconds))
    }

    /// Returns the number of whole seconds, rounded down.
    #[allow(clippy::cast_possible_truncation, reason = "the range of years fits by far")]
    pub fn as_secs(self) -> i64 {
        self.0.floor() as i64
    }

    /// Returns the number of seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0
    }

    pub(crate) fn minus(self, duration: Duration) -> Self {
        Self(self.0 - duration.as_secs_f64())
    }

    /// Returns the time from an earlier date to this date in whole seconds, or 0 if that date is
    /// later.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast saturates")]
    pub(crate) fn secs_since(self, earlier: Self) -> u64 {
        (self.0 - earlier.0) as u64
    }

    /// Returns the time from an earlier date to this date. If that date is later, it is zero.
    #[cfg(feature = "fetch")]
    pub(crate) fn duration_since(self, earlier: Self) -> Duration {
        Duration::try_from_secs_f64(self.0 - earlier.0).unwrap_or_default()
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

/// Writes RFC 3339 in UTC with whole seconds, such as `2027-01-15T08:00:00Z`. Years before 0 are
/// written as seconds since 1970.
impl fmt::Display for NumericDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: i64 = 24 * 3600;
        let (days, second) = (self.as_secs().div_euclid(DAY), self.as_secs().rem_euclid(DAY));
        let (year, month, day) = civil_from_days(days);
        if year < 0 {
            return write!(f, "{}", self.0);
        }
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Returns the Gregorian date of a day since 1970-01-01. The calculation uses years that begin in
/// March, so that the leap day is the last day of a year.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<f64> {
        let value: Box<RawValue> = serde_json::from_str(text).ok()?;
        NumericDate::parse(&value).map(NumericDate::as_secs_f64)
    }

    #[test]
    fn numeric_date_is_a_json_number_within_range() {
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
    fn date_displays_as_rfc_3339() {
        // FR-C3
        for (seconds, text) in [
            (0.0, "1970-01-01T00:00:00Z"),
            (1_795_857_069.128_348_6, "2026-11-28T09:11:09Z"),
            (951_782_400.0, "2000-02-29T00:00:00Z"),
            (4_107_542_399.0, "2100-02-28T23:59:59Z"),
            (4_107_542_400.0, "2100-03-01T00:00:00Z"),
            (-0.5, "1969-12-31T23:59:59Z"),
            (-62_167_219_200.0, "0000-01-01T00:00:00Z"),
            (-62_167_219_201.0, "-62167219201"),
            (MAX_SECONDS, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(NumericDate(seconds).to_string(), text);
        }
    }

    #[test]
    fn date_converts_to_system_time_around_1970() {
        for seconds in [-1.5, 0.0, 1.5, MAX_SECONDS] {
            let time = SystemTime::from(NumericDate(seconds));
            assert_eq!(NumericDate::from(time), NumericDate(seconds));
        }
    }
}
