//! A JSON object whose member names are all different, and readers for its values.
//!
//! RFC 7515 §4, RFC 7517 §4 and RFC 7519 §4 let a parser reject repeated names or take the last
//! one. Two programs that choose differently would read two meanings from one token. This parser
//! therefore rejects repeated names.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Maximum number of members of an object.
///
/// Tokens, keys and metadata documents have some dozens. A token has room for thousands, and
/// sorting these would take longer than verifying its signature.
pub const MAX_MEMBERS: usize = 256;

/// Initial capacity of the member list. Most objects fit into it, so it is allocated once.
const COMMON_MEMBERS: usize = 16;

/// The reason why bytes are rejected as a JSON object.
///
/// `Display` completes a sentence such as "the payload is …".
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonError {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The string is not one JSON object, or something follows the object.
    NotJson,
    /// Two members of the object have the same name.
    RepeatedName,
    /// The object has more than [`MAX_MEMBERS`] members.
    TooManyMembers,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not UTF-8",
            Self::NotJson => "not one JSON object",
            Self::RepeatedName => "a JSON object that repeats a member name",
            Self::TooManyMembers => "a JSON object of more than 256 members",
        })
    }
}

impl std::error::Error for JsonError {}

/// The members of a JSON object, whose values are parsed on demand.
///
/// Parse a value with [`string`] or [`strings`], which state its expected type.
///
/// ```
/// use scopegate_proto::json::{JsonError, JsonObject, string};
///
/// let object = JsonObject::from_text(r#"{"iss":"https://issuer.example","exp":1750000000}"#)?;
/// assert_eq!(object.get("iss").and_then(string).as_deref(), Some("https://issuer.example"));
/// assert_eq!(JsonObject::from_text(r#"{"a":1,"a":2}"#).unwrap_err(), JsonError::RepeatedName);
/// # Ok::<(), JsonError>(())
/// ```
#[derive(Debug)]
pub struct JsonObject<'a> {
    text: &'a str,
    /// Sorted by [`shortlex`].
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> JsonObject<'a> {
    /// Reads an object from bytes.
    ///
    /// # Errors
    /// Returns a [`JsonError`] if the bytes are not UTF-8 or not exactly one object. Also returns
    /// one if the object repeats a name, or has more than [`MAX_MEMBERS`] members.
    pub fn from_slice(bytes: &'a [u8]) -> Result<Self, JsonError> {
        // Checked here because serde_json does not look at the bytes of values that it skips.
        let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
        Self::from_text(text)
    }

    /// Reads an object from a string.
    ///
    /// # Errors
    /// As [`from_slice`](Self::from_slice).
    pub fn from_text(text: &'a str) -> Result<Self, JsonError> {
        let mut members = Vec::with_capacity(COMMON_MEMBERS);
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Members(&mut members).deserialize(&mut json).and_then(|()| json.end());
        if members.len() > MAX_MEMBERS {
            return Err(JsonError::TooManyMembers);
        }
        read.map_err(|_| JsonError::NotJson)?;
        members.sort_unstable_by(|(a, _), (b, _)| shortlex(a, b));
        if members.iter().zip(members.iter().skip(1)).any(|((a, _), (b, _))| a == b) {
            return Err(JsonError::RepeatedName);
        }
        Ok(Self { text, members })
    }

    /// Returns the object as JSON.
    #[inline]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the value of a member.
    #[inline]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        let position = self.members.binary_search_by(|(member, _)| shortlex(member, name)).ok()?;
        self.members.get(position).map(|(_, value)| *value)
    }

    /// Returns the value of a member, or `None` if it is absent or `null`.
    #[inline]
    pub fn get_non_null(&self, name: &str) -> Option<&'a RawValue> {
        self.get(name).filter(|value| !is_null(value))
    }

    /// Returns whether the object has a member of this name, with any value.
    #[inline]
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Removes the members that `keeps` returns `false` for. [`text`](Self::text) stays.
    pub fn retain(&mut self, mut keeps: impl FnMut(&str, &RawValue) -> bool) {
        self.members.retain(|(name, value)| keeps(name, value));
    }

    /// Returns the members, ordered by [`shortlex`].
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &'a RawValue)> {
        self.members.iter().map(|(name, value)| (name.as_ref(), *value))
    }
}

