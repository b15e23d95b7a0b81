//! Checks that each row of docs/generated/conformance.md names its tests, and that these exist and
//! name the row.
//!
//! A test function names its rows in a separate comment: `// A03, A05` or `// B16: and a remark`.
//! The table names these tests. Checks of `tests/gateways`, which `scripts/gateways` runs, are named in the
//! same way. If you add rows to tests or rename tests, write the column again
//! and read the difference:
//!
//! ```sh
//! CONFORMANCE=write cargo test -p repository-tests conformance
//! ```
//!
//! It cannot decide whether a test covers its row. A reviewer must read both.

mod claimed;
mod counts;
mod ids;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{env, fs};

use repository_tests::checkout::root;

use claimed::Claimed;
use counts::counts;
use ids::known;
use table::Table;

/// The remark of a row without a test begins with one of these.
const REASONS: [&str; 5] = ["Not built: ", "Decided otherwise: ", "Documented: ", "Carried by: ", OPEN];

/// The row still needs tests.
const OPEN: &str = "Open: ";

/// Reasons that a row with a test must not have.
const GONE_WITH_A_TEST: [&str; 3] = ["Not built: ", "Carried by: ", OPEN];

const TO_WRITE: &str =
    "run `CONFORMANCE=write cargo test -p repository-tests conformance`, and commit what it changes";

#[test]
fn every_row_has_tests_or_reason() {
    let root = root();
    let document = root.join("docs/generated/conformance.md");
    let claimed = Claimed::read(root);
    let mut text = fs::read_to_string(&document).unwrap();
    if env::var("CONFORMANCE").is_ok_and(|mode| mode == "write") {
        text = Table::parse(&text).with_tests(&claimed.tests_of_rows);
        fs::write(&document, &text).unwrap();
    }
    let table = Table::parse(&text);
    println!("{}", counts(&table.rows));
    let mut problems = claimed.problems.clone();
    problems.extend(problems_of(&table, &claimed));
    problems.extend(missing(&table));
    assert!(
        problems.is_empty(),
        "docs/generated/conformance.md and the tests differ:\n- {}\nIf the tests are right, {TO_WRITE}.",
        problems.join("\n- ")
    );
}

fn problems_of(table: &Table, claimed: &Claimed) -> Vec<String> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &table.rows {
        let id = &row.id;
        if !seen.insert(id) {
            problems.push(format!("{id} stands in the table twice: keep one line"));
        }
        let none = BTreeSet::new();
        let showing = claimed.tests_of_rows.get(id).unwrap_or(&none);
        for test in row.tests.difference(showing) {
            problems.push(if claimed.all_tests.contains(test) {
                format!("{id} names {test}, which has no comment `// {id}`: add it to the test if that shows the row")
            } else {
                format!("{id} names {test}, which does not exist: was it renamed or moved?")
            });
        }
        for test in showing.difference(&row.tests) {
            problems.push(format!("{id} does not name {test}, which says that it shows it"));
        }
        let reason = REASONS.iter().find(|reason| row.remark.starts_with(*reason));
        match (showing.is_empty() && row.tests.is_empty(), reason) {
            (true, None) => problems.push(format!(
                "{id} has neither a test nor a reason: write `// {id}` into the test that shows it, or a remark that \
                 begins with one of {REASONS:?}"
            )),
            (false, Some(reason)) if GONE_WITH_A_TEST.contains(reason) => problems.push(format!(
                "{id} has tests and a remark that begins with {reason:?}: remove what is not true any more"
            )),
            _ => {}
        }
    }
    for (id, tests) in &claimed.tests_of_rows {
        if !seen.contains(id) {
            let tests: Vec<_> = tests.iter().map(String::as_str).collect();
            problems.push(format!("{id} is not in the table, but in {}: add the row", tests.join(", ")));
        }
    }
    problems
}

/// Returns the rows of closed lists that are missing in the table.
fn missing(table: &Table) -> impl Iterator<Item = String> {
    let lacks = |id: &String| table.rows.iter().all(|row| row.id != *id);
    known().filter(lacks).map(|id| format!("{id} has no line in the table: add the row"))
}

/// Returns the Rust files of a directory and its subdirectories.
pub(crate) fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut files = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

// The strings below are joined at run time, because this file is checked as well.

fn claimed(source: &str) -> Claimed {
    let mut claimed = Claimed::default();
    claimed.read_source("a.rs", &source.replace('@', "//").replace('%', "#"));
    claimed
}

fn table(lines: &[&str]) -> Table {
    Table::parse(&format!(
        "| row | where | asked | tests | remark |\n| --- | --- | --- | --- | --- |\n{}\n",
        lines.join("\n")
    ))
}

const TESTS: &str = "
%[test]
fn one() {
    @ A01, A02: and more
    assert!(true);
    @ A03
}

fn helper() {}

