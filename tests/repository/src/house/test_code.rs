//! Separates test code from product code. Test code is items under `#[test]` and `#[cfg(test)]`,
//! and files under `#![cfg(test)]`.

use super::lexer::{Kind, Token};

#[derive(Debug, Default)]
pub(crate) struct Split<'a> {
    pub(crate) product: Vec<Token<'a>>,
    pub(crate) tests: Vec<Token<'a>>,
}

pub(crate) fn split<'a>(tokens: &[Token<'a>]) -> Split<'a> {
    let (mut found, mut at) = (Split::default(), 0);
    while at < tokens.len() {
        if begins(&tokens[at..], &["#", "!", "["]) && is_for_tests(&tokens[at + 3..]) {
            return Split { product: Vec::new(), tests: tokens.to_vec() };
        }
        if !begins(&tokens[at..], &["#", "["]) {
            found.product.push(tokens[at]);
            at += 1;
            continue;
        }
        let (mut end, mut for_tests) = (at, false);
        while begins(&tokens[end..], &["#", "["]) {
            for_tests |= is_for_tests(&tokens[end + 2..]);
            end = after_group(tokens, end + 1);
        }
        if for_tests {
            end = after_item(tokens, end);
            found.tests.extend(&tokens[at..end]);
        } else {
            found.product.extend(&tokens[at..end]);
        }
        at = end;
    }
    found
}

pub(crate) fn begins(tokens: &[Token<'_>], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.is(text))
}

/// Returns whether an attribute marks test code.
fn is_for_tests(attribute: &[Token<'_>]) -> bool {
    if begins(attribute, &["test", "]"]) || begins(attribute, &["tokio", "::", "test"]) {
        return true;
    }
    if !begins(attribute, &["cfg", "("]) {
        return false;
    }
    let inside = &attribute[2..after_group(attribute, 1)];
    let has = |word: &str| inside.iter().any(|token| token.is(word));
    (has("test") || has("doctest")) && !has("not") && !has("any")
}

/// Returns the position after the bracket that closes the bracket at `open`.
pub(crate) fn after_group(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        depth = depth_after(depth, token);
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

pub(crate) fn depth_after(depth: usize, token: &Token<'_>) -> usize {
    match token.text {
        "(" | "[" | "{" if token.kind == Kind::Sign => depth + 1,
        ")" | "]" | "}" if token.kind == Kind::Sign => depth.saturating_sub(1),
        _ => depth,
    }
}

/// Returns the position after the item, field, variant or statement that begins at `begin`.
fn after_item(tokens: &[Token<'_>], begin: usize) -> usize {
    let first = tokens.get(begin).map_or("", |token| token.text);
    let ends_with_semicolon = matches!(first, "use" | "const" | "static" | "let" | "type")
        && !tokens.get(begin + 1).is_some_and(|token| token.is("fn"));
    let is_item = matches!(
        first,
        "pub"
            | "fn"
            | "async"
            | "unsafe"
            | "const"
            | "struct"
            | "enum"
            | "trait"
            | "impl"
            | "mod"
            | "extern"
            | "macro_rules"
    );
    let mut at = begin;
    while at < tokens.len() {
        match tokens[at].text {
            _ if tokens[at].kind == Kind::Literal => at += 1,
            ";" => return at + 1,
            "," if !is_item && !ends_with_semicolon => return at + 1,
            "{" if !ends_with_semicolon => {
                let end = after_group(tokens, at);
                let is_use = tokens.get(end).is_some_and(|token| token.is(";"));
                return if is_use { end + 1 } else { end };
            }
            "(" | "[" | "{" => at = after_group(tokens, at),
            // The end of the surrounding item.
            ")" | "]" | "}" => return at,
            _ => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::lexer::tokens;
    use super::*;

    fn product(source: &str) -> String {
        let texts: Vec<_> = split(&tokens(source)).product.iter().map(|token| token.text).collect();
        texts.join(" ")
    }

    #[test]
    fn test_items_are_left_out() {
        for (source, expected) in [
            ("a; #[cfg(test)] mod tests { fn x() {} } b", "a ; b"),
            ("#[cfg(test)] mod tests; b", "b"),
            ("#[cfg(test)] use a::{b, c}; d", "d"),
            ("#[cfg(test)] pub(crate) use a::{b, c}; d", "d"),
            ("#[test] #[ignore] fn x<A, B>() -> [u8; 3] { a } b", "b"),
            ("#[tokio::test(start_paused = true)] async fn x() {} b", "b"),
            ("#[cfg(all(test, feature = \"x\"))] impl<A, B> C { } b", "b"),
            ("struct A { #[cfg(test)] x: u8, y: u8 }", "struct A { y : u8 }"),
            ("struct A { y: u8, #[cfg(test)] x: u8 }", "struct A { y : u8 , }"),
            ("#[cfg(test)] const A: B = B { c: 1 }; d", "d"),
            ("#![cfg(test)] a", ""),
        ] {
            assert_eq!(product(source), expected, "{source}");
        }
    }

    #[test]
    fn items_for_other_reasons_stay() {
        for source in [
            "# [ cfg ( not ( test ) ) ] mod a { }",
            "# [ cfg ( any ( test , b ) ) ] mod a ;",
            "# [ cfg ( feature = \"test\" ) ] mod a ;",
            "# [ test_case ] fn a ( ) { }",
            "# ! [ cfg ( fuzzing ) ] a",
        ] {
            assert_eq!(product(source), source);
        }
    }
}
