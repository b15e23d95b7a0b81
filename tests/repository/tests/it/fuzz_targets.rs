//! Checks that each fuzz target is complete: its program, its corpus, and its row in
//! docs/reference/fuzz-targets.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use repository_tests::checkout::root;
use toml::Table;

/// Returns the names in a folder, without the end `.rs`.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.map(|name| name.to_str().unwrap().trim_end_matches(".rs").to_owned()).collect()
}

/// Returns the targets in the first column of the page's table.
fn rows(page: &str) -> BTreeSet<String> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn each_fuzz_target_is_complete() {
    let fuzz = root().join("fuzz");
    let targets = names(&fuzz.join("fuzz_targets"));
    assert!(targets.len() >= 15, "the targets are elsewhere than this test expects: {targets:?}");
    let manifest: Table = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap().parse().unwrap();
    let programs = manifest["bin"].as_array().unwrap().iter();
    let programs: BTreeSet<String> =
        programs.map(|program| program["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(programs, targets, "programs in fuzz/Cargo.toml");
    assert_eq!(names(&fuzz.join("corpus")), targets, "folders in fuzz/corpus");
    let page = fs::read_to_string(root().join("docs/reference/fuzz-targets.md")).unwrap();
    assert_eq!(rows(&page), targets, "rows in docs/reference/fuzz-targets.md");
    let dictionaries = names(&fuzz.join("dictionaries"));
    assert!(dictionaries.is_subset(&targets), "dictionaries without a target: {dictionaries:?}");
}

#[test]
fn row_is_read_by_its_first_column() {
    let page = "| Target | Input |\n| --- | --- |\n| `token` | tokens of `a` |\n| b | `c` |\n";
    assert_eq!(rows(page), BTreeSet::from(["token".to_owned()]));
}
