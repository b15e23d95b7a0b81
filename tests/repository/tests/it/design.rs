//! Checks that DESIGN.md lists each decision in its own words, and that its page is short.

use std::collections::BTreeSet;
use std::path::Path;

use crate::links::{pages, read};

const FOLDER: &str = "docs/design";

/// Pages of tables have no limit. Each has a reason.
const TABLES: [&str; 1] = ["dependencies.md"];

const MAX_WORDS: usize = 270;

/// Returns the line of the index for a page: its title, and the decision, which is its first
/// paragraph in bold.
fn index_line(path: &str, page: &str) -> Option<String> {
    let (title, rest) = page.strip_prefix("# ")?.split_once("\n\n**")?;
    let decision = rest.split_once("**\n")?.0.replace('\n', " ");
    Some(format!("- [{title}]({path}): {decision}"))
}

#[test]
fn index_lists_each_decision_once() {
    let index = read("DESIGN.md");
    let listed: Vec<&str> = index.lines().filter(|line| line.starts_with("- [")).collect();
    let decisions = pages(Path::new(FOLDER)).into_iter().map(|path| {
        let path = path.display().to_string();
        index_line(&path, &read(&path)).unwrap_or_else(|| panic!("{path} begins without a decision"))
    });
    let decisions: BTreeSet<String> = decisions.collect();
    let unique: BTreeSet<String> = listed.iter().map(|&line| line.to_owned()).collect();
    assert_eq!(unique, decisions);
    assert_eq!(unique.len(), listed.len(), "a decision is listed twice");
}

#[test]
fn pages_are_short() {
    for path in pages(Path::new(FOLDER)).iter().filter(|path| !TABLES.iter().any(|name| path.ends_with(name)))
    {
        let words = read(path).split_whitespace().filter(|word| word.contains(char::is_alphanumeric)).count();
        assert!(words <= MAX_WORDS, "{}: {words} words, at most {MAX_WORDS}", path.display());
    }
}

#[test]
fn decision_is_the_first_paragraph() {
    let page = "# Title\n\n**It is\nso.**\n\n## Context\n";
    assert_eq!(index_line("a.md", page).as_deref(), Some("- [Title](a.md): It is so."));
    assert_eq!(index_line("a.md", "# Title\n\nIt is so.\n"), None);
}
