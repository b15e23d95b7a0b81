//! The members of a JSON object as serde_json reads them: a second reading of accepted input.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// The members of an object, each with a different name. Values are read on demand, because an
/// unused value may be nested deeper than serde_json supports.
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

/// Larger objects are rejected.
const MAX_MEMBERS: usize = 256;

impl Members {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self::try_read(bytes).expect("it is a JSON object, and no two members have the same name")
    }

    pub(crate) fn try_read(bytes: &[u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok()?;
        let members: Self = serde_json::from_slice(bytes).ok()?;
        let names: BTreeSet<&String> = members.0.iter().map(|(name, _)| name).collect();
        (names.len() == members.0.len() && names.len() <= MAX_MEMBERS).then_some(members)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    /// Returns the JSON text of a member.
    pub(crate) fn raw(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.get())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    pub(crate) fn value(&self, name: &str) -> Option<Value> {
        self.raw(name).map(|text| serde_json::from_str(text).expect("it is a JSON value"))
    }

    /// Returns a string. Returns `None` for a value that is not a string, too.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.raw(name).and_then(|text| serde_json::from_str(text).ok())
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Members;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}
