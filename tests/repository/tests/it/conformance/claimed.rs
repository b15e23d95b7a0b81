//! Which rows do the tests of the workspace say that they show? Source text in, names out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::rust_files;
use crate::test_functions::TestFunctions;

/// What the tests say. A test is called `path/of/its/file.rs::its_name`.
#[derive(Default)]
pub(crate) struct Claimed {
    pub(crate) all_tests: BTreeSet<String>,
    pub(crate) tests_of_rows: BTreeMap<String, BTreeSet<String>>,
    pub(crate) problems: Vec<String>,
}

impl Claimed {
    /// Reads every source file that may hold tests.
    pub(crate) fn read(root: &Path) -> Self {
        let mut claimed = Self::default();
        for files in ["crates", "examples", "tests"].map(|directory| rust_files(&root.join(directory))) {
            for file in files {
                let path = file.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
                claimed.read_source(&path, &fs::read_to_string(&file).unwrap());
            }
        }
        claimed
    }

    pub(crate) fn read_source(&mut self, path: &str, source: &str) {
        let TestFunctions { tests, other_comments } = TestFunctions::read(source);
        for test in tests {
            let name = format!("{path}::{}", test.name);
            for comment in test.comments {
                if begins_with_more_than_a_row(comment) {
                    self.problems.push(format!("{name}, `// {comment}`: name each row by itself"));
                }
                for row in rows(comment) {
                    if test.is_ignored {
                        self.problems.push(format!("{row} in {name}, which is not run and so shows nothing"));
                    }
                    self.tests_of_rows.entry(row).or_default().insert(name.clone());
                }
            }
            self.all_tests.insert(name);
        }
        for (line, comment) in other_comments {
            let rows = rows(comment);
            if !rows.is_empty() {
                self.problems.push(format!(
                    "{path}, line {line}: {} outside of a test function shows nothing: move the comment into the test",
                    rows.join(", ")
                ));
            }
        }
    }
}

/// As in `A01-A19`, which would be read as no row at all.
fn begins_with_more_than_a_row(comment: &str) -> bool {
    match comment.as_bytes() {
        [b'A'..=b'H', b'0'..=b'9', b'0'..=b'9', next, ..] => !matches!(next, b',' | b':' | b' '),
        _ => false,
    }
}

/// The ids that a comment begins with: `A03, A05: and so on`. Those of other lists, such as `W7`, may stand among them.
fn rows(comment: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for part in comment.split(", ") {
        let id = part.split([':', ' ']).next().unwrap_or_default();
        match id.as_bytes() {
            [b'A'..=b'H', b'0'..=b'9', b'0'..=b'9'] => rows.push(id.to_owned()),
            [b'A'..=b'Z', b'0'..=b'9'] | [b'A'..=b'Z', b'0'..=b'9', b'0'..=b'9'] => {}
            _ => break,
        }
        if id != part {
            break;
        }
    }
    rows
}
