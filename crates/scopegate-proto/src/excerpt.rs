//! A short, printable piece of an untrusted string.
//!
//! Whatever a token or a server contains may end in an operator's log. An excerpt is cut to a fixed
//! length and escaped, so it can neither flood a log line nor forge a second one. Do not show it to
//! the client.

use std::fmt;

/// An untrusted string, cut to a number of characters; printed quoted and escaped.
///
/// ```
/// use scopegate_proto::excerpt::Excerpt;
///
/// assert_eq!(Excerpt::new("a\nb").to_string(), r#""a\nb""#);
/// assert_eq!(Excerpt::with_limit("abc", 2).to_string(), r#""ab"…"#);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt {
    text: Box<str>,
    cut: bool,
}

impl Excerpt {
    /// Number of characters that [`new`](Self::new) preserves.
    pub const DEFAULT_LIMIT: usize = 80;

    /// Cuts the string to 80 characters.
    pub fn new(text: &str) -> Self {
        Self::with_limit(text, Self::DEFAULT_LIMIT)
    }

    /// Cuts the string to `limit` characters.
    pub fn with_limit(text: &str, limit: usize) -> Self {
        let kept: String = text.chars().take(limit).collect();
        Self { cut: kept.len() < text.len(), text: kept.into_boxed_str() }
    }

    /// Returns the cut string as it was found, not escaped: for comparisons, not for logs.
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
    fn long_value_is_cut_and_marked() {
        // A19
        assert_eq!(Excerpt::new("abc").to_string(), r#""abc""#);
        for limit in [Excerpt::DEFAULT_LIMIT, 120] {
            let whole = Excerpt::with_limit(&"ä".repeat(limit), limit);
            assert!(whole.to_string().ends_with('"'));
            let long = Excerpt::with_limit(&"ä".repeat(limit + 1), limit);
            assert_eq!(long.as_str(), "ä".repeat(limit));
            assert!(long.to_string().ends_with("\"…"));
        }
        let long = "ä".repeat(Excerpt::DEFAULT_LIMIT + 1);
        assert_eq!(Excerpt::new(&long), Excerpt::with_limit(&long, Excerpt::DEFAULT_LIMIT));
    }

    #[test]
    fn line_breaks_and_quotes_are_escaped() {
        // A19
        assert_eq!(Excerpt::new("a\nb\"c\u{1b}").to_string(), r#""a\nb\"c\u{1b}""#);
        assert_eq!(format!("{:?}", Excerpt::new("a\nb")), r#""a\nb""#);
    }
}
