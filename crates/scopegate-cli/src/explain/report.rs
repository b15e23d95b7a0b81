//! The report for a terminal.

use std::fmt::Write as _;

use scopegate::{Check, CheckName, CheckOutcome, Error, Explanation, NumericDate};
use serde_json::Value;

use crate::explain::{Outcome, comes_later, mask};
use crate::terminal::{Mark, Terminal, unbroken};

/// The width of the names of the checks.
const NAMES: usize = 9;

/// The claims whose value is a date.
const DATES: [&str; 5] = ["auth_time", "exp", "iat", "nbf", "updated_at"];

/// Maximum number of claims that are listed.
const MAX_CLAIMS: usize = 60;

/// Maximum length of a claim's value in characters.
const MAX_VALUE: usize = 300;

pub(super) fn report(outcome: &Outcome<'_>, terminal: Terminal, show: bool) -> String {
    let masked = |text: &str| if show { text.to_owned() } else { mask::text(text) };
    let checks = outcome.checks();
    let mut text = verdict(outcome, terminal);
    if let Some(mistake) = &outcome.mistake {
        let _ = writeln!(text, "Likely: {}", terminal.wrapped(&masked(mistake), 8));
    }
    if let Some(failure) = &outcome.fetch_failure {
        let reason = format!("the keys could not be fetched: {failure}");
        let _ = writeln!(text, "Keys:   {}", terminal.wrapped(&masked(&reason), 8));
    }
    text.push('\n');
    if let Some(decision) = outcome.decision {
        text.push_str(&masked(&decision.report()));
        text.push_str(if checks.is_empty() { "" } else { "\n" });
    }
    for check in checks {
        let (mark, shown) = row(check, comes_later(checks, check));
        text.push_str(&terminal.row(mark, check.name.as_str(), NAMES, &masked(&shown)));
    }
    if let (None, Some(error)) = (outcome.explanation, outcome.error) {
        text.push_str(&terminal.row(Mark::Bad, "token", NAMES, &masked(&format!("FAILED: {error}"))));
    }
    match (&outcome.required, outcome.rule, outcome.claims()) {
        (_, Some(error), _) => {
            let is_scope = matches!(error, Error::InsufficientScope { .. });
            let reference = if is_scope { unbroken("(RFC 6750 §3.1)") } else { String::new() };
            let shown = format!("FAILED: {error} {reference}");
            let shown = shown.trim_end();
            text.push_str(&terminal.row(Mark::Bad, "required", NAMES, &masked(shown)));
        }
        (Some(required), None, Some(_)) => {
            let shown = format!("{required} {}", unbroken("(RFC 6750 §3.1)"));
            text.push_str(&terminal.row(Mark::Good, "required", NAMES, &masked(&shown)));
        }
        _ => {}
    }
    if uses_other_rules(checks) {
        text.push_str("The checks after `issuer` use the rules of the trusted issuer.\n");
    }
    text.push_str(&claims(outcome, terminal, show));
    text
}

fn row(check: &Check, is_later: bool) -> (Mark, String) {
    let (mark, shown) = match &check.outcome {
        CheckOutcome::Passed => (Mark::Good, passed(check)),
        CheckOutcome::NotRun => {
            return (Mark::Skipped, "not run, because an earlier check has failed".to_owned());
        }
        CheckOutcome::Failed(error) if is_later => (Mark::Bad, format!("would also fail: {error}")),
        CheckOutcome::Failed(error) => (Mark::Bad, format!("FAILED: {error}")),
    };
    let reference = check.name.reference();
    let shown =
        if reference.is_empty() { shown } else { format!("{shown} {}", unbroken(&format!("({reference})"))) };
    (mark, shown)
}