/// Orders strings by length first, then by bytes.
///
/// Most member names differ in length, so few are compared byte by byte.
#[inline]
pub fn shortlex(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Reads a value as a string. Returns `None` if it is anything else.
///
/// The result is borrowed if the value contains no escapes.
#[inline]
pub fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    // A `RawValue` is one valid JSON value. If it begins with a quotation mark, it is one string and
    // ends with another one.
    let text = value.get().strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Some(Cow::Borrowed(text));
    }
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|Text(text)| text)
}

/// Returns whether a value is `null`. Callers treat an optional member of this value as absent.
#[inline]
pub fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// Reads a value as an array of strings. Returns `None` if it is anything else.
pub fn strings(value: &RawValue) -> Option<Vec<Cow<'_, str>>> {
    let texts: Vec<Text<'_>> = serde_json::from_str(value.get()).ok()?;
    Some(texts.into_iter().map(|Text(text)| text).collect())
}

/// A string that is borrowed if possible. `Cow` by itself always deserializes as owned.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads members into a list, including repeated names. Stops with an error after
/// `MAX_MEMBERS + 1` members.
struct Members<'m, 'a>(&'m mut Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> DeserializeSeed<'de> for Members<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(name), value)) = map.next_entry()? {
            self.0.push((name, value));
            if self.0.len() > MAX_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn member_with_escaped_name_is_found() {
        let object = JsonObject::from_text(r#" {"b":1,"a":"x","\u0063":[]} "#).unwrap();
        assert_eq!(string(object.get("a").unwrap()).unwrap(), "x");
        assert_eq!(object.get("c").unwrap().get(), "[]");
        assert!(object.get("d").is_none());
        assert!(object.get_non_null("d").is_none() && object.get_non_null("a").is_some());
        assert!(object.contains("b") && !object.contains("d"));
        assert_eq!(object.text(), r#" {"b":1,"a":"x","\u0063":[]} "#);
    }

    #[test]
    fn members_are_ordered_by_shortlex() {
        let object = JsonObject::from_text(r#"{"aa":1,"b":2,"":3,"a":4}"#).unwrap();
        assert!(object.iter().map(|(name, _)| name).eq(["", "a", "b", "aa"]));
        assert!(object.iter().map(|(_, value)| value.get()).eq(["3", "4", "2", "1"]));
        assert_eq!(shortlex("b", "aa"), Ordering::Less);
        assert_eq!(shortlex("ab", "aa"), Ordering::Greater);
        assert_eq!(shortlex("aa", "aa"), Ordering::Equal);
    }

    #[test]
    fn known_name_is_found_and_repetition_rejected() {
        let header = ["alg", "kid", "typ", "enc", "crit", "b64"];
        let claims = ["iss", "exp", "nbf", "iat", "aud", "sub", "jti", "auth_time", "version", "events"];
        let clients = ["client_id", "azp", "appid", "cid", "scope", "scp", "token_use", "cnf", "nonce"];
        let hashes = ["at_hash", "c_hash", "s_hash"];
        for name in [&header[..], &claims, &clients, &hashes].concat() {
            let twice = format!(r#"{{"{name}":1,"other":2,"{name}":3}}"#);
            assert_eq!(JsonObject::from_text(&twice).unwrap_err(), JsonError::RepeatedName, "{name}");
            let once = format!(r#"{{"{name}":1,"other":2}}"#);
            let once = JsonObject::from_text(&once).unwrap();
            assert_eq!((once.get(name).unwrap().get(), once.get("other").unwrap().get()), ("1", "2"));
            assert!(!JsonObject::from_text("{}").unwrap().contains(name), "{name}");
        }
    }

    #[test]
    fn repeated_name_in_any_spelling_is_rejected() {
        // A08, B04, C02
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            assert_eq!(JsonObject::from_text(text).unwrap_err(), JsonError::RepeatedName);
        }
    }

    #[test]
    fn anything_but_one_utf8_object_is_rejected() {
        // A06, A07, C01
        for text in [
            "",
            "null",
            "[]",
            "1",
            "\"x\"",
            "{",
            "{}x",
            "{}{}",
            "{},",
            "{}\0",
            "\u{feff}{}",
            "{a:1}",
            "{\"a\":}",
        ] {
            assert_eq!(JsonObject::from_text(text).unwrap_err(), JsonError::NotJson, "{text}");
        }
        assert_eq!(JsonObject::from_slice(b"{\"a\":\"\xff\"}").unwrap_err(), JsonError::NotUtf8);
        assert!(JsonObject::from_slice(b"{\"a\":\"\xc3\xa4\"}").is_ok());
        // UTF-16 of `{}`, in both byte orders, with and without a byte order mark.
        assert_eq!(JsonObject::from_slice(b"{\0}\0").unwrap_err(), JsonError::NotJson);
        assert_eq!(JsonObject::from_slice(b"\0{\0}").unwrap_err(), JsonError::NotJson);
        assert_eq!(JsonObject::from_slice(b"\xff\xfe{\0}\0").unwrap_err(), JsonError::NotUtf8);
        assert_eq!(JsonObject::from_slice(b"\xfe\xff\0{\0}").unwrap_err(), JsonError::NotUtf8);
    }

    #[test]
    fn object_with_257_members_is_rejected() {
        let object = |members: usize| {
            let members: Vec<String> = (0..members).map(|at| format!("\"{at}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(JsonObject::from_text(&object(MAX_MEMBERS)).is_ok());
        let more = object(MAX_MEMBERS + 1);
        assert_eq!(JsonObject::from_text(&more).unwrap_err(), JsonError::TooManyMembers);
        // The rest is not read.
        let unfinished = more.trim_end_matches('}');
        assert_eq!(JsonObject::from_text(unfinished).unwrap_err(), JsonError::TooManyMembers);
        assert!(JsonError::TooManyMembers.to_string().contains(&MAX_MEMBERS.to_string()));
    }

    #[test]
    fn deep_value_is_skipped_without_recursion() {
        // C24
        let depth = 5_000;
        let text = format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(JsonObject::from_text(&text).is_ok());
    }

    #[test]
    fn value_of_another_type_is_no_string() {
        let object =
            JsonObject::from_text(r#"{"s":"a\nb","n":1,"z":null,"l":["a","b"],"m":["a",1]}"#).unwrap();
        let get = |name| object.get(name).unwrap();
        assert_eq!(string(get("s")).unwrap(), "a\nb");
        for other in ["n", "z", "l"] {
            assert!(string(get(other)).is_none(), "{other}");
            assert_eq!(is_null(get(other)), other == "z");
        }
        assert!(object.get_non_null("z").is_none());
        assert_eq!(strings(get("l")).unwrap(), ["a", "b"]);
        assert!(strings(get("m")).is_none() && strings(get("s")).is_none());
    }

    proptest! {
        #[test]
        fn any_object_is_read_as_by_serde_json(
            members in proptest::collection::btree_map("\\PC{0,6}", any::<i32>(), 0..40)
        ) {
            let text = serde_json::to_string(&members).unwrap();
            let object = JsonObject::from_text(&text).unwrap();
            prop_assert_eq!(object.iter().len(), members.len());
            for (name, value) in &members {
                prop_assert_eq!(object.get(name).unwrap().get(), value.to_string());
            }
        }

        #[test]
        fn any_string_value_is_read_back(text in any::<String>()) {
            let json = serde_json::to_string(&std::collections::BTreeMap::from([("a", &text)])).unwrap();
            let object = JsonObject::from_text(&json).unwrap();
            prop_assert_eq!(string(object.get("a").unwrap()).unwrap(), text);
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let valid = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&bytes).is_ok();
            // Each accepted object is an object for serde_json as well.
            prop_assert!(JsonObject::from_slice(&bytes).is_err() || valid);
        }
    }
}
