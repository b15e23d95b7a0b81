//! The body of a module: its declarations, its imports and the paths in its code.

use std::collections::BTreeSet;

use super::lexer::{Kind, Token};
use super::test_code::{after_group, begins, depth_after};
use super::use_tree::{Import, imports};

#[derive(Debug, Default)]
pub(crate) struct Body {
    /// The modules in the order of their declaration.
    pub(crate) modules: Vec<Declared>,
    /// The names of types, functions and other items.
    pub(crate) items: BTreeSet<String>,
    pub(crate) imports: Vec<Import>,
    pub(crate) paths: Vec<CodePath>,
}

/// A `mod` line or block.
#[derive(Debug)]
pub(crate) struct Declared {
    pub(crate) name: String,
    /// `None` if it is in another file.
    pub(crate) body: Option<Body>,
}

/// At least two words that are joined by `::`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CodePath {
    pub(crate) path: Vec<String>,
    pub(crate) line: usize,
}

impl Body {
    pub(crate) fn parse(tokens: &[Token<'_>]) -> Self {
        let mut body = Self::default();
        body.read(tokens, true);
        body
    }

    fn read(&mut self, tokens: &[Token<'_>], at_item_level: bool) {
        let (mut at, mut depth) = (0, usize::from(!at_item_level));
        while at < tokens.len() {
            let (token, rest) = (tokens[at], &tokens[at + 1..]);
            if token.kind != Kind::Word {
                depth = depth_after(depth, &token);
                at += 1;
                continue;
            }
            let before = at.checked_sub(1).map(|before| tokens[before]);
            // A method, the rest of a path that begins with a type in angle brackets, or a macro's `$crate`, whose path
            // is resolved where the macro is used and so can only name what the crate shows to others.
            if before.is_some_and(|before| before.is(".") || before.is("::") || before.is("$")) {
                at += 1;
                continue;
            }
            match (token.text, rest) {
                ("use", [next, ..]) if !next.is("<") => {
                    let length = rest.iter().take_while(|token| !token.is(";")).count();
                    let is_public =
                        depth == 0 && before.is_some_and(|before| before.is("pub") || before.is(")"));
                    self.imports.extend(imports(&rest[..length], is_public));
                    at += 1 + length;
                }
                ("mod", [name, after, ..]) if depth == 0 && after.is("{") => {
                    let end = after_group(tokens, at + 2);
                    let body = Some(Self::parse(&tokens[at + 3..end - 1]));
                    self.modules.push(Declared { name: name.text.to_owned(), body });
                    at = end;
                }
                ("mod", [name, after, ..]) if depth == 0 && after.is(";") => {
                    self.modules.push(Declared { name: name.text.to_owned(), body: None });
                    at += 3;
                }
                // `pin_project! { … }`: what is inside stands in this module.
                (_, [call, open, ..]) if depth == 0 && call.is("!") && open.is("{") => {
                    let end = after_group(tokens, at + 2);
                    self.read(&tokens[at + 3..end - 1], true);
                    at = end;
                }
                (_, _) => {
                    if depth == 0
                        && let Some(name) = defined(&tokens[at..])
                    {
                        self.items.insert(name.to_owned());
                    }
                    let path = path(&tokens[at..]);
                    let length = path.len();
                    if length > 1 {
                        self.paths.push(CodePath { path, line: token.line });
                    }
                    at += 2 * length - 1;
                }
            }
        }
    }
}

/// Returns the name of the item that begins with this keyword.
fn defined<'a>(tokens: &[Token<'a>]) -> Option<&'a str> {
    if begins(tokens, &["macro_rules", "!"]) {
        return tokens.get(2).map(|token| token.text);
    }
    let [keyword, name, ..] = tokens else { return None };
    let is_item =
        matches!(keyword.text, "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static");
    let is_name =
        name.kind == Kind::Word && !matches!(name.text, "fn" | "unsafe" | "async" | "extern" | "mut");
    (is_item && is_name).then_some(name.text)
}

fn path(tokens: &[Token<'_>]) -> Vec<String> {
    let mut path = vec![tokens[0].text.to_owned()];
    for pair in tokens[1..].chunks_exact(2) {
        if !pair[0].is("::") || pair[1].kind != Kind::Word {
            break;
        }
        path.push(pair[1].text.to_owned());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    #[test]
    fn items_modules_and_imports_are_found() {
        let body = Body::parse(&tokens(
            "pub(crate) use a::B; mod c; pub mod d { use e::F; struct G; } pub struct H<T> { i: T }\n\
             const fn j() { use k::L; struct M; } const N: u8 = 1; macro_rules! o { () => {} }\n\
             pin_project! { #[derive(Debug)] pub struct P { q: u8 } } impl R { fn s() {} } static T: u8 = 1;",
        ));
        assert_eq!(body.items.iter().map(String::as_str).collect::<Vec<_>>(), ["H", "N", "P", "T", "j", "o"]);
        let imports: Vec<_> = body.imports.iter().map(|i| (i.path.join("::"), i.is_public)).collect();
        assert_eq!(imports, [("a::B".to_owned(), true), ("k::L".to_owned(), false)]);
        let [c, d] = &body.modules[..] else { panic!("{:?}", body.modules) };
        assert!(c.name == "c" && c.body.is_none());
        assert!(d.name == "d" && d.body.as_ref().unwrap().items.contains("G"));
    }

    #[test]
    fn paths_are_found_in_code_only() {
        let body = Body::parse(&tokens(
            "fn a() { crate::b::c(); $crate::Y::z(); d::<E>::f(); \"crate::g\"; x.y::<Z>(); <A as crate::B>::c::d(); h!(i::J) } // k::l",
        ));
        let paths: Vec<_> = body.paths.iter().map(|path| path.path.join("::")).collect();
        assert_eq!(paths, ["crate::b::c", "crate::B", "i::J"]);
    }
}
