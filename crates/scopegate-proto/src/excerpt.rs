//! A short, printable piece of an untrusted string.
//!
//! Parts of tokens and of server responses are logged. An excerpt is cut to a fixed length and
//! escaped, so an attacker can neither flood a log nor forge a line of it. Do not send an excerpt
//! to the client.

use std::fmt;

use serde_json::value::RawValue;

use crate::json::string;

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
    shown: Shown,
    /// One byte, because many errors hold excerpts.
    json_type: JsonType,
}

/// The extent of an excerpt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Whole,
    Cut,
    TypeOnly,
}

/// The JSON type of the original value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum JsonType {
    String,
    Object,
    Array,
    Boolean,
    Number,
    Null,
}

impl Excerpt {
    /// Maximum number of characters in an excerpt of [`new`](Self::new).
    pub const DEFAULT_LIMIT: usize = 80;

    /// Maximum number of characters in an excerpt of [`identifier`](Self::identifier).
    pub const IDENTIFIER_LIMIT: usize = 256;

    /// Cuts the string to 80 characters.
    pub fn new(text: &str) -> Self {
        Self::with_limit(text, Self::DEFAULT_LIMIT)
    }

    /// Cuts the string to `limit` characters.
    pub fn with_limit(text: &str, limit: usize) -> Self {
        let kept: String = text.chars().take(limit).collect();
        let shown = if kept.len() < text.len() { Shown::Cut } else { Shown::Whole };
        Self { shown, text: kept.into_boxed_str(), json_type: JsonType::String }
    }

    /// Cuts a name to 256 characters. Use it for names that operators copy, such as an issuer or an
    /// audience.
    pub fn identifier(text: &str) -> Self {
        Self::with_limit(text, Self::IDENTIFIER_LIMIT)
    }

    /// Cuts a JSON value to `limit` characters. If it is not a string, its type is printed before
    /// it.
    ///
    /// ```
    /// # use scopegate_proto::excerpt::Excerpt;
    /// # use scopegate_proto::json::JsonObject;
    /// let claims = JsonObject::from_text(r#"{"aud":"api","nonce":5,"jti":null}"#)?;
    /// let shown = |claim| Excerpt::of_json(claims.get(claim).unwrap(), 80).to_string();
    /// assert_eq!(shown("aud"), r#""api""#);
    /// assert_eq!(shown("nonce"), r#"a number, "5""#);
    /// assert_eq!(shown("jti"), "null");
    /// # Ok::<(), scopegate_proto::json::JsonError>(())
    /// ```
    pub fn of_json(value: &RawValue, limit: usize) -> Self {
        if let Some(text) = string(value) {
            return Self::with_limit(&text, limit);
        }
        Self { json_type: JsonType::of(value), ..Self::with_limit(value.get(), limit) }
    }

    /// Creates an excerpt with only the type of a JSON value. Use it for values that may be secret
    /// or personal.
    ///
    /// ```
    /// # use scopegate_proto::excerpt::Excerpt;
    /// # use scopegate_proto::json::JsonObject;
    /// let claims = JsonObject::from_text(r#"{"access_token":"eyJhbGciOi"}"#)?;
    /// let excerpt = Excerpt::type_of_json(claims.get("access_token").unwrap());
    /// assert_eq!(excerpt.to_string(), "a string");
    /// assert_eq!(excerpt.as_str(), "");
    /// # Ok::<(), scopegate_proto::json::JsonError>(())
    /// ```
    pub fn type_of_json(value: &RawValue) -> Self {
        Self { text: Box::default(), shown: Shown::TypeOnly, json_type: JsonType::of(value) }
    }

    /// Returns the cut string without escapes. Use it for comparisons, not for logs. Returns an
    /// empty string if the excerpt contains only a type.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl JsonType {
    fn of(value: &RawValue) -> Self {
        match value.get().bytes().next() {
            Some(b'"') => Self::String,
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            _ => Self::Number,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::String => "a string",
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Null => "null",
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.json_type, self.shown) {
            (JsonType::Null, _) | (_, Shown::TypeOnly) => return f.write_str(self.json_type.name()),
            (JsonType::String, _) => {}
            (other, _) => write!(f, "{}, ", other.name())?,
        }
        write!(f, "{:?}{}", self.text, if self.shown == Shown::Cut { "…" } else { "" })
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
    fn type_of_json_value_is_shown() {
        // FR-B12
        let shown =
            |json: &str| Excerpt::of_json(&RawValue::from_string(json.to_owned()).unwrap(), 8).to_string();
        for (json, expected) in [
            (r#""a\nb""#, r#""a\nb""#),
            (r#""123456789""#, "\"12345678\"…"),
            ("5", r#"a number, "5""#),
            ("-1", r#"a number, "-1""#),
            ("true", r#"a boolean, "true""#),
            ("null", "null"),
            ("[1]", r#"an array, "[1]""#),
            (r#"{"a":"123"}"#, r#"an object, "{\"a\":\"12"…"#),
        ] {
            assert_eq!(shown(json), expected, "{json}");
        }
    }

    #[test]
    fn type_only_excerpt_hides_value() {
        // FR-B12
        for (json, expected) in [
            (r#""secret""#, "a string"),
            ("7", "a number"),
            ("false", "a boolean"),
            ("null", "null"),
            (r#"["secret"]"#, "an array"),
            (r#"{"secret":1}"#, "an object"),
        ] {
            let excerpt = Excerpt::type_of_json(&RawValue::from_string(json.to_owned()).unwrap());
            assert_eq!(
                format!("{excerpt} {excerpt:?} {}", excerpt.as_str()),
                format!("{expected} {expected} ")
            );
        }
    }

    #[test]
    fn identifier_is_cut_at_its_own_limit() {
        // FR-B12
        let long = "a".repeat(Excerpt::IDENTIFIER_LIMIT);
        assert_eq!(Excerpt::identifier(&long).to_string(), format!("{long:?}"));
        assert_eq!(Excerpt::identifier(&format!("{long}a")).to_string(), format!("{long:?}…"));
    }

    #[test]
    fn line_breaks_and_quotes_are_escaped() {
        // A19
        assert_eq!(Excerpt::new("a\nb\"c\u{1b}").to_string(), r#""a\nb\"c\u{1b}""#);
        assert_eq!(format!("{:?}", Excerpt::new("a\nb")), r#""a\nb""#);
    }
}
