//! The scope grammar, and the set of scopes that a token grants. What a route asks for is `scope/requirement.rs`.

pub(crate) mod granted;
pub(crate) mod hierarchy;
pub(crate) mod interner;
pub(crate) mod mask;
pub(crate) mod requirement;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::config::ConfigError;

/// One scope: `scope-token` of RFC 6749 §3.3, one or more characters out of `%x21 / %x23-5B / %x5D-7E`.
///
/// Scopes are compared character by character. `orders` does not include `orders/read`, `*` means nothing,
/// and `Read` is not `read`.
///
/// ```
/// use scopegate::Scope;
///
/// let scope: Scope = "https://my-api-server.org/api.read".parse()?;
/// assert!("api read".parse::<Scope>().is_err());
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        is_scope(text).then(|| Self(text.into()))
    }

    /// The scope's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_scope_character)
}

pub(crate) fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

impl FromStr for Scope {
    type Err = ConfigError;

    /// Reads a scope.
    ///
    /// # Errors
    /// [`ConfigError::InvalidScope`] when the text is empty or has a character outside of the grammar.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        Self::parse(text).ok_or_else(|| ConfigError::InvalidScope { found: text.to_owned() })
    }
}

impl AsRef<str> for Scope {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Scope {
    type Error = ConfigError;

    /// As [`from_str`](FromStr::from_str).
    fn try_from(text: &str) -> Result<Self, ConfigError> {
        text.parse()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The scopes that a token grants: a set, so order and repetition do not matter. Cloning shares it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Arc<[Scope]>);

impl Scopes {
    /// Whether exactly this scope is granted.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|granted| granted.as_str().cmp(scope)).is_ok()
    }

    /// The scopes in alphabetical order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// How many scopes are granted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no scope is granted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes.into())
    }
}

impl fmt::Display for Scopes {
    /// The form of the `scope` claim: separated by single spaces.
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
        // C20: every ASCII character, and one beyond
        for byte in 0u8..=127 {
            let valid = byte == 0x21 || (0x23..=0x5B).contains(&byte) || (0x5D..=0x7E).contains(&byte);
            assert_eq!(Scope::parse(&format!("a{}", char::from(byte))).is_some(), valid, "{byte:#x}");
        }
        assert!(Scope::parse("").is_none());
        assert!(Scope::parse("é").is_none());
    }

    #[test]
    fn a_set_forgets_order_and_repetition() {
        // C20
        let set = |text: &str| text.split(' ').filter_map(Scope::parse).collect::<Scopes>();
        assert_eq!(set("b a b"), set("a b"));
        assert_eq!(set("b a").to_string(), "a b");
    }

    #[test]
    fn a_set_tells_its_size_and_its_members() {
        let set: Scopes = ["b", "a", "b"].iter().filter_map(|text| Scope::parse(text)).collect();
        assert_eq!((set.len(), set.is_empty()), (2, false));
        assert_eq!((&set).into_iter().map(AsRef::as_ref).collect::<Vec<&str>>(), ["a", "b"]);
        assert_eq!(format!("{set:?}"), r#"Scopes(["a", "b"])"#);
        assert_eq!((Scopes::default().len(), Scopes::default().is_empty()), (0, true));
    }

    #[test]
    fn only_the_exact_scope_is_contained() {
        // C20
        let granted: Scopes = ["read", "orders:read"].iter().filter_map(|text| Scope::parse(text)).collect();
        assert!(granted.contains("read"));
        for other in ["", "rea", "read ", "Read", "read:all", "orders", "*"] {
            assert!(!granted.contains(other), "{other}");
        }
    }
}
