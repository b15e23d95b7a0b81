//! Is every attack of docs/attacks.md shown by tests that exist?

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../docs/attacks.md");

/// The sections of the page, each with the tests that it lists.
fn sections() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    PAGE.split("\n## ").skip(1).map(|section| {
        let title = section.lines().next().unwrap();
        let listed = |line: &'static str| line.strip_prefix("- `")?.strip_suffix('`');
        (title, section.lines().filter_map(listed).collect())
    })
}

/// Whether the source has a test of this name: a function right behind the attribute of a test.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let is_named = line.trim_start_matches("async ").strip_prefix("fn ");
        let attributes = || lines[..at].iter().rev().take_while(|line| line.starts_with("#["));
        is_named.is_some_and(|line| line.starts_with(&format!("{name}(")))
            && attributes().any(|line| *line == "#[test]" || line.starts_with("#[tokio::test"))
            && !attributes().any(|line| line.starts_with("#[ignore"))
    })
}

#[test]
fn every_attack_is_shown_by_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut sources = BTreeMap::new();
    let mut sections_seen = 0;
    for (title, tests) in sections() {
        assert!(!tests.is_empty(), "`{title}` names no test");
        for test in tests {
            let (file, name) = test.split_once("::").expect("file::test");
            let source: &mut String = sources.entry(file).or_insert_with(|| {
                fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
            });
            assert!(has_test(source, name), "`{title}` names {test}, which is no test");
        }
        sections_seen += 1;
    }
    assert!(sections_seen > 20, "the page has other headings than this test expects");
}

#[test]
fn a_test_is_told_from_what_only_looks_like_one() {
    let source = "#[test]\nfn yes() {}\n    #[tokio::test(start_paused = true)]\n    async fn also() {}\nfn no() {}\n\
                  #[test]\n#[ignore = \"slow\"]\nfn not_run() {}\n// fn comment() {}\n#[test]\nfn yes_and_more() {}";
    for name in ["yes", "also", "yes_and_more"] {
        assert!(has_test(source, name), "{name}");
    }
    for name in ["no", "not_run", "comment", "ye", "yes_and"] {
        assert!(!has_test(source, name), "{name}");
    }
}
