//! Finds the test functions of a Rust file, and the comments in them. It reads lines, so the code
//! must be formatted.
//!
//! A check of `tests/gateways` counts as a test. It returns a `Cell` of the table, and `scripts/gateways`
//! runs it. `gateways.rs` tests that.

/// The tests of a file, and the comments in them.
#[derive(Default)]
pub(crate) struct TestFunctions<'a> {
    pub(crate) tests: Vec<TestFunction<'a>>,
    /// Comments outside of tests, with their line numbers.
    pub(crate) other_comments: Vec<(usize, &'a str)>,
}

pub(crate) struct TestFunction<'a> {
    pub(crate) name: &'a str,
    /// Whether the test is ignored by default.
    pub(crate) is_ignored: bool,
    pub(crate) comments: Vec<&'a str>,
}

/// The position of a line.
enum Place {
    Outside,
    /// Between a test's first attribute and its name.
    Attributes {
        is_ignored: bool,
    },
    /// In the last test.
    Test {
        indentation: usize,
    },
}

impl<'a> TestFunctions<'a> {
    pub(crate) fn read(source: &'a str) -> Self {
        let (mut found, mut place) = (Self::default(), Place::Outside);
        for (at, line) in source.lines().enumerate() {
            let (code, indentation) = (line.trim(), line.len() - line.trim_start().len());
            match &mut place {
                Place::Outside if is_test_attribute(code) => place = Place::Attributes { is_ignored: false },
                Place::Outside if is_check(code) => {
                    let name = function_name(code).unwrap_or_default();
                    found.tests.push(TestFunction { name, is_ignored: false, comments: Vec::new() });
                    place = Place::Test { indentation };
                }
                Place::Attributes { is_ignored } => {
                    *is_ignored |= code.starts_with("#[ignore");
                    if let Some(name) = function_name(code) {
                        let is_ignored = *is_ignored;
                        found.tests.push(TestFunction { name, is_ignored, comments: Vec::new() });
                        let is_empty = code.ends_with("{}");
                        place = if is_empty { Place::Outside } else { Place::Test { indentation } };
                    }
                }
                // In formatted code, a function begins and ends with the same indentation.
                Place::Test { indentation: begin } if code == "}" && indentation == *begin => {
                    place = Place::Outside;
                }
                Place::Outside | Place::Test { .. } => {}
            }
            let Some(comment) = code.strip_prefix("// ") else { continue };
            match (&place, found.tests.last_mut()) {
                (Place::Test { .. }, Some(test)) => test.comments.push(comment),
                _ => found.other_comments.push((at + 1, comment)),
            }
        }
        found
    }

    /// Returns whether there is a test of this name that is run.
    pub(crate) fn run(&self, name: &str) -> bool {
        self.tests.iter().any(|test| test.name == name && !test.is_ignored)
    }
}

fn is_test_attribute(code: &str) -> bool {
    code == "#[test]" || code.starts_with("#[tokio::test")
}

fn is_check(code: &str) -> bool {
    code.starts_with("pub(super) async fn ") && code.ends_with(" -> Cell {")
}

fn function_name(code: &str) -> Option<&str> {
    let code = code.strip_prefix("pub(super) ").unwrap_or(code);
    let rest = code.strip_prefix("async ").unwrap_or(code).strip_prefix("fn ")?;
    rest.split(|c: char| c != '_' && !c.is_alphanumeric()).next()
}

// The attributes below are joined at run time, because this file is checked as well.

#[test]
fn only_real_tests_are_found() {
    let source = "%[test]\nfn yes() {}\n    %[tokio::test(start_paused = true)]\n    async fn also() {}\nfn no() {}\n\
                  %[test]\n%[ignore = \"slow\"]\nfn not_run() {}\n// fn comment() {}\n%[test]\nfn yes_and_more() {}"
        .replace('%', "#");
    let found = TestFunctions::read(&source);
    for name in ["yes", "also", "yes_and_more"] {
        assert!(found.run(name), "{name}");
    }
    for name in ["no", "not_run", "comment", "ye", "yes_and"] {
        assert!(!found.run(name), "{name}");
    }
}

#[test]
fn checks_of_gateways_count_as_tests() {
    let source = "impl A {\n    pub(super) async fn yes(&self) -> Cell {\n        @ a\n    }\n    async fn no() -> Cell {\n        \
                  @ b\n    }\n    pub(super) async fn nor() -> Result {\n        @ c\n    }\n}\n"
        .replace('@', "//");
    let found = TestFunctions::read(&source);
    let of_tests: Vec<_> = found.tests.iter().map(|test| (test.name, &test.comments[..])).collect();
    assert_eq!(of_tests, [("yes", &["a"][..])]);
    assert_eq!(found.other_comments, [(6, "b"), (9, "c")]);
}

#[test]
fn comments_belong_to_their_test() {
    let source =
        "@ a\n%[test]\nfn one() {\n    if x {\n    }\n    @ b\n}\n@ c\nfn no() {\n    @ d\n}\n%[test]\n\
                  %[should_panic(\n    expected = \"x\"\n)]\nfn two() {\n    @ e\n}\n"
            .replace('%', "#")
            .replace('@', "//");
    let found = TestFunctions::read(&source);
    let of_tests: Vec<_> = found.tests.iter().map(|test| (test.name, &test.comments[..])).collect();
    assert_eq!(of_tests, [("one", &["b"][..]), ("two", &["e"][..])]);
    assert_eq!(found.other_comments, [(1, "a"), (8, "c"), (10, "d")]);
}
