//! A short, printable piece of text that came from a server.
//!
//! Whatever a server writes into an error may end in a log. An excerpt is cut to a fixed length and escaped, so it can
//! neither flood a log line nor forge a second one.

use std::fmt;

/// At most this many characters of a foreign value are kept.
const LIMIT: usize = 120;

/// A text of a server, cut to 120 characters; printed quoted and escaped.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt {
    text: Box<str>,
    cut: bool,
}

impl Excerpt {
    pub(crate) fn new(text: &str) -> Self {
        let kept: String = text.chars().take(LIMIT).collect();
        Self { cut: kept.len() < text.len(), text: kept.into_boxed_str() }
    }

    /// The kept text as it was found, not escaped: for comparisons, not for logs.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.text, if self.cut { "…" } else { "" })
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_and_says_so() {
        assert_eq!(Excerpt::new("abc").to_string(), r#""abc""#);
        let long = Excerpt::new(&"ä".repeat(LIMIT + 1));
        assert_eq!(long.as_str(), "ä".repeat(LIMIT));
        assert!(long.to_string().ends_with("\"…"));
    }

    #[test]
    fn line_breaks_and_quotes_are_escaped() {
        assert_eq!(Excerpt::new("a\nb\"c\u{1b}").to_string(), r#""a\nb\"c\u{1b}""#);
    }
}
