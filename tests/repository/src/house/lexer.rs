//! Rust source text as tokens, without comments and white space.

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Word,
    /// A string, a character or a lifetime.
    Literal,
    /// One punctuation character, or `::`.
    Sign,
}

/// A piece of source text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// The line number, counted from one.
    pub(crate) line: usize,
    /// The last line, because a string can have several lines.
    pub(crate) last_line: usize,
}

impl Token<'_> {
    pub(crate) fn is(&self, text: &str) -> bool {
        self.kind != Kind::Literal && self.text == text
    }
}

pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let (mut tokens, mut at, mut line) = (Vec::new(), 0, 1);
    while at < source.len() {
        let rest = &source[at..];
        let (kind, length) = piece(rest);
        let text = &rest[..length];
        let last_line = line + text.matches('\n').count();
        if let Some(kind) = kind {
            tokens.push(Token { kind, text, line, last_line });
        }
        (at, line) = (at + length, last_line);
    }
    tokens
}

/// Returns the kind and the length of the first piece. The kind is `None` for a comment or white
/// space.
fn piece(rest: &str) -> (Option<Kind>, usize) {
    let first = rest.chars().next().unwrap();
    if first.is_whitespace() {
        return (None, rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()));
    }
    if rest.starts_with("//") {
        return (None, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (None, block_comment(rest));
    }
    if let Some(length) = string(rest) {
        return (Some(Kind::Literal), length);
    }
    if first == '\'' {
        return (Some(Kind::Literal), character_or_lifetime(rest));
    }
    if is_word(first) {
        let raw = if rest.starts_with("r#") { 2 } else { 0 };
        return (Some(Kind::Word), raw + word(&rest[raw..]));
    }
    let length = if rest.starts_with("::") { 2 } else { first.len_utf8() };
    (Some(Kind::Sign), length)
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn word(rest: &str) -> usize {
    rest.find(|c: char| !is_word(c)).unwrap_or(rest.len())
}

/// Returns the length of a block comment. Block comments can be nested.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// Returns the length of a string of any form, including its prefix.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let body = &rest[prefix.len()..];
    let hashes = body.len() - body.trim_start_matches('#').len();
    if prefix.ends_with('r') {
        let end = format!("\"{}", "#".repeat(hashes));
        let begin = prefix.len() + hashes + 1;
        return Some(rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len()));
    }
    // `#"` is not a string, but a sign before a string.
    (hashes == 0).then(|| prefix.len() + quoted(body))
}

/// Returns the length of a literal that begins and ends with the same quote. Escaped quotes are
/// skipped.
fn quoted(body: &str) -> usize {
    let mut characters = body.char_indices();
    let (_, quote) = characters.next().unwrap();
    while let Some((at, c)) = characters.next() {
        if c == '\\' {
            characters.next();
        } else if c == quote {
            return at + 1;
        }
    }
    body.len()
}

fn character_or_lifetime(rest: &str) -> usize {
    let mut inside = rest[1..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), _) | (_, Some('\'')) => quoted(rest),
        _ => 1 + word(&rest[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_white_space_are_dropped() {
        assert_eq!(texts("a // b\n/* c /* d */ e */ f /// g\n"), ["a", "f"]);
        assert_eq!(texts("a / b * c"), ["a", "/", "b", "*", "c"]);
    }

    #[test]
    fn strings_and_characters_are_one_token() {
        for literal in [
            r#""a \" // b""#,
            r##"r#"a " b"#"##,
            "br\"\\\"",
            "b\"x\"",
            "'a'",
            r"'\''",
            "'\"'",
            "b'x'",
            "'static",
            "'ü'",
        ] {
            let source = format!("x {literal} y");
            let expected =
                if literal == "b'x'" { vec!["x", "b", "'x'", "y"] } else { vec!["x", literal, "y"] };
            assert_eq!(texts(&source), expected, "{literal}");
        }
    }

    #[test]
    fn words_are_split_from_signs() {
        assert_eq!(
            texts("a::b::<C>(r#type.x)"),
            ["a", "::", "b", "::", "<", "C", ">", "(", "r#type", ".", "x", ")"]
        );
    }

    #[test]
    fn lines_are_counted_inside_of_tokens_too() {
        let lines: Vec<_> = tokens("a\n\"b\nc\"\n/*\n*/ d").iter().map(|t| (t.line, t.last_line)).collect();
        assert_eq!(lines, [(1, 1), (2, 3), (5, 5)]);
    }
}
