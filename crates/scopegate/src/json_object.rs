//! A JSON object with member names that are all different. It knows nothing of tokens or keys.
//!
//! RFC 7515 §4, RFC 7517 §4 and RFC 7519 §4 let a parser refuse repeated names or take the last one. Two
//! programs that choose differently read two meanings from one token, so we refuse.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Tokens, keys and metadata documents have some dozens of members. Sorting the thousands that fit into a token would
/// cost a stranger's request more than checking its signature.
const MOST_MEMBERS: usize = 256;

/// Why some bytes are not a JSON object that we read.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAnObject {
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not one JSON object, or something follows the object.
    NotJson,
    /// A member name stands twice in the object.
    RepeatedName,
    /// The object has more than 256 members.
    TooManyMembers,
}

impl fmt::Display for NotAnObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotUtf8 => "not UTF-8",
            Self::NotJson => "not one JSON object",
            Self::RepeatedName => "a JSON object that repeats a member name",
            Self::TooManyMembers => "a JSON object of more than 256 members",
        })
    }
}

/// The members of an object, sorted by name; each value is text that is read by whoever knows what it should
/// be.
#[derive(Debug)]
pub(crate) struct JsonObject<'a> {
    text: &'a str,
    members: Members<'a>,
}

impl<'a> JsonObject<'a> {
    pub(crate) fn from_slice(bytes: &'a [u8]) -> Result<Self, NotAnObject> {
        // Checked here because serde_json does not look at the bytes of values that it skips.
        let text = std::str::from_utf8(bytes).map_err(|_| NotAnObject::NotUtf8)?;
        Self::from_text(text)
    }

    pub(crate) fn from_text(text: &'a str) -> Result<Self, NotAnObject> {
        let mut members = Vec::with_capacity(16);
        let mut json = serde_json::Deserializer::from_str(text);
        let read = MembersInto(&mut members).deserialize(&mut json).and_then(|()| json.end());
        if members.len() > MOST_MEMBERS {
            return Err(NotAnObject::TooManyMembers);
        }
        read.map_err(|_| NotAnObject::NotJson)?;
        members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        if members.iter().zip(members.iter().skip(1)).any(|((a, _), (b, _))| a == b) {
            return Err(NotAnObject::RepeatedName);
        }
        Ok(Self { text, members })
    }

    /// The object as it was written.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let position = self.members.binary_search_by(|(member, _)| member.as_ref().cmp(name)).ok()?;
        self.members.get(position).map(|(_, value)| *value)
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

/// Reads a value as a string: borrowed where the text holds no escapes.
pub(crate) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get()).ok().map(|Text(text)| text)
}

/// Reads a value as an array of strings.
pub(crate) fn strings(value: &RawValue) -> Option<Vec<Cow<'_, str>>> {
    let texts: Vec<Text<'_>> = serde_json::from_str(value.get()).ok()?;
    Some(texts.into_iter().map(|Text(text)| text).collect())
}

/// `Cow` by itself is always deserialised as owned.
#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Reads the members in the order they were written, repeated names included, and stops at the first that is too many.
struct MembersInto<'m, 'a>(&'m mut Members<'a>);

impl<'de> DeserializeSeed<'de> for MembersInto<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MembersInto<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((Text(name), value)) = map.next_entry()? {
            self.0.push((name, value));
            if self.0.len() > MOST_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
        }
        Ok(())
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
        // A08, B04, C02
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"\u0061":3}"#] {
            assert_eq!(JsonObject::from_text(text).unwrap_err(), NotAnObject::RepeatedName);
        }
    }

    #[test]
    fn only_one_utf8_object_is_an_object() {
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
            assert_eq!(JsonObject::from_text(text).unwrap_err(), NotAnObject::NotJson, "{text}");
        }
        assert_eq!(JsonObject::from_slice(b"{\"a\":\"\xff\"}").unwrap_err(), NotAnObject::NotUtf8);
        assert!(JsonObject::from_slice(b"{\"a\":\"\xc3\xa4\"}").is_ok());
        // UTF-16 of `{}`, in both byte orders, with and without a byte order mark.
        assert_eq!(JsonObject::from_slice(b"{\0}\0").unwrap_err(), NotAnObject::NotJson);
        assert_eq!(JsonObject::from_slice(b"\0{\0}").unwrap_err(), NotAnObject::NotJson);
        assert_eq!(JsonObject::from_slice(b"\xff\xfe{\0}\0").unwrap_err(), NotAnObject::NotUtf8);
        assert_eq!(JsonObject::from_slice(b"\xfe\xff\0{\0}").unwrap_err(), NotAnObject::NotUtf8);
    }

    #[test]
    fn members_are_counted() {
        let object = |members: usize| {
            let members: Vec<String> = (0..members).map(|at| format!("\"{at}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(JsonObject::from_text(&object(MOST_MEMBERS)).is_ok());
        let more = object(MOST_MEMBERS + 1);
        assert_eq!(JsonObject::from_text(&more).unwrap_err(), NotAnObject::TooManyMembers);
        // What follows is not read.
        let unfinished = more.trim_end_matches('}');
        assert_eq!(JsonObject::from_text(unfinished).unwrap_err(), NotAnObject::TooManyMembers);
    }

    #[test]
    fn a_deep_value_is_skipped_without_recursion() {
        // C24
        let depth = 5_000;
        let text = format!("{{\"a\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(JsonObject::from_text(&text).is_ok());
    }

    #[test]
    fn strings_are_strings_and_nothing_else() {
        let object =
            JsonObject::from_text(r#"{"s":"a\nb","n":1,"z":null,"l":["a","b"],"m":["a",1]}"#).unwrap();
        let get = |name| object.get(name).unwrap();
        assert_eq!(string(get("s")).unwrap(), "a\nb");
        assert!(string(get("n")).is_none() && string(get("z")).is_none());
        assert_eq!(strings(get("l")).unwrap(), ["a", "b"]);
        assert!(strings(get("m")).is_none() && strings(get("s")).is_none());
    }
}
