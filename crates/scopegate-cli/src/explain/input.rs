//! The token of the input: alone, or in a line as curl, browsers and token endpoints show it.

use std::io::{self, IsTerminal as _, Read};
use std::path::Path;

use crate::exit::Failure;
use crate::terminal;

/// Maximum length of the input in bytes. A copied request is longer than its token.
const MAX_INPUT: u64 = 256 * 1024;

/// A token of the input.
pub(crate) struct Token {
    pub(crate) text: String,
    /// Whether the input has whitespace inside the token.
    pub(crate) is_broken: bool,
}

impl Token {
    /// Returns whether this is one part, and not the begin of a JWT. JSON begins with `{"`, which is
    /// `ey` in base64url.
    pub(crate) fn is_opaque(&self) -> bool {
        !self.is_broken && !self.text.contains('.') && !self.text.starts_with("ey")
    }
}

pub(crate) fn from_file(file: &Path) -> Result<Token, Failure> {
    let name = file.display();
    let opened = std::fs::File::open(file).map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    read(opened, &name.to_string())
}

pub(crate) fn from_stdin() -> Result<Token, Failure> {
    if io::stdin().is_terminal() {
        terminal::note("paste the token or the line with it, then press Enter and Ctrl-D");
    }
    read(io::stdin().lock(), "standard input")
}

fn read(input: impl Read, name: &str) -> Result<Token, Failure> {
    let mut bytes = Vec::new();
    input
        .take(MAX_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Failure::usage(format!("{name}: expected at most {MAX_INPUT} bytes, found more")));
    }
    some_token(&String::from_utf8_lossy(&bytes), name)
}

/// Returns the token of an argument.
pub(crate) fn of_argument(text: &str) -> Result<Token, Failure> {
    some_token(text, "--token")
}

fn some_token(text: &str, name: &str) -> Result<Token, Failure> {
    let token = token_in(text);
    if token.text.is_empty() {
        Err(Failure::usage(format!("{name}: expected a token, found none")))
    } else {
        Ok(token)
    }
}

/// Returns the token in a text:
///
/// 1. the word after `Bearer` or `DPoP`, for example in `Authorization: Bearer …`
/// 2. the member `access_token` of JSON
/// 3. the whole text
fn token_in(text: &str) -> Token {
    let text = text.trim();
    if let Some(token) = after_scheme(text) {
        return Token { text: token.to_owned(), is_broken: false };
    }
    if let Ok(json) = serde_json::from_str::<serde_json::Value>(text)
        && let Some(token) = json.get("access_token").and_then(serde_json::Value::as_str)
    {
        return Token { text: token.to_owned(), is_broken: false };
    }
    let token = text.trim_matches(['"', '\'', '`', ',', ';']);
    Token { text: token.to_owned(), is_broken: token.contains(char::is_whitespace) }
}

/// Returns the word after the first authentication scheme that is followed by one.
fn after_scheme(text: &str) -> Option<&str> {
    // Schemes are compared without case (RFC 9110 §11.1).
    let lower = text.to_ascii_lowercase();
    ["bearer", "dpop"].into_iter().find_map(|scheme| {
        lower.match_indices(scheme).find_map(|(at, _)| {
            let before = text.get(..at)?.chars().next_back();
            let after = text.get(at + scheme.len()..)?;
            let is_word = before.is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != '_');
            let rest = after.trim_start_matches([' ', '\t']);
            let token = rest.split(|c: char| c.is_whitespace() || "\"'`,;)\\".contains(c)).next()?;
            (is_word && rest.len() < after.len() && !token.is_empty()).then_some(token)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_in_usual_lines() {
        for line in [
            "a.b.c",
            "  a.b.c\r\n",
            "\"a.b.c\"",
            "'a.b.c',",
            "Bearer a.b.c",
            "bearer   a.b.c",
            "DPoP a.b.c",
            "Authorization: Bearer a.b.c",
            "authorization: Bearer a.b.c\n",
            "authorization\nBearer a.b.c",
            "> Authorization: Bearer a.b.c\r\n> Accept: */*",
            "curl -H 'Authorization: Bearer a.b.c' https://api.example",
            "curl 'https://api.example' \\\n  -H \"authorization: Bearer a.b.c\" \\\n  --compressed",
            r#"fetch("https://api.example", {"headers": {"authorization": "Bearer a.b.c"}})"#,
            r#"{"access_token":"a.b.c","token_type":"Bearer"}"#,
            r#"{"token_type": "bearer", "access_token": "a.b.c"}"#,
        ] {
            let token = token_in(line);
            assert_eq!((token.text.as_str(), token.is_broken), ("a.b.c", false), "{line}");
        }
    }

    #[test]
    fn line_break_inside_token_is_reported() {
        assert!(token_in("a.b\nb.c").is_broken);
        assert!(!token_in("a.b.c\n").is_broken);
    }

    #[test]
    fn scheme_inside_another_word_is_no_scheme() {
        assert_eq!(token_in("xbearer a.b.c").text, "xbearer a.b.c");
        assert_eq!(token_in("forbearer").text, "forbearer");
        assert_eq!(token_in("Bearer").text, "Bearer");
        assert_eq!(token_in("").text, "");
    }
}
