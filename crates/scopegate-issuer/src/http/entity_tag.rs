//! Entity tags of bodies (RFC 9110 §8.8.3) and their comparison with `If-None-Match` (§13.1.2).
//!
//! The crate `headers` (0.4) is not used, because its `IfNoneMatch` is lenient. It skips malformed
//! elements of a list, so `*, "tag"` matches. It ignores a header that is not ASCII. A space in a
//! tag fails a debug assertion. It would save 30 lines, and add `mime`, `sha1` and a second
//! `base64`.

use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};

use http::HeaderMap;
use http::header::IF_NONE_MATCH;

/// A strong entity tag, derived from a body.
pub(crate) struct EntityTag(String);

impl EntityTag {
    pub(crate) fn for_body(body: &[u8]) -> Self {
        // A cryptographic hash is unnecessary, because no attacker benefits from a collision here.
        let mut hasher = DefaultHasher::new();
        hasher.write(body);
        Self(format!("\"{:x}-{:016x}\"", body.len(), hasher.finish()))
    }

    /// Returns whether `If-None-Match` is `*`, or a list that contains this tag. A malformed header
    /// is ignored.
    pub(crate) fn is_in_if_none_match(&self, request: &HeaderMap) -> bool {
        let mut lines = request.get_all(IF_NONE_MATCH).iter().map(http::HeaderValue::as_bytes);
        // Several lines are one list (RFC 9110 §5.3).
        let Some(first) = lines.next() else { return false };
        let list = lines.fold(first.to_vec(), |list, line| [&list, &b","[..], line].concat());
        list.trim_ascii() == b"*"
            || opaque_tags(&list).is_some_and(|tags| tags.contains(&self.0.trim_matches('"').as_bytes()))
    }
}

/// Writes the tag with its quotes, as in the header.
impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns the tags of a list without their quotes, or `None` if the list is malformed.
///
/// Weak and strong tags are equal, because the comparison is weak (RFC 9110 §8.8.3.2). Empty
/// elements are skipped (§5.6.1.2).
fn opaque_tags(mut list: &[u8]) -> Option<Vec<&[u8]>> {
    let mut tags = Vec::new();
    loop {
        list = list.trim_ascii_start();
        if let Some(rest) = list.strip_prefix(b",") {
            list = rest;
            continue;
        }
        if list.is_empty() {
            return Some(tags);
        }
        let quoted = list.strip_prefix(b"W/").unwrap_or(list).strip_prefix(b"\"")?;
        // A comma can be part of a tag. A quote always ends it.
        let (tag, rest) = quoted.split_at(quoted.iter().position(|&byte| byte == b'"')?);
        if tag.iter().any(|&byte| byte <= b' ' || byte == 0x7F) {
            return None;
        }
        tags.push(tag);
        list = rest.strip_prefix(b"\"")?.trim_ascii_start();
        if !(list.is_empty() || list.starts_with(b",")) {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn tags(list: &str) -> Option<Vec<&str>> {
        let tags = opaque_tags(list.as_bytes())?;
        Some(tags.into_iter().map(|tag| std::str::from_utf8(tag).unwrap()).collect())
    }

    #[test]
    fn list_with_weak_and_empty_elements_is_read() {
        assert_eq!(tags(r#""a""#), Some(vec!["a"]));
        assert_eq!(tags(r#"W/"a", "b","c" ,, W/"d",e","#), None);
        assert_eq!(tags(r#" ,W/"a", "b","c" ,	, "d,e" , "", "#), Some(vec!["a", "b", "c", "d,e", ""]));
        assert_eq!(tags("\"\u{e9}\\\""), Some(vec!["\u{e9}\\"]));
        assert_eq!(tags(""), Some(vec![]));
    }

    #[test]
    fn malformed_list_is_not_read() {
        for list in [
            "a",
            "\"a",
            "a\"",
            "\"",
            "w/\"a\"",
            "W/",
            "W/a",
            "W/ \"a\"",
            "\"a\" \"b\"",
            "\"a\"b",
            "\"a\", *",
            "\"a b\"",
        ] {
            assert_eq!(tags(list), None, "{list}");
        }
    }

    #[test]
    fn tag_matches_on_any_line_or_star() {
        let tag = EntityTag::for_body(b"body");
        let held = |lines: &[&str]| {
            let mut request = HeaderMap::new();
            for line in lines {
                request.append(IF_NONE_MATCH, HeaderValue::from_str(line).unwrap());
            }
            tag.is_in_if_none_match(&request)
        };
        let (strong, weak) = (tag.to_string(), format!("W/{tag}"));
        assert!(held(&[&strong]) && held(&[&weak]) && held(&["*"]) && held(&["\"x\"", &weak]));
        assert!(!held(&[]) && !held(&[""]) && !held(&["\"x\""]) && !held(&[strong.trim_matches('"')]));
        // `*` must be the only element.
        assert!(!held(&["*", &strong]) && !held(&[&format!("*, {strong}")]));
    }

    #[test]
    fn different_bodies_have_different_tags() {
        assert_eq!(EntityTag::for_body(b"a").to_string(), EntityTag::for_body(b"a").to_string());
        assert_ne!(EntityTag::for_body(b"a").to_string(), EntityTag::for_body(b"b").to_string());
    }
}
