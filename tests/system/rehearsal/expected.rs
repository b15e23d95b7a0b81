//! The expected results: the table in `docs/reference/rehearsal.md`.

use std::time::Duration;

use scopegate_issuer::Report;

const DOCUMENT: &str = include_str!("../../../docs/reference/rehearsal.md");

/// A row of the table.
pub(crate) struct Expected {
    pub(crate) name: String,
    figures: [(&'static str, Figure); 5],
}

/// The allowed values of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    /// `–`: no value.
    None,
    /// A range, such as `2`, `80 to 140` or `≤ 10 min`. Times are in seconds.
    Between(f64, f64),
}

impl Expected {
    pub(crate) fn read() -> Vec<Self> {
        let (_, after) = DOCUMENT.split_once("<!-- expected -->\n").expect("the table is marked");
        let rows = after.lines().take_while(|line| line.starts_with('|')).skip(2);
        rows.map(Self::row).collect()
    }

    fn row(line: &str) -> Self {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, name, rejected, first, last, fetches, removed, _why, _] = cells[..] else {
            panic!("expected seven cells: {line}")
        };
        let figures = [
            ("rejected", rejected),
            ("first rejected", first),
            ("last rejected", last),
            ("fetches", fetches),
            ("removed key dead", removed),
        ];
        Self { name: name.to_owned(), figures: figures.map(|(column, cell)| (column, Figure::read(cell))) }
    }

    /// Returns the measured values that are not allowed.
    pub(crate) fn differences(&self, report: &Report) -> Vec<String> {
        #[allow(clippy::cast_precision_loss, reason = "thousands")]
        let count = |count: u64| Some(count as f64);
        let time = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let measured = [
            count(report.valid_rejected),
            time(report.first_rejected_after),
            time(report.last_rejected_after),
            count(report.fetches),
            time(report.removed_key_rejected_after),
        ];
        let cells = self.figures.iter().zip(measured);
        // If no request was rejected, there is no time of a first rejection.
        let absent = |column: &str| report.valid_rejected == 0 && column.ends_with(" rejected");
        let wrong = cells.filter(|((column, figure), measured)| {
            !(figure.allows(*measured) || measured.is_none() && absent(column))
        });
        wrong
            .map(|((column, figure), measured)| {
                format!("{}, {column}: expected {figure:?}, measured {measured:?}", self.name)
            })
            .collect()
    }
}

impl Figure {
    fn read(cell: &str) -> Self {
        if cell == "–" {
            return Self::None;
        }
        let (least, most) = match (cell.strip_prefix('≤'), cell.split_once(" to ")) {
            (Some(most), _) => ("0", most),
            (None, Some(range)) => range,
            (None, None) => (cell, cell),
        };
        Self::Between(number(least), number(most))
    }

    fn allows(self, measured: Option<f64>) -> bool {
        match (self, measured) {
            (Self::None, None) => true,
            (Self::Between(least, most), Some(measured)) => (least..=most).contains(&measured),
            _ => false,
        }
    }
}

/// Parses a number with an optional unit: `10 min` is 600.
fn number(text: &str) -> f64 {
    let mut words = text.split_whitespace();
    let number: f64 = words.next().and_then(|word| word.parse().ok()).expect("a number");
    number
        * match words.next() {
            None | Some("s") => 1.0,
            Some("ms") => 0.001,
            Some("min") => 60.0,
            Some("h") => 3_600.0,
            Some(other) => panic!("no such unit: {other}"),
        }
}

#[test]
fn cells_are_read() {
    assert_eq!(Figure::read("–"), Figure::None);
    assert_eq!(Figure::read("2"), Figure::Between(2.0, 2.0));
    assert_eq!(Figure::read("80 to 140"), Figure::Between(80.0, 140.0));
    assert_eq!(Figure::read("≤ 10 min"), Figure::Between(0.0, 600.0));
    assert_eq!(Figure::read("23.8 h to 24 h"), Figure::Between(85_680.0, 86_400.0));
    assert!(!Figure::None.allows(Some(0.0)) && !Figure::read("0").allows(None));
}
