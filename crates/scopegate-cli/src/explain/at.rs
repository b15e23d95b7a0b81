//! A time of the arguments: RFC 3339 in UTC, or with an offset.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use scopegate::NumericDate;

/// A time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(SystemTime);

impl At {
    pub(crate) fn time(self) -> SystemTime {
        self.0
    }
}

impl From<SystemTime> for At {
    fn from(time: SystemTime) -> Self {
        Self(time)
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", NumericDate::from(self.0))
    }
}

impl FromStr for At {
    type Err = &'static str;

    /// Reads `2026-11-29T10:00:00Z`. Seconds may be absent, a fraction is ignored, and the offset may
    /// be `+01:00` (RFC 3339 §5.6).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(Self).ok_or("expected a time such as 2026-11-29T10:00:00Z")
    }
}

fn parse(text: &str) -> Option<SystemTime> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let (year, rest) = date.split_once('-')?;
    let (month, day) = rest.split_once('-')?;
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let (time, offset) = without_offset(time)?;
    let mut parts = time.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = match parts.next() {
        None => 0,
        Some(second) => {
            let (whole, fraction) = second.split_once('.').unwrap_or((second, "0"));
            number(fraction, fraction.len()).filter(|_| fraction.len() < 10)?;
            number(whole, 2)?
        }
    };
    let is_valid = (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && parts.next().is_none();
    let seconds = is_valid.then(|| {
        days_since_1970(year, month, day) * 86_400 + hour * 3_600 + (minute - offset) * 60 + second
    })?;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// Returns the time of day, and its offset from UTC in minutes.
fn without_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let (time, offset) = time.split_at_checked(time.rfind(['+', '-'])?)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let minutes = number(hours, 2)? * 60 + number(minutes, 2)?;
    Some((time, if offset.starts_with('-') { -minutes } else { minutes }))
}

/// Reads a number of exactly this many digits.
fn number(text: &str, digits: usize) -> Option<i64> {
    let is_number = text.len() == digits && digits > 0 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counts the days in the Gregorian calendar, with years that begin in March.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (153 * from_march + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        Some(parse(text)?.duration_since(UNIX_EPOCH).ok()?.as_secs())
    }

    #[test]
    fn time_is_read_as_rfc_3339() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2027-01-15T08:00:00Z", 1_800_000_000),
            ("2027-01-15T08:00Z", 1_800_000_000),
            ("2027-01-15t09:30:00.25+01:30", 1_800_000_000),
            ("2027-01-15 07:00:00-01:00", 1_800_000_000),
            ("2000-02-29T23:59:60Z", 951_868_800),
            ("2400-12-31T00:00:00Z", 13_601_001_600),
        ] {
            assert_eq!(seconds(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn time_is_shown_as_it_is_read() {
        for day in 0..60_000_u64 {
            let time = At(UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_661));
            assert_eq!(time.to_string().parse(), Ok(time), "{time}");
        }
    }

    #[test]
    fn other_texts_are_no_time() {
        for text in [
            "",
            "now",
            "1800000000",
            "2027-01-15",
            "2027-01-15T08:00:00",
            "2027-13-01T00:00:00Z",
            "2027-02-29T00:00:00Z",
            "2027-01-15T24:00:00Z",
            "2027-01-15T08:60:00Z",
            "2027-01-15T08:00:61Z",
            "2027-01-15T08:00:00:00Z",
            "2027-1-15T08:00:00Z",
            "2027-01-15T08:00:00.Z",
            "2027-01-15T+8:00:00Z",
            "1969-12-31T23:59:59Z",
            "2027-01-15T08:00:00+0100",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }
}
