//! The report as `JUnit` XML, which the services for continuous integration show.

use std::fmt::Write as _;

use crate::conform::Report;
use crate::conform::check::{Outcome, Played};

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
        Outcome::Undecided(reason) => write!(text, "<error message=\"{}\"/>", escaped(reason)),
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
