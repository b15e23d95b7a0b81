//! The result of a rehearsal, as numbers and as a row of a table.

use std::fmt;
use std::time::Duration;

use crate::rehearsal::event::Event;

/// The result of a [`Rehearsal`](crate::Rehearsal). Times are counted from the event.
///
/// `Display` writes one row of a table. [`Report::HEADER`] is the header of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The name of the rehearsal. Defaults to the name of the event.
    pub name: String,
    /// The event.
    pub event: Event,
    /// The number of valid requests with a response.
    pub sent: u64,
    /// The number of valid requests that were rejected.
    pub valid_rejected: u64,
    /// The time of the first rejection of a valid request; `None` if there was none.
    pub first_rejected_after: Option<Duration>,
    /// The time of the last rejection of a valid request.
    pub last_rejected_after: Option<Duration>,
    /// The number of requests for the key set.
    pub fetches: u64,
    /// The number of introspection requests. For an event of introspection, it is the column
    /// `fetches` of a row.
    pub introspections: u64,
    /// The time until every caller was rejected with a token of the removed key, or with the revoked
    /// token. `None` if some callers were still accepted at the end, or if the event [ends no
    /// token](Event::ends_earlier_tokens).
    pub removed_key_rejected_after: Option<Duration>,
}

impl Report {
    /// The header of a Markdown table: the names of the columns, and the line below them.
    pub const HEADER: &str = "\
| event                         | valid requests | rejected | first rejected | last rejected | fetches | removed key dead |
| ----------------------------- | -------------: | -------: | -------------: | ------------: | ------: | ---------------: |";
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let removed = match self.removed_key_rejected_after {
            None if self.event.ends_earlier_tokens() => "never".to_owned(),
            after => text(after),
        };
        write!(
            f,
            "| {:<29} | {:>14} | {:>8} | {:>14} | {:>13} | {:>7} | {:>16} |",
            self.name,
            self.sent,
            self.valid_rejected,
            text(self.first_rejected_after),
            text(self.last_rejected_after),
            if self.event.is_of_introspection() { self.introspections } else { self.fetches },
            removed,
        )
    }
}

/// Returns a duration in a readable unit.
fn text(time: Option<Duration>) -> String {
    let Some(seconds) = time.map(|time| time.as_secs_f64()) else { return "–".to_owned() };
    match seconds {
        ..1.0 => format!("{:.0} ms", seconds * 1_000.0),
        ..60.0 => format!("{seconds:.1} s"),
        ..3_600.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shown_in_a_readable_unit() {
        let cases = [(7, "7 ms"), (1_500, "1.5 s"), (480_000, "8.0 min"), (86_400_000, "24.0 h")];
        for (milliseconds, expected) in cases {
            assert_eq!(text(Some(Duration::from_millis(milliseconds))), expected);
        }
        assert_eq!(text(None), "–");
    }

    #[test]
    fn report_row_is_as_wide_as_header() {
        let width = Report::HEADER.lines().next().unwrap().chars().count();
        for event in Event::ALL.into_iter().chain(Event::INTROSPECTION) {
            let (removed_key_rejected_after, first_rejected_after, last_rejected_after) = Default::default();
            let report = Report {
                name: event.to_string(),
                event,
                sent: 1,
                valid_rejected: 0,
                first_rejected_after,
                last_rejected_after,
                fetches: 1,
                introspections: 2,
                removed_key_rejected_after,
            };
            let row = report.to_string();
            assert_eq!(row.chars().count(), width, "{row}");
            assert_eq!(row.contains("never"), event.ends_earlier_tokens(), "{row}");
            assert_eq!(row.contains("|       2 |"), event.is_of_introspection(), "{row}");
        }
    }
}
