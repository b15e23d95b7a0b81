//! The path of a route, in the syntax of matchit: `/orders/{id}`, `/files/{*path}`.
//!
//! Each part without a parameter is in the normal form of requests. Otherwise no request would match.

use std::fmt;

use crate::path::{Ambiguous, JudgedPath};

/// The reason why a string is not the path of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InvalidPattern {
    /// A request with this path is rejected as ambiguous.
    Ambiguous(Ambiguous),
    /// The path has another spelling in requests.
    NotNormal { expected: String },
    /// A parameter is not a whole segment, or its name has other characters than letters, digits and `_`.
    Parameter { segment: String },
    /// A catch-all is followed by another segment.
    CatchAll { segment: String },
}

/// A name that requests may have in the place of a parameter.
const EXAMPLE: &str = "x";

/// Checks the path of a route.
pub(crate) fn check(pattern: &str) -> Result<(), InvalidPattern> {
    let example = example(pattern)?;
    let judged = JudgedPath::parse(example.as_bytes()).map_err(InvalidPattern::Ambiguous)?;
    let normal = judged.with_decoded_delimiters().unwrap_or_else(|| judged.as_str().to_owned());
    if normal == example { Ok(()) } else { Err(InvalidPattern::NotNormal { expected: normal }) }
}

/// Returns a path that the pattern matches.
pub(crate) fn example(pattern: &str) -> Result<String, InvalidPattern> {
    let mut example = Vec::new();
    let mut segments = pattern.split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_parameter = is_parameter(segment)?;
        if is_parameter && segment.starts_with("{*") && segments.peek().is_some() {
            return Err(InvalidPattern::CatchAll { segment: segment.to_owned() });
        }
        example.push(if is_parameter { EXAMPLE } else { segment });
    }
    Ok(example.join("/"))
}

/// Returns whether a segment is a parameter.
pub(crate) fn is_parameter(segment: &str) -> Result<bool, InvalidPattern> {
    if !segment.contains(['{', '}']) {
        return Ok(false);
    }
    let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let name = name.map(|name| name.strip_prefix('*').unwrap_or(name));
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if name.is_some_and(is_name) {
        return Ok(true);
    }
    Err(InvalidPattern::Parameter { segment: segment.to_owned() })
}

impl fmt::Display for InvalidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ambiguous(ambiguous) => {
                write!(f, "no request can have this path: {ambiguous}")
            }
            Self::NotNormal { expected } => {
                write!(f, "expected the path in normal form, such as {expected:?}")
            }
            Self::Parameter { segment } => write!(
                f,
                "expected a parameter as a whole segment, such as `{{id}}` or `{{*path}}`, found {segment:?}"
            ),
            Self::CatchAll { segment } => {
                write!(f, "expected `{segment}` at the end of the path, found another segment after it")
            }
        }
    }
}

impl std::error::Error for InvalidPattern {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_in_normal_form_is_accepted() {
        for pattern in
            ["/", "/orders", "/orders/", "/orders/{id}/items", "/{*rest}", "/caf%C3%A9", "/@me", "/a%20b"]
        {
            assert_eq!(check(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn other_patterns_are_rejected() {
        let not_normal = |expected: &str| InvalidPattern::NotNormal { expected: expected.to_owned() };
        let parameter = |segment: &str| InvalidPattern::Parameter { segment: segment.to_owned() };
        for (pattern, error) in [
            ("", InvalidPattern::Ambiguous(Ambiguous::NoSlash)),
            ("orders", InvalidPattern::Ambiguous(Ambiguous::NoSlash)),
            ("/a//b", InvalidPattern::Ambiguous(Ambiguous::EmptySegment)),
            ("/a/../b", InvalidPattern::Ambiguous(Ambiguous::DotSegment)),
            ("/caf\u{e9}", InvalidPattern::Ambiguous(Ambiguous::Character)),
            ("/orders?page=1", InvalidPattern::Ambiguous(Ambiguous::Character)),
            ("/%6Frders", InvalidPattern::Ambiguous(Ambiguous::EncodedUnreserved)),
            ("/caf%c3%a9", not_normal("/caf%C3%A9")),
            ("/%40me", not_normal("/@me")),
            ("/{id}.json", parameter("{id}.json")),
            ("/v{version}", parameter("v{version}")),
            ("/{}", parameter("{}")),
            ("/{*}", parameter("{*}")),
            ("/{*rest}/b", InvalidPattern::CatchAll { segment: "{*rest}".to_owned() }),
            ("/{*rest}/", InvalidPattern::CatchAll { segment: "{*rest}".to_owned() }),
            ("/{a/b}", parameter("{a")),
            ("/{{id}}", parameter("{{id}}")),
        ] {
            assert_eq!(check(pattern), Err(error), "{pattern}");
        }
    }
}
