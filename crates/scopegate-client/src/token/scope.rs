//! The scope grammar, and sets of scopes.

use std::fmt;
use std::str::FromStr;

use crate::error::config::ConfigError;

/// A set of scopes, each a `scope-token` of RFC 6749 §3.3. Scopes are compared character by character.
///
/// Parse it from the form of the `scope` parameter, with spaces between scopes; `Display` writes that form. With the feature
/// `serde`, it serializes as that string.
///
/// ```
/// use scopegate_client::Scopes;
///
/// let scopes: Scopes = "orders/write orders/read".parse()?;
/// assert!(scopes.contains("orders/read"));
/// assert_eq!(scopes.to_string(), "orders/read orders/write");
/// # Ok::<_, scopegate_client::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Box<[Box<str>]>);

impl Scopes {
    /// Parses a `scope` parameter; `None` if it contains an invalid scope.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(' ')
            .filter(|token| !token.is_empty())
            .map(scope)
            .collect::<Option<Vec<_>>>()
            .map(Self::new)
    }

    /// Parses configured scopes, one per string.
    pub(crate) fn each<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, ConfigError> {
        let scopes = texts.into_iter().map(|text| {
            let text = text.as_ref();
            scope(text).ok_or_else(|| ConfigError::InvalidScope { found: text.to_owned() })
        });
        scopes.collect::<Result<_, _>>().map(Self::new)
    }

    fn new(mut scopes: Vec<Box<str>>) -> Self {
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into_boxed_slice())
    }

    /// Returns whether the set contains this scope.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|known| known.as_ref().cmp(scope)).is_ok()
    }

    /// Returns the scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Returns the number of scopes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the scopes that are not in the other set.
    pub(crate) fn without(&self, others: &Self) -> Self {
        Self(self.0.iter().filter(|scope| !others.contains(scope)).cloned().collect())
    }

    pub(crate) fn union(&self, others: &Self) -> Self {
        Self::new(self.0.iter().chain(&others.0).cloned().collect())
    }
}

/// Parses one scope; `None` if it is invalid.
fn scope(text: &str) -> Option<Box<str>> {
    let valid = !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
    valid.then(|| text.into())
}

impl FromStr for Scopes {
    type Err = ConfigError;

    /// # Errors
    /// Returns [`ConfigError::InvalidScope`] if one of the scopes is invalid.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::each(text.split(' ').filter(|scope| !scope.is_empty()))
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Scopes {
    /// Writes the form of the `scope` parameter: single spaces between scopes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.0.iter().enumerate() {
            write!(f, "{}{scope}", if position == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_that_of_rfc_6749() {
        for byte in 0u8..=127 {
            let valid = byte == 0x21 || (0x23..=0x5B).contains(&byte) || (0x5D..=0x7E).contains(&byte);
            assert_eq!(scope(&format!("a{}", char::from(byte))).is_some(), valid, "{byte:#x}");
        }
        assert!(scope("").is_none() && scope("é").is_none());
        assert!(Scopes::parse("a \"b").is_none());
    }

    #[test]
    fn a_set_forgets_order_and_repetition() {
        let set = |text| Scopes::parse(text).unwrap();
        assert_eq!(set("b a b"), set("a  b"));
        assert_eq!(set("b a").to_string(), "a b");
        assert_eq!(set("a b c").without(&set("b x")), set("a c"));
        assert_eq!(set("a b").union(&set("b c")), set("a b c"));
        assert!(set("").is_empty() && set("a").contains("a") && !set("ab").contains("a"));
    }

    #[test]
    fn parsed_parameter_is_scopes_or_error() {
        assert_eq!("b a  b".parse::<Scopes>().unwrap().to_string(), "a b");
        assert!("".parse::<Scopes>().unwrap().is_empty());
        let error = "a \"b".parse::<Scopes>().unwrap_err();
        assert!(matches!(error, ConfigError::InvalidScope { found, .. } if found == "\"b"));
    }

    #[cfg(feature = "serde")]
    #[test]
    fn scopes_serialize_as_the_scope_parameter() {
        assert_eq!(serde_json::to_value(Scopes::parse("b a").unwrap()).unwrap(), "a b");
    }
}
