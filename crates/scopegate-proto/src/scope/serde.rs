//! `Serialize` and `Deserialize` for scopes.
//!
//! A set is one string of scopes that are separated by spaces, as in requests, responses and tokens
//! (RFC 6749 §3.3). Arrays are rejected: RFC 8693 §4.2 does not define this form.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use super::{InvalidScope, Scope, Scopes};

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Serialize for Scopes {
    /// Writes the scopes as one string.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    /// Reads the scopes from one string.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        parse(deserializer)
    }
}

fn parse<'de, D: Deserializer<'de>, T: FromStr<Err = InvalidScope>>(deserializer: D) -> Result<T, D::Error> {
    Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_is_one_string_separated_by_spaces() {
        let scopes: Scopes = "b a".parse().unwrap();
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#""a b""#);
        assert_eq!(serde_json::from_str::<Scopes>(r#""b\u0020a""#).unwrap(), scopes);
        assert_eq!(serde_json::to_string(&Scopes::default()).unwrap(), r#""""#);
        assert!(serde_json::from_str::<Scopes>(r#"["a","b"]"#).is_err());
    }

    #[test]
    fn invalid_scope_is_not_deserialized() {
        assert_eq!(serde_json::from_str::<Scope>(r#""a""#).unwrap(), "a".parse().unwrap());
        assert_eq!(serde_json::to_string(&"a".parse::<Scope>().unwrap()).unwrap(), r#""a""#);
        for text in [r#""""#, r#""a b""#, r#""a\"""#, "1", "null"] {
            assert!(serde_json::from_str::<Scope>(text).is_err(), "{text}");
        }
        let error = serde_json::from_str::<Scopes>(r#""a \\""#).unwrap_err();
        assert!(error.to_string().starts_with("expected a scope"), "{error}");
    }
}
