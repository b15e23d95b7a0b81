//! The checks of `tests/gateways`, which docs/generated/conformance.md names as tests, are run: CI runs them
//! with nginx and Caddy, and `scripts/nightly` runs them with all gateways.

use std::fs;

use crate::conformance::rust_files;
use crate::links::read;
use crate::test_functions::TestFunctions;
use repository_tests::checkout::root;

/// The columns of the table.
const GATEWAYS: [&str; 5] = ["nginx", "caddy", "traefik", "envoy", "envoy, gRPC"];

/// Returns the checks in a source that no row of the table runs.
fn without_row(source: &str, rows: &str) -> Vec<String> {
    let checks = TestFunctions::read(source).tests;
    let is_missing = |name: &&str| !rows.contains(&format!("self.{name}("));
    checks.iter().map(|check| check.name).filter(is_missing).map(str::to_owned).collect()
}

#[test]
fn each_check_has_a_row() {
    let rows = read("tests/gateways/checks.rs");
    let files = rust_files(&root().join("tests/gateways/checks"));
    let sources: Vec<String> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let checks: usize = sources.iter().map(|source| TestFunctions::read(source).tests.len()).sum();
    assert!(checks > 20, "{checks}");
    for source in &sources {
        assert_eq!(without_row(source, &rows), [""; 0]);
    }
    let check = "pub(super) async fn never(&self) -> Cell {\n}\n";
    assert_eq!(without_row(check, &rows), ["never"]);
}

/// Returns the commands of a script that run the gateways.
fn commands(script: &str) -> Vec<String> {
    let script = read(script);
    let lines = script.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let commands = lines.filter_map(|line| line.split_once("scripts/gateways"));
    commands
        .map(|(_, arguments)| arguments.trim_end_matches([' ', ';', '|', '{']).trim().to_owned())
        .collect()
}

#[test]
fn ci_runs_sample_and_nightly_run_everything() {
    assert_eq!(commands("scripts/check"), ["--sample"]);
    assert_eq!(commands("scripts/nightly"), [""]);
    let paths = read("tests/gateways/paths.rs");
    assert!(paths.contains("const COUNT: usize = 500;") && paths.contains("const SAMPLE: usize = 50;"));
}

#[test]
fn table_has_each_gateway_without_a_failure() {
    let page = read("docs/generated/gateways.md");
    assert!(page.contains(&format!("| check | {} |", GATEWAYS.join(" | "))));
    assert!(!page.contains("FAILED"));
    let rows = page.lines().filter(|line| line.starts_with("| "));
    for row in rows {
        assert_eq!(row.split(" | ").count(), GATEWAYS.len() + 1, "{row}");
    }
}
