//! Finds the rows that the tests of the workspace name in comments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::ids::{is_misleading, rows};
use super::rust_files;
use crate::test_functions::TestFunctions;

/// The rows that tests name. The name of a test is `path/of/its/file.rs::its_name`.
#[derive(Default)]
pub(crate) struct Claimed {
    pub(crate) all_tests: BTreeSet<String>,
    pub(crate) tests_of_rows: BTreeMap<String, BTreeSet<String>>,
    pub(crate) problems: Vec<String>,
}

impl Claimed {
    /// Reads every source file that may contain tests.
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
                if is_misleading(comment) {
                    self.problems
                        .push(format!("{name}, `// {comment}`: name each row by itself and in full"));
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
