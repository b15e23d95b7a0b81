//! The report for tools.

use serde_json::{Value, json};

use crate::conform::Report;
use crate::conform::check::{Level, Outcome, Played};
use crate::exit::Exit;

pub(super) fn report(report: &Report) -> String {
    let verdict = match report.exit() {
        Exit::Valid => "passed",
        Exit::Rejected => "failed",
        _ => "undecided",
    };
    let checks: Vec<Value> = report.played.iter().map(check).collect();
    let report = json!({
        "verdict": verdict,
        "url": report.url,
        "tokens": report.tokens,
        "requests": report.requests,
        "stopped": report.stopped,
        "checks": checks,
    });
    format!("{report:#}\n")
}

fn check(played: &Played) -> Value {
    let about = &played.about;
    let (outcome, details) = match &played.outcome {
        Outcome::Passed => ("passed", Vec::new()),
        Outcome::Failed(found) => ("failed", found.clone()),
        Outcome::Undecided(reason) => ("undecided", vec![reason.clone()]),
        Outcome::Skipped(reason) => ("skipped", vec![(*reason).to_owned()]),
    };
    json!({
        "id": about.id,
        "group": about.group.title(),
        "level": match about.level { Level::Hole => "hole", Level::Warning => "warning" },
        "outcome": outcome,
        "details": details,
        "title": about.title,
        "reference": about.reference,
        "harm": about.harm,
    })
}
