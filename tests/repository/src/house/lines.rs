//! Lines of code (lines with more than white space and comments), separately for product and test
//! code.

use std::collections::{BTreeMap, BTreeSet};

use super::Sources;
use super::lexer::{Token, tokens};
use super::module::CrateTree;
use super::test_code::split;

/// The code lines of a folder.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    pub(crate) product: Part,
    pub(crate) tests: Part,
}

#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The code lines of each file, white space folded.
    pub(crate) files: Vec<Vec<String>>,
    /// The number of lines that are duplicates of lines in another file.
    pub(crate) duplicated: usize,
}

impl Part {
    pub(crate) fn count(&self) -> usize {
        self.files.iter().map(Vec::len).sum()
    }
}

impl Lines {
    pub(crate) fn count(sources: &Sources, tree: Option<&CrateTree>) -> Self {
        let mut lines = Self::default();
        for (file, text) in sources {
            let is_test =
                !file.starts_with("src/") || tree.is_some_and(|tree| tree.test_files.contains(file));
            let tokens = tokens(text);
            if is_test {
                lines.tests.files.push(folded(text, &tokens, &[]));
            } else {
                let split = split(&tokens);
                lines.product.files.push(folded(text, &split.product, &[]));
                lines.tests.files.push(folded(text, &split.tests, &split.product));
            }
        }
        lines
    }
}

/// Returns the lines that contain one of the tokens, and none of the others.
fn folded(text: &str, tokens: &[Token<'_>], others: &[Token<'_>]) -> Vec<String> {
    let all = |tokens: &[Token<'_>]| -> BTreeSet<usize> {
        tokens.iter().flat_map(|token| token.line..=token.last_line).collect()
    };
    let of_others = all(others);
    let texts: BTreeMap<usize, &str> = text.lines().enumerate().map(|(at, line)| (at + 1, line)).collect();
    let lines = all(tokens).into_iter().filter(|line| !of_others.contains(line));
    let folded = lines.map(|line| texts[&line].split_whitespace().collect::<Vec<_>>().join(" "));
    // A string may contain blank lines.
    folded.filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::module::tests::tree;
    use super::*;

    #[test]
    fn code_lines_exclude_blanks_comments_and_tests() {
        let files = [
            ("src/lib.rs", "//! A\n\nmod a; // b\n/* c\n */\n#[cfg(test)]\nmod tests;\n"),
            ("src/a.rs", "fn a() {\n    \"x\n\ny\";\n}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\n"),
            ("src/tests.rs", "fn c() {}\n"),
            ("tests/it/main.rs", "fn  d() {\n}\n"),
        ];
        let sources = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
        let lines = Lines::count(&sources, Some(&tree(&files)));
        assert_eq!((lines.product.count(), lines.tests.count()), (1 + 4, 2 + 4 + 1 + 2));
        assert_eq!(lines.tests.files.last().unwrap(), &["fn d() {", "}"]);
    }
}