fn passed(check: &Check) -> String {
    if !check.found.is_empty() {
        return check.found.clone();
    }
    match check.name {
        CheckName::Form => "three parts, canonical base64url",
        CheckName::Payload => "a JSON object, no member twice",
        CheckName::Signature => "verifies with the key",
        CheckName::Kind => "no mark of another kind of token",
        CheckName::Audience => "no audience, no client",
        CheckName::Binding => "bearer token, without `cnf`",
        CheckName::Identity => "no subject, no token id",
        CheckName::Scopes => "none",
        CheckName::Key => "the only key for the algorithm",
        _ => "passed",
    }
    .to_owned()
}

fn verdict(outcome: &Outcome<'_>, terminal: Terminal) -> String {
    let Some((status, code)) = outcome.rejection() else {
        return match outcome.claims() {
            Some(claims) => format!("{} {}\n", terminal.bold("VALID"), until(claims.expires_at(), outcome)),
            None => format!("{} without a token at {}\n", terminal.bold("ACCEPTED"), outcome.now),
        };
    };
    let word = if status >= 500 { "UNDECIDABLE" } else { "REJECTED" };
    format!("{} with {status} ({code}) at {}\n", terminal.bold(word), outcome.now)
}

fn until(expires_at: NumericDate, outcome: &Outcome<'_>) -> String {
    let left = expires_at.as_secs() - NumericDate::from(outcome.now.time()).as_secs();
    let leeway = if left < 0 { ", within the leeway" } else { "" };
    format!("at {}, until {expires_at} ({} min left{leeway})", outcome.now, left / 60)
}

/// Returns whether the issuer is not trusted, and the later checks ran with the rules of another.
fn uses_other_rules(checks: &[Check]) -> bool {
    let outcome = |name| checks.iter().find(|check| check.name == name).map(|check| &check.outcome);
    matches!(outcome(CheckName::Issuer), Some(CheckOutcome::Failed(_)))
        && matches!(outcome(CheckName::Lifetime), Some(CheckOutcome::Passed | CheckOutcome::Failed(_)))
}

/// Lists the claims. The claims of a token that is not valid are marked as unverified.
fn claims(outcome: &Outcome<'_>, terminal: Terminal, show: bool) -> String {
    let payload = outcome
        .explanation
        .and_then(Explanation::payload)
        .and_then(|payload| serde_json::from_str::<Value>(payload).ok());
    let Some(Value::Object(members)) = payload else { return String::new() };
    let members = if show { Value::Object(members) } else { mask::value(Value::Object(members)) };
    let Value::Object(members) = members else { return String::new() };
    let title = if outcome.claims().is_some() { "Claims" } else { "Claims, not verified" };
    let mut text = format!("\n{}\n", terminal.bold(title));
    let width =
        members.keys().take(MAX_CLAIMS).map(|name| escaped(name).chars().count()).max().unwrap_or(0).min(24);
    for (name, value) in members.iter().take(MAX_CLAIMS) {
        let name = escaped(name);
        let shown = terminal.wrapped(&shown(&name, value), width + 3);
        let _ = writeln!(text, "  {name:width$} {shown}");
    }
    if members.len() > MAX_CLAIMS {
        let _ = writeln!(text, "  and {} more", members.len() - MAX_CLAIMS);
    }
    text
}

fn shown(name: &str, value: &Value) -> String {
    let date = value.as_i64().filter(|_| DATES.contains(&name));
    let date = date.and_then(|seconds| u64::try_from(seconds).ok());
    if let Some(date) =
        date.and_then(|seconds| std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(seconds)))
    {
        return format!("{value} ({})", NumericDate::from(date));
    }
    escaped(&value.to_string())
}

/// Cuts and escapes a text of the token, which may have control characters of terminals.
fn escaped(text: &str) -> String {
    let cut: String = text.chars().take(MAX_VALUE).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    let visible = |c: char| {
        if c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric() {
            c.to_string()
        } else {
            c.escape_unicode().to_string()
        }
    };
    format!("{}{more}", cut.chars().map(visible).collect::<String>())
}
