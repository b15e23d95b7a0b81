//! Checks that the crates have the reason codes, errors, metrics and log messages in the guide.

use std::fs;
use std::path::Path;

use repository_tests::checkout::root;

use crate::guide::{pages, read};

/// Returns the first column of the tables in doc comments whose first cell is code.
fn documented(file: &str) -> Vec<String> {
    let source = read(file);
    let rows = source.lines().filter_map(|line| line.strip_prefix("/// | `")?.split_once('`'));
    rows.map(|(code, _)| code.to_owned()).collect()
}

/// Returns the text in backquotes in this column of a page's tables.
fn cells(page: &str, column: usize) -> Vec<&str> {
    let rows = page.lines().filter(|line| line.starts_with("| "));
    rows.filter_map(|row| row.split(" | ").nth(column))
        .filter_map(|cell| cell.trim_matches(['|', ' ']).strip_prefix('`')?.strip_suffix('`'))
        .collect()
}

#[test]
fn reason_codes_are_those_of_decisions() {
    let codes = documented("crates/scopegate/src/decision.rs");
    assert!(codes.len() > 15, "the table of codes is elsewhere than this test expects");
    let reference = read("docs/guide/reference.md");
    for code in &codes {
        assert!(reference.contains(&format!("\n| `{code}`")), "the reference does not have `{code}`");
    }
    for path in pages(Path::new("docs/guide/providers")) {
        let page = read(&path);
        let mistakes = page.split("## Common mistakes").nth(1).unwrap();
        let mistakes = mistakes.split("\n## ").next().unwrap();
        for code in cells(mistakes, 1).into_iter().filter(|cell| *cell != "reason") {
            assert!(codes.iter().any(|known| known == code), "{}: there is no `{code}`", path.display());
        }
    }
}

/// Replaces each `name` in backquotes by one character, so that `aud` and `{claim}` are equal.
fn without_names(text: &str) -> String {
    text.split('`').enumerate().map(|(part, text)| if part % 2 == 0 { text } else { "_" }).collect()
}

/// Returns the texts of errors in a row of a table of mistakes, up to the values.
fn errors(row: &str) -> Vec<String> {
    let cell = row.split(" | ").nth(2).unwrap();
    let quote = if cell.contains("``") { "``" } else { "`" };
    let spans = cell.split(quote).skip(1).step_by(2).filter(|span| span.contains(' '));
    let constant = spans.map(|span| span.split("…").next().unwrap()).map(|span| {
        span.split(" such as ")
            .next()
            .unwrap()
            .split(" found ")
            .next()
            .unwrap()
            .trim_end_matches([',', ';', ' '])
    });
    constant.filter(|text| !text.is_empty()).map(without_names).collect()
}

#[test]
fn errors_on_provider_pages_exist() {
    let folder = "crates/scopegate/tests/it/presets";
    let tests = fs::read_dir(root().join(folder)).unwrap();
    let mut sources: Vec<String> =
        tests.map(|entry| read(Path::new(folder).join(entry.unwrap().file_name()))).collect();
    sources.push(read("crates/scopegate/src/error/display.rs"));
    let sources = sources.concat().lines().map(without_names).collect::<Vec<_>>().join("\n");

    let mut count = 0;
    for path in pages(Path::new("docs/guide/providers")) {
        let page = read(&path);
        let mistakes = page.split("## Common mistakes").nth(1).unwrap().split("\n## ").next().unwrap();
        for error in mistakes.lines().filter(|line| line.starts_with("| ")).skip(2).flat_map(errors) {
            assert!(sources.contains(&error), "{}: no error begins with {error:?}", path.display());
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

#[test]
fn log_messages_exist() {
    let page = read("docs/guide/operating.md");
    let sources = [
        "keys/refresh/task.rs",
        "keys/set.rs",
        "verifier/hooks.rs",
        "verifier/trust/notices.rs",
        "verifier/trust/change_log.rs",
        "verifier/trust/resolver.rs",
        "tenants.rs",
        "revocation/source.rs",
        "revocation/file/follower.rs",
        "../../scopegate-redis/src/revocations/malformed.rs",
        "../../scopegate-redis/src/revocations/publish.rs",
        "../../scopegate-redis/src/revocations/reader/continuity.rs",
        "../../scopegate-redis/src/replay/outage.rs",
        "../../scopegate-redis/src/replay/server.rs",
        "security_events.rs",
        "security_events/receiver.rs",
        "status_list/task.rs",
        "status_list/lists.rs",
        "../../scopegate-axum/src/authorize/route.rs",
        "../../scopegate-axum/src/claims.rs",
        "../../scopegate-axum/src/resource/tenant.rs",
        "introspection/introspector/report.rs",
    ]
    .map(|file| read(Path::new("crates/scopegate/src").join(file)))
    .concat();
    let table = page.split("Key events").nth(1).unwrap().split("\n## ").next().unwrap();
    let messages = cells(table, 1);
    assert!(messages.len() > 7, "{messages:?}");
    for text in messages {
        assert!(sources.contains(&format!("\"{text}\"")), "there is no {text:?}");
    }
}

#[test]
fn metrics_exist() {
    let sources = [
        "scopegate/src/telemetry/metrics.rs",
        "scopegate/src/telemetry/metrics/keys_in_use.rs",
        "scopegate-client/src/metrics.rs",
        "scopegate-cli/src/decide/record.rs",
        "scopegate-cli/src/serve/admin.rs",
        "scopegate-cli/src/serve/reload/outcome.rs",
    ];
    let sources = sources.map(|file| read(Path::new("crates").join(file))).concat();
    let mut count = 0;
    for path in pages(Path::new("docs")) {
        for name in metrics_in(&read(&path)) {
            assert!(sources.contains(&format!("\"{name}\"")), "{}: there is no {name}", path.display());
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

/// Returns the names of metrics on a page, also in conditions of alerts.
fn metrics_in(page: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = page.split(|c| !is_part(c)).filter(|word| word.starts_with("scopegate_"));
    words.filter(|word| !CRATES.contains(word)).collect()
}

const CRATES: [&str; 6] = [
    "scopegate_axum",
    "scopegate_client",
    "scopegate_fips",
    "scopegate_issuer",
    "scopegate_proto",
    "scopegate_redis",
];
