//! The report as `JUnit` XML, which the services for continuous integration show.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use crate::conform::Report;
use crate::conform::check::{Outcome, Played};
use crate::exit::Failure;

/// The file of the report. It is created before the run, so that a run of minutes is not lost.
pub(super) struct Output<'a> {
    path: &'a Path,
    file: File,
}

impl<'a> Output<'a> {
    /// Creates the file. An earlier report in it is removed.
    pub(super) fn create(path: &'a Path) -> Result<Self, Failure> {
        let file = File::create(path).map_err(|error| Failure::usage(message(path, &error)))?;
        Ok(Self { path, file })
    }

    pub(super) fn write(mut self, text: &str) -> Result<(), Failure> {
        self.file.write_all(text.as_bytes()).map_err(|error| Failure::failed(message(self.path, &error)))
    }
}

fn message(path: &Path, error: &io::Error) -> String {
    format!("--junit {}: {error}", path.display())
}

pub(super) fn report(report: &Report) -> String {
    let count = |is_counted: fn(&Outcome) -> bool| report.count(|played| is_counted(&played.outcome));
    let (failures, tests) = (report.count(|played| report.fails(played)), report.played.len());
    let errors = count(|outcome| matches!(outcome, Outcome::Undecided(_)));
    let skipped = count(|outcome| matches!(outcome, Outcome::Skipped(_)));
    let counts =
        format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"");
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites {counts}>\n  \
         <testsuite name=\"scopegate conform\" {counts}>\n"
    );
    for played in &report.played {
        case(&mut text, played, report.fails(played));
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn case(text: &mut String, played: &Played, fails: bool) {
    let about = &played.about;
    let class = escaped(&format!("conform.{}", about.group.title()));
    let _ = write!(text, "    <testcase classname=\"{class}\" name=\"{}\">", escaped(about.id));
    let message =
        |found: &str| escaped(&format!("{}: {found}. {} ({})", about.title, about.harm, about.reference));
    let _ = match &played.outcome {
        Outcome::Passed => Ok(()),
        Outcome::Failed(found) if fails => {
            write!(text, "<failure message=\"{}\"/>", message(&found.join("; ")))
        }
        // A warning does not fail the build.
        Outcome::Failed(found) => write!(text, "<system-out>{}</system-out>", message(&found.join("; "))),
        Outcome::Undecided(reason) => {
            write!(text, "<error message=\"{}\"/>", escaped(&format!("undecided: {}: {reason}", about.title)))
        }
        Outcome::Skipped(reason) => write!(text, "<skipped message=\"{}\"/>", escaped(reason)),
    };
    text.push_str("</testcase>\n");
}

/// Escapes text for an attribute or an element. Characters that XML 1.0 forbids are left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c if c.is_control() => {}
            '\u{fffe}' | '\u{ffff}' => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_for_xml() {
        assert_eq!(escaped("a<b> & \"c\" 'd'"), "a&lt;b&gt; &amp; &quot;c&quot; &apos;d&apos;");
        assert_eq!(escaped("a\u{0}\u{1b}[1m\u{ffff}b\n"), "a[1mb");
    }
}
