//! Which rows do the tests of the workspace say that they show? Source text in, names out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::rust_files;

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
        let mut place = Place::Outside;
        for (number, line) in source.lines().enumerate() {
            let (indentation, code) = (line.len() - line.trim_start().len(), line.trim());
            match &place {
                Place::Outside if is_test_attribute(code) => place = Place::Attributes,
                Place::Attributes => {
                    if let Some(name) = function_name(code) {
                        let test = format!("{path}::{name}");
                        self.all_tests.insert(test.clone());
                        place = Place::Test { test, indentation };
                    }
                }
                // Formatted code closes a function where it began.
                Place::Test { indentation: begin, .. } if code == "}" && indentation == *begin => {
                    place = Place::Outside;
                }
                Place::Outside | Place::Test { .. } => {}
            }
            let rows = code.strip_prefix("// ").map(rows).unwrap_or_default();
            match &place {
                Place::Test { test, .. } => {
                    for row in rows {
                        self.tests_of_rows.entry(row).or_default().insert(test.clone());
                    }
                }
                _ if rows.is_empty() => {}
                _ => self.problems.push(format!(
                    "{path}, line {}: {} outside of a test function shows nothing: move the comment into the test",
                    number + 1,
                    rows.join(", ")
                )),
            }
        }
    }
}

/// Where a line stands.
enum Place {
    Outside,
    /// Between a test's first attribute and its name.
    Attributes,
    Test {
        test: String,
        indentation: usize,
    },
}

fn is_test_attribute(text: &str) -> bool {
    text == "#[test]" || text.starts_with("#[tokio::test")
}

fn function_name(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("async ").unwrap_or(text).strip_prefix("fn ")?;
    rest.split(|c: char| c != '_' && !c.is_alphanumeric()).next()
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
