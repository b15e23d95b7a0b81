//! The scope grammar, and sets of scopes: what is asked for, and what is granted.

use std::fmt;

use crate::error::config::ConfigError;

/// Scopes, each a `scope-token` of RFC 6749 §3.3: a set, so order and repetition do not matter.
///
/// Scopes are compared character by character.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Box<[Box<str>]>);

impl Scopes {
    /// Reads a list as it stands in a parameter; `None` when something in it is no scope.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(' ')
            .filter(|token| !token.is_empty())
            .map(scope)
            .collect::<Option<Vec<_>>>()
            .map(Self::new)
    }

    /// Reads the scopes of a configuration, one text each.
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

    /// Whether exactly this scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|known| known.as_ref().cmp(scope)).is_ok()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are not among the others.
    pub(crate) fn without(&self, others: &Self) -> Self {
        Self(self.0.iter().filter(|scope| !others.contains(scope)).cloned().collect())
    }

    pub(crate) fn union(&self, others: &Self) -> Self {
        Self::new(self.0.iter().chain(&others.0).cloned().collect())
    }
}

/// One scope; `None` when the text is none.
fn scope(text: &str) -> Option<Box<str>> {
    let valid = !text.is_empty() && text.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
    valid.then(|| text.into())
}

impl fmt::Display for Scopes {
    /// The form of the `scope` parameter: separated by single spaces.
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
}
