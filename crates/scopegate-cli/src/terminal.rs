//! Output on a terminal: colors, and lines of at most 80 columns.

use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

/// The width of lines if the environment has no `COLUMNS`.
const WIDTH: usize = 80;

const NO_BREAK: &str = "\u{a0}";

/// The style of the output. Each mark is readable without color.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    color: bool,
    width: usize,
}

/// The mark before a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Good,
    Bad,
    Warning,
    Skipped,
}

impl Terminal {
    /// Reads the style from the environment. Colors need a terminal, and no `NO_COLOR`
    /// (<https://no-color.org>).
    pub(crate) fn of_stdout() -> Self {
        let columns = env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        Self {
            color: has_color(io::stdout().is_terminal(), |name| env::var_os(name)),
            width: columns.unwrap_or(WIDTH).clamp(40, 200),
        }
    }

    /// Returns a line with a mark, a name and a text. The text is wrapped beside the name.
    pub(crate) fn row(self, mark: Mark, name: &str, names: usize, text: &str) -> String {
        let lines = self.wrapped(text, names + 3);
        format!("{} {name:names$} {lines}\n", self.mark(mark))
    }

    /// Wraps a text after a prefix of this width. There is no break at a no-break space.
    pub(crate) fn wrapped(self, text: &str, indent: usize) -> String {
        let room = self.width.saturating_sub(indent).max(20);
        let mut lines: Vec<String> = vec![String::new()];
        for word in text.split(' ') {
            let last = lines.last_mut().map_or(0, |line| line.chars().count());
            let length = word.chars().count();
            match lines.last_mut() {
                Some(line) if last > 0 && last + 1 + length <= room => {
                    line.push(' ');
                    line.push_str(word);
                }
                Some(line) if line.is_empty() => line.push_str(word),
                _ => lines.push(word.to_owned()),
            }
        }
        lines.join(&format!("\n{}", " ".repeat(indent))).replace(NO_BREAK, " ")
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.styled("1", text)
    }

    fn mark(self, mark: Mark) -> String {
        match mark {
            Mark::Good => self.styled("32", "✓"),
            Mark::Bad => self.styled("1;31", "✗"),
            Mark::Warning => self.styled("33", "!"),
            Mark::Skipped => self.styled("2", "–"),
        }
    }

    fn styled(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

fn has_color(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let no_color = variable("NO_COLOR").is_some_and(|set| !set.is_empty());
    let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
    is_terminal && !no_color && !is_dumb
}

/// Returns the text as one word for [`Terminal::wrapped`].
pub(crate) fn unbroken(text: &str) -> String {
    text.replace(' ', NO_BREAK)
}

/// Writes to standard output.
///
/// # Errors
/// Returns the error of the system, for example if a disk is full. A closed pipe, for example after
/// `head`, is none.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// Writes text for the user to standard error, where it does not disturb a report.
pub(crate) fn tell(text: &str) {
    let _ = write!(io::stderr(), "{text}");
}

/// Writes a line to standard error.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr(), "scopegate: {text}");
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a panic is the test's failure")]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_beside_its_name() {
        let terminal = Terminal { color: false, width: 40 };
        let row = terminal.row(Mark::Bad, "issuer", 8, "expected one of two issuers here, found none");
        assert_eq!(row, "✗ issuer   expected one of two issuers\n           here, found none\n");
        assert!(row.lines().all(|line| line.chars().count() <= 40));
    }

    #[test]
    fn long_word_has_its_own_line() {
        let terminal = Terminal { color: false, width: 40 };
        let long = "x".repeat(60);
        assert_eq!(terminal.wrapped(&format!("a {long} b"), 4), format!("a\n    {long}\n    b"));
        assert_eq!(terminal.wrapped(&long, 4), long);
    }

    #[test]
    fn reference_is_not_broken() {
        let terminal = Terminal { color: false, width: 40 };
        let text = format!("a text of some length {}", unbroken("(RFC 7519 §4.1.3)"));
        assert_eq!(terminal.wrapped(&text, 4), "a text of some length\n    (RFC 7519 §4.1.3)");
    }

    #[test]
    fn color_needs_a_terminal_and_no_objection() {
        let with = |is_terminal, set: &'static [(&str, &str)]| {
            has_color(is_terminal, |name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value))
            })
        };
        assert!(with(true, &[]) && with(true, &[("NO_COLOR", ""), ("TERM", "xterm")]));
        assert!(!with(false, &[]) && !with(true, &[("NO_COLOR", "1")]) && !with(true, &[("TERM", "dumb")]));
    }

    #[test]
    fn color_surrounds_the_mark_only() {
        let colored = Terminal { color: true, width: 80 };
        assert_eq!(colored.row(Mark::Good, "a", 1, "b"), "\u{1b}[32m✓\u{1b}[0m a b\n");
        assert_eq!(Terminal { color: false, width: 80 }.bold("a"), "a");
    }
}
