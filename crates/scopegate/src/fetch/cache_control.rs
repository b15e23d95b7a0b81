//! Reads how long an HTTP response is fresh. `keys/refresh/schedule.rs` decides whether to follow
//! it.

use std::time::Duration;

/// Reads `Cache-Control` (RFC 9111 §5.2). Returns zero for a response that must not be stored, or
/// must be revalidated before each use. If there are several `max-age`, the smallest counts. An
/// invalid `max-age` is ignored.
pub(crate) fn max_age<'a>(values: impl Iterator<Item = &'a str>) -> Option<Duration> {
    let directives = values.flat_map(|value| value.split(',')).map(str::trim);
    directives.filter_map(directive).min()
}

fn directive(text: &str) -> Option<Duration> {
    let (name, argument) = text.split_once('=').unwrap_or((text, ""));
    if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
        return Some(Duration::ZERO);
    }
    if !name.eq_ignore_ascii_case("max-age") {
        return None;
    }
    let digits = argument.trim_matches('"');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // RFC 9111 §1.2.2: a value that is too large to represent counts as very large.
    Some(Duration::from_secs(digits.parse().unwrap_or(u64::from(u32::MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(values: &[&str]) -> Option<u64> {
        max_age(values.iter().copied()).map(|age| age.as_secs())
    }

    #[test]
    fn max_age_is_read_in_any_form() {
        // B20
        assert_eq!(seconds(&["max-age=300"]), Some(300));
        assert_eq!(seconds(&["public, Max-Age=300 , must-revalidate"]), Some(300));
        assert_eq!(seconds(&["public", "max-age=\"300\""]), Some(300));
        assert_eq!(seconds(&["max-age=0"]), Some(0));
        assert_eq!(seconds(&["max-age=1"]), Some(1));
        assert_eq!(seconds(&["max-age=1000000000"]), Some(1_000_000_000));
        assert_eq!(seconds(&["max-age=99999999999999999999999"]), Some(u64::from(u32::MAX)));
    }

    #[test]
    fn invalid_max_age_is_ignored() {
        // B20
        for value in
            ["", "public", "max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=+1", "s-maxage=9"]
        {
            assert_eq!(seconds(&[value]), None, "{value}");
        }
        assert_eq!(seconds(&["max-age=x, max-age=5"]), Some(5));
    }

    #[test]
    fn uncacheable_is_zero_and_smallest_max_age_counts() {
        // B20
        assert_eq!(seconds(&["no-store"]), Some(0));
        assert_eq!(seconds(&["no-cache, max-age=600"]), Some(0));
        assert_eq!(seconds(&["max-age=600, max-age=60", "max-age=300"]), Some(60));
    }
}
