//! The report for a terminal.

use std::fmt::Write as _;

use crate::conform::Report;
use crate::conform::check::{Group, Level, Outcome, Played};
use crate::conform::fetches::FETCHED_URL;
use crate::terminal::{Mark, Terminal, unbroken};

/// The width of the ids of the checks.
const NAMES: usize = 20;

pub(super) fn report(report: &Report, terminal: Terminal) -> String {
    let mut text = verdict(report, terminal);
    for group in Group::ALL {
        let played: Vec<&Played> =
            report.played.iter().filter(|played| played.about.group == group).collect();
        if played.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n{}", terminal.bold(group.title()));
        for played in played {
            let (mark, shown) = row(played);
            text.push_str(&terminal.row(mark, played.about.id, NAMES, &shown));
        }
    }
    text
}

fn verdict(report: &Report, terminal: Terminal) -> String {
    let of = |level| {
        report.count(|played| played.about.level == level && matches!(played.outcome, Outcome::Failed(_)))
    };
    let (holes, warnings) = (of(Level::Hole), of(Level::Warning));
    let passed = report.count(|played| matches!(played.outcome, Outcome::Passed));
    let word = match (holes, report.is_undecided()) {
        (1.., _) => plural(holes, "HOLE", "HOLES"),
        (0, true) => "UNDECIDED".to_owned(),
        (0, false) => "NOTHING GOT IN".to_owned(),
    };
    let counts = format!(
        "{}, {passed} checks passed, {} requests",
        plural(warnings, "warning", "warnings"),
        report.requests
    );
    let mut text = format!("{}: {counts}, {}\n", terminal.bold(&word), report.url);
    let _ = writeln!(text, "Tokens: {}", report.tokens);
    if let Some(reason) = &report.stopped {
        let _ = writeln!(text, "Stopped: {}", terminal.wrapped(reason, 9));
    }
    text
}

fn plural(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

fn row(played: &Played) -> (Mark, String) {
    let about = &played.about;
    let reference = unbroken(&format!("({})", about.reference));
    match &played.outcome {
        Outcome::Passed => (Mark::Good, format!("{} {reference}", about.title)),
        Outcome::Skipped(reason) => (Mark::Skipped, format!("{}: skipped, {reason}", about.title)),
        Outcome::Undecided(reason) => (Mark::Warning, format!("{}: undecided, {reason}", about.title)),
        Outcome::Failed(found) => {
            let (mark, word) = match (about.level, about.group) {
                (Level::Warning, _) => (Mark::Warning, "WARNING"),
                // No request got in.
                (Level::Hole, Group::Rotation) => (Mark::Bad, "FAILED"),
                (Level::Hole, _) if about.id == FETCHED_URL.id => (Mark::Bad, "FAILED"),
                (Level::Hole, _) => (Mark::Bad, "GOT IN"),
            };
            let found = found.join("; ");
            (mark, format!("{word}: {} [{found}]. {} {reference}", about.title, about.harm))
        }
    }
}
