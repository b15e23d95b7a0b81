//! A mistake in the configuration file, with its place.

use std::fmt;
use std::ops::Range;
use std::string::FromUtf8Error;

/// A mistake, with the line and the column of its first character. Both begin at 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) message: String,
}

impl Problem {
    fn at(text: &str, at: usize, message: String) -> Self {
        let (line, column) = place(text, at);
        Self { line, column, message }
    }
}

/// Shows `LINE:COLUMN: message`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// A mistake of this machine: the file is valid, and a service cannot use it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unavailable {
    pub(crate) problem: Problem,
    pub(crate) needed: Needed,
}

/// The time at which a service needs a file that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    /// Whenever the configuration is applied.
    Always,
    /// When the service starts. Later on, it has the contents.
    AtStart,
}

/// Maximum number of mistakes that are listed.
const MAX_PROBLEMS: usize = 50;

/// Collects the mistakes of one file.
pub(super) struct Problems<'t> {
    text: &'t str,
    found: Vec<(usize, String)>,
    deferred: Vec<(usize, String, Needed)>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new(), deferred: Vec::new() }
    }

    /// Adds a mistake at this place. Further ones than the limit are dropped.
    pub(super) fn add(&mut self, span: &Range<usize>, message: impl fmt::Display) {
        if self.found.len() < MAX_PROBLEMS {
            self.found.push((span.start, printable(&message.to_string())));
        }
    }

    /// Adds a mistake of this machine, as [`Unavailable`] describes.
    pub(super) fn defer(&mut self, needed: Needed, span: &Range<usize>, message: impl fmt::Display) {
        if self.deferred.len() < MAX_PROBLEMS {
            self.deferred.push((span.start, printable(&message.to_string()), needed));
        }
    }

    /// Returns whether no further mistake is listed.
    pub(super) fn are_full(&self) -> bool {
        self.found.len() == MAX_PROBLEMS
    }

    /// Returns the number of mistakes so far.
    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Returns the mistakes in the order of the file.
    pub(super) fn into_vec(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(at, _)| *at);
        let text = self.text;
        self.found.into_iter().map(|(at, message)| Problem::at(text, at, message)).collect()
    }

    /// Returns the mistakes of this machine, in the order of the file.
    pub(super) fn into_deferred(mut self) -> Vec<Unavailable> {
        self.deferred.sort_by_key(|(at, ..)| *at);
        let text = self.text;
        let unavailable = self.deferred.into_iter().map(|(at, message, needed)| {
            let problem = Problem::at(text, at, message);
            Unavailable { problem, needed }
        });
        unavailable.collect()
    }
}

/// Returns the message without characters that may forge or reverse a line of the log. They come from
/// keys of the file, from names of files and from the OpenAPI document.
fn printable(message: &str) -> String {
    let is_printable = |c: char| c.escape_debug().len() == 1 || matches!(c, '"' | '\'' | '\\');
    let shown = |c: char| if is_printable(c) { c.to_string() } else { c.escape_unicode().to_string() };
    message.chars().map(shown).collect()
}

/// Returns the mistake of a text that is not UTF-8.
pub(super) fn not_utf8(error: &FromUtf8Error) -> Problem {
    let (bytes, at) = (error.as_bytes(), error.utf8_error().valid_up_to());
    let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default());
    let (line, column) = place(&before, at);
    let found = bytes.get(at).copied().unwrap_or_default();
    Problem { line, column, message: format!("expected UTF-8, found the byte {found:#04x}") }
}

/// Returns the line and the column of the character at a byte. A byte behind the text is at its end.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = (0..=at.min(text.len())).rev().find_map(|at| text.get(..at)).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count();
    (before.matches('\n').count() + 1, column + 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn column_counts_characters() {
        let text = "a = 1\n\"é\" = x\n";
        for (at, expected) in [(0, (1, 1)), (4, (1, 5)), (6, (2, 1)), (10, (2, 4)), (text.len(), (3, 1))] {
            assert_eq!(place(text, at), expected, "{at}");
        }
        // Inside of a character, and behind the text.
        assert_eq!((place(text, 8), place(text, 9)), ((2, 2), (2, 3)));
        assert_eq!(place(text, text.len() + 1), (3, 1));
    }

    #[test]
    fn control_characters_are_escaped() {
        let mut problems = Problems::new("a");
        problems.add(&(0..1), "found `a\n\u{1b}[31mé \u{202e}\u{2028}'\"\\日`");
        assert_eq!(problems.into_vec()[0].message, "found `a\\u{a}\\u{1b}[31mé \\u{202e}\\u{2028}'\"\\日`");
    }

    #[test]
    fn byte_that_is_not_utf8_has_its_place() {
        for (bytes, line, column, found) in [
            (&b"a = 1\n\xc3\xa9 = \"\xff\"\n"[..], 2, 6, "0xff"),
            (b"\xe9", 1, 1, "0xe9"),
            (b"a\n\xc3", 2, 1, "0xc3"),
        ] {
            let problem = not_utf8(&String::from_utf8(bytes.to_vec()).unwrap_err());
            assert_eq!((problem.line, problem.column), (line, column), "{bytes:?}");
            assert_eq!(problem.message, format!("expected UTF-8, found the byte {found}"));
        }
    }

    proptest! {
        #[test]
        fn no_place_is_beyond_its_line(text in "[a\u{e9}\u{2028}\r\n]{0,12}", at in 0_usize..40) {
            let (line, column) = place(&text, at);
            let length = text.split('\n').nth(line - 1).map(|line| line.chars().count());
            prop_assert!(length.is_some_and(|length| (1..=length + 1).contains(&column)), "{line}:{column}");
        }
    }

    #[test]
    fn problems_are_sorted_and_bounded() {
        let text = "a\n".repeat(MAX_PROBLEMS + 1);
        let mut problems = Problems::new(&text);
        for line in (0..=MAX_PROBLEMS).rev() {
            problems.add(&(2 * line..2 * line + 1), line);
        }
        let found = problems.into_vec();
        assert_eq!(found.len(), MAX_PROBLEMS);
        assert!(found.is_sorted_by_key(|problem| problem.line));
    }
}
