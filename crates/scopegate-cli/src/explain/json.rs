//! The report for tools.

use scopegate::{CheckOutcome, Explanation};
use serde_json::{Value, json};

use crate::explain::decision::Decision;
use crate::explain::{Outcome, comes_later, mask};

pub(super) fn report(outcome: &Outcome<'_>, show: bool) -> String {
    let checks = outcome.checks();
    let listed: Vec<Value> = checks
        .iter()
        .map(|check| {
            let (name, error) = match &check.outcome {
                CheckOutcome::Passed => ("passed", None),
                CheckOutcome::NotRun => ("not_run", None),
                CheckOutcome::Failed(error) if comes_later(checks, check) => ("would_also_fail", Some(error)),
                CheckOutcome::Failed(error) => ("failed", Some(error)),
            };
            json!({
                "name": check.name.as_str(),
                "outcome": name,
                "found": check.found,
                "error": error.map(ToString::to_string),
                "reference": check.name.reference(),
            })
        })
        .collect();
    let (verdict, _) = outcome.verdict();
    let object = |text: Option<&str>| text.and_then(|text| serde_json::from_str::<Value>(text).ok());
    let error = outcome.rejection().map(|(status, code)| {
        let message = outcome.error.map(ToString::to_string);
        json!({ "code": code, "status": status, "message": message })
    });
    let report = json!({
        "verdict": verdict,
        "checked_at": outcome.now.to_string(),
        "error": error,
        "likely_mistake": outcome.mistake,
        "fetch_failure": outcome.fetch_failure,
        "decision": outcome.decision.map(Decision::json),
        "checks": listed,
        "header": object(outcome.explanation.and_then(Explanation::header)),
        "claims": object(outcome.explanation.and_then(Explanation::payload)),
    });
    format!("{:#}\n", if show { report } else { mask_report(report) })
}

/// Masks every text of the report, and the members of the token by their names.
fn mask_report(report: Value) -> Value {
    let Value::Object(members) = report else { return mask::texts(report) };
    let masked = members.into_iter().map(|(name, value)| {
        let is_of_token = matches!(name.as_str(), "header" | "claims");
        let value = if is_of_token { mask::value(value) } else { mask::texts(value) };
        (name, value)
    });
    masked.collect()
}