%[tokio::test(flavor = \"multi_thread\")]
%[should_panic]
async fn two() {
    @ W7, A03 and B02
    @ Art is long, A09 is short, and so is B2
}
";

#[test]
fn rows_begin_comments_in_test_functions() {
    let claimed = claimed(TESTS);
    assert_eq!(claimed.problems, [""; 0]);
    assert_eq!(claimed.all_tests, BTreeSet::from(["a.rs::one".to_owned(), "a.rs::two".to_owned()]));
    let tests: Vec<_> = claimed.tests_of_rows.iter().map(|(id, tests)| (id.as_str(), tests.len())).collect();
    assert_eq!(tests, [("A01", 1), ("A02", 1), ("A03", 2)]);
}

#[test]
fn rows_outside_test_functions_are_reported() {
    for source in [
        "@ A01\n#[test]\nfn one() {\n}\n",
        "fn helper() {\n    @ A01\n}\n",
        "%[test]\nfn one() {\n}\n@ A01\n",
    ] {
        let claimed = claimed(source);
        assert!(claimed.problems[0].contains("A01") && claimed.tests_of_rows.is_empty(), "{source}");
    }
}

#[test]
fn misread_rows_and_ignored_tests_are_reported() {
    for source in [
        "%[test]\nfn one() {\n    @ A01-A19, A22\n}\n",
        "%[test]\n%[ignore = \"slow\"]\nfn one() {\n    @ A01\n}\n",
    ] {
        assert!(claimed(source).problems[0].contains("A01"), "{source}");
    }
}

#[test]
fn each_difference_of_table_is_reported() {
    let good = [
        "| A01 | s | r | `a.rs::one` | |",
        "| A02 | s | r | `a.rs::one` | and more |",
        "| A03 | s | r | `a.rs::one`, `a.rs::two` | |",
        "| E01 | s | r | | Not built: soon |",
        "| FR-A12 | s | r | | Carried by: other work |",
    ];
    let claimed = claimed(TESTS);
    assert_eq!(problems_of(&table(&good), &claimed), [""; 0]);
    for (line, instead, expected) in [
        (0, "| A01 | s | r | `a.rs::one`, `a.rs::two` | |", "no comment"),
        (0, "| A01 | s | r | `a.rs::one`, `a.rs::three` | |", "does not exist"),
        (0, "| A01 | s | r | | |", "does not name"),
        (0, "| A01 | s | r | `a.rs::one` | Not built: soon |", "not true any more"),
        (0, "| A01 | s | r | `a.rs::one` | Open: soon |", "not true any more"),
        (0, "| A01 | s | r | `a.rs::one` | Carried by: other work |", "not true any more"),
        (0, "| A04 | s | r | | Documented: here |", "add the row"),
        (4, "| FR-A12 | s | r | | |", "neither a test nor a reason"),
        (4, "| FR-A12 | s | r | `a.rs::one` | |", "no comment `// FR-A12`"),
        (2, "| A03 | s | r | `a.rs::one` | |", "does not name"),
        (3, "| E01 | s | r | | |", "neither a test nor a reason"),
        (3, "| E01 | s | r | | who knows |", "neither a test nor a reason"),
        (3, "| A03 | s | r | `a.rs::one`, `a.rs::two` | |", "twice"),
    ] {
        let mut lines = good;
        lines[line] = instead;
        let problems = problems_of(&table(&lines), &claimed);
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{instead}: {problems:?}");
    }
}

#[test]
fn lost_row_of_a_closed_list_is_named() {
    let rows: Vec<String> = known().map(|id| format!("| {id} | s | r | | Not built: soon |")).collect();
    let mut lines: Vec<&str> = rows.iter().map(String::as_str).collect();
    assert_eq!(missing(&table(&lines)).count(), 0);
    lines.retain(|line| !line.starts_with("| FR-D10 "));
    assert_eq!(missing(&table(&lines)).collect::<Vec<_>>(), ["FR-D10 has no line in the table: add the row"]);
}

#[test]
fn writing_changes_only_column_of_tests() {
    let stale = "# Title\n\n| row | where | asked | tests | remark |\n| --- | --- | --- | --- | --- |\n\
                 | A01 | s | r | `old.rs::one` | kept |\n| A02 | s | r | | Open: soon |\n| A03 | s | r | | |\n\nText | with | bars\n";
    let claimed = claimed(TESTS);
    let written = Table::parse(stale).with_tests(&claimed.tests_of_rows);
    let expected = stale
        .replace("`old.rs::one`", "`a.rs::one`")
        .replace("| A02 | s | r | | Open: soon |", "| A02 | s | r | `a.rs::one` | |")
        .replace("| A03 | s | r | | |", "| A03 | s | r | `a.rs::one`, `a.rs::two` | |");
    assert_eq!(written, expected);
    assert_eq!(problems_of(&Table::parse(&written), &claimed), [""; 0]);
}
