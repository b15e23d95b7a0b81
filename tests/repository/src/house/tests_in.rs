//! Counts the tests and assertions in the source text of a folder. A macro that generates several
//! tests counts as one test.

use super::Sources;
use super::lexer::{Token, tokens};
use super::test_code::begins;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TestCount {
    /// Functions under `#[test]` or `#[tokio::test]`.
    pub(crate) tests: usize,
    /// Calls of macros whose names begin with `assert` or `prop_assert`.
    pub(crate) assertions: usize,
}

impl TestCount {
    pub(crate) fn of(sources: &Sources) -> Self {
        let mut count = Self::default();
        for text in sources.values() {
            let tokens = tokens(text);
            for at in 0..tokens.len() {
                count.tests += usize::from(is_test(&tokens[at..]));
                count.assertions += usize::from(is_assertion(&tokens[at..]));
            }
        }
        count
    }
}

fn is_test(tokens: &[Token<'_>]) -> bool {
    begins(tokens, &["#", "[", "test", "]"]) || begins(tokens, &["#", "[", "tokio", "::", "test"])
}

fn is_assertion(tokens: &[Token<'_>]) -> bool {
    let [name, call, open, ..] = tokens else { return false };
    let is_name = name.text.starts_with("assert") || name.text.starts_with("prop_assert");
    is_name && call.is("!") && (open.is("(") || open.is("{") || open.is("["))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_tests_and_assertions_are_counted() {
        let source = "#[test] fn a() { assert!(matches!(b, C)); assert_eq!(1, 1); }\n\
                      #[tokio::test(start_paused = true)] async fn d() { prop_assert!(e); assert_rejected!(f); }\n\
                      macro_rules! assert_x { () => {} } fn assert_y() { assert_y(); \"assert!(x)\"; } // assert!(z)\n\
                      #[test_case] fn g() {} debug_assert!(h);";
        let sources = Sources::from([("a.rs".to_owned(), source.to_owned())]);
        assert_eq!(TestCount::of(&sources), TestCount { tests: 2, assertions: 4 });
    }
}
