//! The test functions of a Rust file, and the comments in them: source text in, names out. It reads lines, so the code has
//! to be formatted. It knows nothing of the documents that name tests.

/// The tests of a file, and the comments in them.
#[derive(Default)]
pub(crate) struct TestFunctions<'a> {
    pub(crate) tests: Vec<TestFunction<'a>>,
    /// Comments that are in no test, with the numbers of their lines.
    pub(crate) other_comments: Vec<(usize, &'a str)>,
}

pub(crate) struct TestFunction<'a> {
    pub(crate) name: &'a str,
    /// It is not run by default.
    pub(crate) is_ignored: bool,
    pub(crate) comments: Vec<&'a str>,
}

/// Where a line stands.
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
                Place::Attributes { is_ignored } => {
                    *is_ignored |= code.starts_with("#[ignore");
                    if let Some(name) = function_name(code) {
                        let is_ignored = *is_ignored;
                        found.tests.push(TestFunction { name, is_ignored, comments: Vec::new() });
                        let is_empty = code.ends_with("{}");
                        place = if is_empty { Place::Outside } else { Place::Test { indentation } };
                    }
                }
                // Formatted code closes a function where it began.
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

    /// Whether a test of this name is there, and is run.
    pub(crate) fn run(&self, name: &str) -> bool {
        self.tests.iter().any(|test| test.name == name && !test.is_ignored)
    }
}

fn is_test_attribute(code: &str) -> bool {
    code == "#[test]" || code.starts_with("#[tokio::test")
}

fn function_name(code: &str) -> Option<&str> {
    let rest = code.strip_prefix("async ").unwrap_or(code).strip_prefix("fn ")?;
    rest.split(|c: char| c != '_' && !c.is_alphanumeric()).next()
}

// The attributes below are put together, because this file is read, too.

#[test]
fn a_test_is_told_from_what_only_looks_like_one() {
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
fn comments_are_those_of_the_test_that_they_stand_in() {
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
