//! The values of arguments: times, claims and headers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use serde_json::Value;

/// The longest time. A run must end.
const MAX: Duration = Duration::from_secs(3600);

/// A time between 1 s and 1 h, such as `90s`, `5m` or `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimeLimit(pub(super) Duration);

impl FromStr for TimeLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("expected a time from 1s to 1h, such as 90s or 5m, found {text:?}");
        let (number, unit) = match text.strip_suffix(['s', 'm', 'h']) {
            Some(number) if text.ends_with('m') => (number, 60),
            Some(number) if text.ends_with('h') => (number, 3600),
            Some(number) => (number, 1),
            None => (text, 1),
        };
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = number.parse::<u32>().ok().filter(|_| is_number).ok_or_else(expected)?;
        let time = Duration::from_secs(u64::from(seconds) * unit);
        let fits = time >= Duration::from_secs(1) && time <= MAX;
        if fits { Ok(Self(time)) } else { Err(expected()) }
    }
}

/// Writes the time with one unit, as in the arguments.
impl fmt::Display for TimeLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            seconds if seconds % 60 == 0 => write!(f, "{} min", seconds / 60),
            seconds => write!(f, "{seconds} s"),
        }
    }
}

/// A claim: JSON, or else a string.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AddedClaim {
    pub(super) name: String,
    pub(super) value: Value,
}

impl FromStr for AddedClaim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, such as tenant=acme")?;
        if name.is_empty() {
            return Err("expected the name of a claim before `=`, found none".to_owned());
        }
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        Ok(Self { name: name.to_owned(), value })
    }
}

/// A header of each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AddedHeader {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

impl FromStr for AddedHeader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE, such as X-Tenant: acme")?;
        let name = HeaderName::from_str(name).map_err(|error| error.to_string())?;
        if name == http::header::AUTHORIZATION {
            return Err("the tokens are in Authorization: use another header".to_owned());
        }
        let value = HeaderValue::from_str(value.trim()).map_err(|error| error.to_string())?;
        Ok(Self { name, value })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is the test's failure")]
mod tests {
    use super::*;

    #[test]
    fn time_is_between_a_second_and_an_hour() {
        for (text, seconds) in [("1s", 1), ("90", 90), ("90s", 90), ("5m", 300), ("1h", 3600), ("60m", 3600)]
        {
            assert_eq!(text.parse::<TimeLimit>().unwrap().0.as_secs(), seconds, "{text}");
        }
        for text in ["", "0", "0s", "m", "-1s", "+5s", "1.5m", "61m", "3601", "2h", "1d", "99999999999s"] {
            assert!(text.parse::<TimeLimit>().is_err(), "{text}");
        }
        assert_eq!("90s".parse::<TimeLimit>().unwrap().to_string(), "90 s");
        assert_eq!("5m".parse::<TimeLimit>().unwrap().to_string(), "5 min");
    }

    #[test]
    fn claim_is_json_or_a_string() {
        let claim = |text: &str| text.parse::<AddedClaim>().map(|claim| claim.value);
        assert_eq!(claim("tenant=acme").unwrap(), "acme");
        assert_eq!(claim("roles=[\"a\"]").unwrap(), serde_json::json!(["a"]));
        assert_eq!(claim("level=3").unwrap(), 3);
        assert_eq!(claim("x=a=b").unwrap(), "a=b");
        assert!(claim("tenant").is_err() && claim("=acme").is_err());
    }

    #[test]
    fn header_is_any_but_authorization() {
        let header: AddedHeader = "X-Tenant: acme ".parse().unwrap();
        assert_eq!((header.name.as_str(), header.value.as_bytes()), ("x-tenant", &b"acme"[..]));
        for text in ["X-Tenant", "x y: z", "authorization: Bearer x", "x: \n"] {
            assert!(text.parse::<AddedHeader>().is_ok() == (text == "x: \n"), "{text}");
        }
    }
}
