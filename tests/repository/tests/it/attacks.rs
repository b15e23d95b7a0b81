//! Checks that each attack in docs/reference/attacks.md has tests that exist.

use std::collections::BTreeMap;
use std::fs;

use repository_tests::checkout::root;

use crate::test_functions::TestFunctions;

const PAGE: &str = include_str!("../../../../docs/reference/attacks.md");

/// Returns the sections of the page with the tests that they list.
fn sections() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    PAGE.split("\n## ").skip(1).map(|section| {
        let title = section.lines().next().unwrap();
        let listed = |line: &'static str| line.strip_prefix("- `")?.strip_suffix('`');
        (title, section.lines().filter_map(listed).collect())
    })
}

#[test]
fn every_attack_has_existing_tests() {
    let root = root();
    let mut sources = BTreeMap::new();
    let mut sections_seen = 0;
    for (title, tests) in sections() {
        assert!(!tests.is_empty(), "`{title}` names no test");
        for test in tests {
            let (file, name) = test.split_once("::").expect("file::test");
            let source: &mut String = sources.entry(file).or_insert_with(|| {
                fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
            });
            let found = TestFunctions::read(source).run(name);
            assert!(found, "`{title}` names {test}, which is no test, or one that is not run");
        }
        sections_seen += 1;
    }
    assert!(sections_seen > 20, "the page has other headings than this test expects");
}
