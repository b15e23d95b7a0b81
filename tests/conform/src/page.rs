//! The page: a table with a row for each check, and a column for each peer.

use std::fmt::Write as _;

use serde_json::Value;

use crate::peer::Column;

const HEAD: &str = "# Other projects under `scopegate conform`

`scripts/conform --write` writes this page. [Testing an API in any language](../guide/conform.md) explains it, and has the
configuration of each project. *Got in* is a request that was accepted. A warning is no hole.
";

pub(crate) fn text(columns: &[Column]) -> String {
    let mut text = HEAD.to_owned();
    let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
    let _ = writeln!(text, "\n| check | {} |\n| --- |{}", titles.join(" | "), " --- |".repeat(titles.len()));
    let complete = columns.iter().find_map(|column| column.checks.as_ref().ok());
    for check in complete.into_iter().flatten() {
        let id = member(check, "id");
        let cells: Vec<String> = columns.iter().map(|column| cell(column, id)).collect();
        let _ = writeln!(text, "| {} (`{id}`) | {} |", member(check, "title"), cells.join(" | "));
    }
    for column in columns {
        if let Err(reason) = &column.checks {
            let _ = writeln!(text, "\nNOT RUN: {}: {reason}", column.title);
        }
    }
    text
}

fn cell(column: &Column, id: &str) -> String {
    let Ok(checks) = &column.checks else { return "NOT RUN".to_owned() };
    let Some(check) = checks.iter().find(|check| member(check, "id") == id) else { return "–".to_owned() };
    let details = check.get("details").and_then(Value::as_array).into_iter().flatten();
    let details: Vec<&str> = details.filter_map(Value::as_str).collect();
    let is_answer = member(check, "group") == "Answers";
    match (member(check, "outcome"), member(check, "level")) {
        ("passed", _) if is_answer || ["new-key", "fetched-url"].contains(&id) => "yes".to_owned(),
        ("passed", _) => "rejected".to_owned(),
        ("failed", _) if id == "fetched-url" => format!("**no**: {}", details.join(", ")),
        ("failed", "hole") => format!("**got in**: {}", details.join(", ")),
        ("failed", _) => format!("warning: {}", details.join(", ")),
        ("skipped", _) => "–".to_owned(),
        (outcome, _) => format!("{outcome}: {}", details.join(", ")),
    }
}

fn member<'a>(check: &'a Value, name: &str) -> &'a str {
    check.get(name).and_then(Value::as_str).unwrap_or_default()
}
