//! `use` declarations, one import for each name.

use super::lexer::{Kind, Token};
use super::test_code::after_group;

/// One name of a `use` declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// The path without `self` at its end, and without `*`.
    pub(crate) path: Vec<String>,
    /// The name in this module; `None` for `*`.
    pub(crate) name: Option<String>,
    /// Whether it is a `pub use` of any form.
    pub(crate) is_public: bool,
    pub(crate) line: usize,
}

/// Reads the tokens between `use` and its semicolon.
pub(crate) fn imports(tree: &[Token<'_>], is_public: bool) -> Vec<Import> {
    let mut found = Vec::new();
    read(tree, &[], is_public, &mut found);
    found
}

fn read(tree: &[Token<'_>], prefix: &[String], is_public: bool, found: &mut Vec<Import>) {
    let (mut path, mut at) = (prefix.to_vec(), 0);
    let Some(line) = tree.first().map(|token| token.line) else { return };
    while let Some(token) = tree.get(at) {
        match token.text {
            "::" => at += 1,
            "*" => {
                found.push(Import { path, name: None, is_public, line: token.line });
                return;
            }
            "{" => {
                let inside = &tree[at + 1..after_group(tree, at) - 1];
                for branch in branches(inside) {
                    read(branch, &path, is_public, found);
                }
                return;
            }
            _ if token.kind == Kind::Word => {
                let is_self_of_braces = token.is("self") && !prefix.is_empty() && at == 0;
                if !is_self_of_braces {
                    path.push(token.text.to_owned());
                }
                at += 1;
                if let [keyword, alias, ..] = &tree[at..]
                    && keyword.is("as")
                {
                    found.push(Import { path, name: Some(alias.text.to_owned()), is_public, line });
                    return;
                }
            }
            _ => return,
        }
    }
    let name = path.last().cloned();
    found.push(Import { path, name, is_public, line });
}

/// Returns the parts between the commas of this level.
fn branches<'t, 'a>(inside: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let (mut parts, mut begin, mut at) = (Vec::new(), 0, 0);
    while at < inside.len() {
        if inside[at].is("{") {
            at = after_group(inside, at);
        } else {
            if inside[at].is(",") {
                parts.push(&inside[begin..at]);
                begin = at + 1;
            }
            at += 1;
        }
    }
    parts.push(&inside[begin..]);
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    fn read_all(tree: &str) -> Vec<String> {
        let shown = |import: Import| {
            format!("{} = {}", import.name.as_deref().unwrap_or("*"), import.path.join("::"))
        };
        imports(&tokens(tree), false).into_iter().map(shown).collect()
    }

    #[test]
    fn each_name_of_a_tree_is_an_import() {
        for (tree, expected) in [
            ("a::B", &["B = a::B"][..]),
            ("a", &["a = a"]),
            ("a::B as _", &["_ = a::B"]),
            (
                "crate::a::{self, b::{C, D as E}, f::*,}",
                &["a = crate::a", "C = crate::a::b::C", "E = crate::a::b::D", "* = crate::a::f"],
            ),
            ("super::super::*", &["* = super::super"]),
            ("self::a::B", &["B = self::a::B"]),
            ("{a::B, c::{self as d}}", &["B = a::B", "d = c"]),
            ("::a::B", &["B = a::B"]),
        ] {
            assert_eq!(read_all(tree), expected, "{tree}");
        }
    }

    #[test]
    fn lines_are_those_of_the_names() {
        let lines: Vec<_> = imports(&tokens("a::{\n  B,\n  C,\n}"), true).iter().map(|i| i.line).collect();
        assert_eq!(lines, [2, 3]);
    }
}
