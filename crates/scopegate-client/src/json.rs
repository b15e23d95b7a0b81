//! A JSON object with member names that are all different. It knows nothing of tokens or metadata.
//!
//! An answer that says two things under one name says nothing (RFC 8259 §4), so it is refused.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Why some bytes are not a JSON object that we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not one JSON object, or something follows the object.
    NotJson,
    /// A member name stands twice in the object.
    RepeatedName,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not UTF-8",
            Self::NotJson => "not one JSON object",
            Self::RepeatedName => "a JSON object that repeats a member name",
        })
    }
}

/// The members of an object, sorted by name; each value is text that is read by whoever knows what it should
/// be.
#[derive(Debug)]
pub(crate) struct JsonObject<'a> {
    members: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> JsonObject<'a> {
    pub(crate) fn from_slice(bytes: &'a [u8]) -> Result<Self, JsonError> {
        // Checked here because serde_json does not look at the bytes of values that it skips.
        let text = std::str::from_utf8(bytes).map_err(|_| JsonError::NotUtf8)?;
        Self::from_text(text)
    }

    pub(crate) fn from_text(text: &'a str) -> Result<Self, JsonError> {
        let Members(mut members) = serde_json::from_str(text).map_err(|_| JsonError::NotJson)?;
        members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if members.iter().zip(members.iter().skip(1)).any(|((a, _), (b, _))| a == b) {
            return Err(JsonError::RepeatedName);
        }
        Ok(Self { members })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let position = self.members.binary_search_by(|(member, _)| member.as_ref().cmp(name)).ok()?;
        self.members.get(position).map(|(_, value)| *value)
    }
}

/// Reads a value as a string: borrowed where the text holds no escapes.
pub(crate) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|Text(text)| text)
}

/// `Cow` by itself is always deserialised as owned.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members in the order they were written, repeated names included.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(16);
        while let Some((Text(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_name_also_when_the_name_is_escaped() {
        let object = JsonObject::from_text(r#" {"b":1,"a":"x","\u0063":[]} "#).unwrap();
        assert_eq!(string(object.get("a").unwrap()).unwrap(), "x");
        assert_eq!(object.get("c").unwrap().get(), "[]");
        assert!(object.get("d").is_none());
    }

    #[test]
    fn repeated_names_are_refused_in_every_spelling() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            assert_eq!(JsonObject::from_text(text).unwrap_err(), JsonError::RepeatedName);
        }
    }

    #[test]
    fn only_one_utf8_object_is_an_object() {
        for text in ["", "null", "[]", "1", "\"x\"", "{", "{}x", "{}{}", "\u{feff}{}", "{a:1}", "{\"a\":}"] {
            assert_eq!(JsonObject::from_text(text).unwrap_err(), JsonError::NotJson, "{text}");
        }
        assert_eq!(JsonObject::from_slice(b"{\"a\":\"\xff\"}").unwrap_err(), JsonError::NotUtf8);
        assert!(JsonObject::from_slice(b"{\"a\":\"\xc3\xa4\"}").is_ok());
    }

    #[test]
    fn a_deep_value_is_skipped_without_recursion() {
        let depth = 5_000;
        let text = format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(JsonObject::from_text(&text).is_ok());
    }

    #[test]
    fn strings_are_strings_and_nothing_else() {
        let object = JsonObject::from_text(r#"{"s":"a\nb","n":1,"z":null,"l":["a"]}"#).unwrap();
        let get = |name| object.get(name).unwrap();
        assert_eq!(string(get("s")).unwrap(), "a\nb");
        assert!(string(get("n")).is_none() && string(get("z")).is_none() && string(get("l")).is_none());
    }
}
