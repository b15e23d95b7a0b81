//! The scope grammar (RFC 6749 §3.3), and sets of scopes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::excerpt::Excerpt;

#[cfg(feature = "serde")]
mod serde;

/// One scope: `scope-token` of RFC 6749 §3.3, one or more characters out of
/// `%x21 / %x23-5B / %x5D-7E`.
///
/// Scopes are compared character by character. `orders` does not include `orders/read`, `*` is not
/// a wildcard, and `Read` differs from `read`.
///
/// ```
/// use scopegate_proto::scope::{InvalidScope, Scope};
///
/// let scope: Scope = "https://my-api-server.org/api.read".parse()?;
/// assert!("api read".parse::<Scope>().is_err());
/// # Ok::<(), InvalidScope>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(Box<str>);

impl Scope {
    /// Returns the scope as a string.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether a string is exactly one scope.
#[inline]
pub fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_scope_character)
}

/// Returns whether a scope may contain this byte.
#[inline]
pub fn is_scope_character(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E)
}

impl FromStr for Scope {
    type Err = InvalidScope;

    /// Reads a scope.
    ///
    /// # Errors
    /// Returns [`InvalidScope`] if the string is empty or has a character outside of the grammar.
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        if is_scope(text) { Ok(Self(text.into())) } else { Err(InvalidScope { found: Excerpt::new(text) }) }
    }
}

impl TryFrom<&str> for Scope {
    type Error = InvalidScope;

    /// As [`from_str`](FromStr::from_str).
    fn try_from(text: &str) -> Result<Self, InvalidScope> {
        text.parse()
    }
}

impl AsRef<str> for Scope {
    fn as_ref(&self) -> &str {
        &self.0
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

/// The error for a string that is not a scope.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidScope {
    /// The rejected string, cut to 80 characters.
    pub found: Excerpt,
}

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected a scope (printable ASCII without space, quote and backslash), found {}",
            self.found
        )
    }
}

impl std::error::Error for InvalidScope {}

/// A set of scopes: order and repetition do not matter. Cloning is cheap.
///
/// `FromStr` and `Display` use the form of the `scope` parameter and claim (RFC 6749 §3.3, RFC 9068
/// §2.2.3): scopes separated by spaces.
///
/// ```
/// use scopegate_proto::scope::{InvalidScope, Scopes};
///
/// let scopes: Scopes = "orders/write orders/read".parse()?;
/// assert!(scopes.contains("orders/read") && !scopes.contains("orders"));
/// assert_eq!(scopes.to_string(), "orders/read orders/write");
/// # Ok::<(), InvalidScope>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Arc<[Scope]>);

impl Scopes {
    /// Returns whether the set contains exactly this scope.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.binary_search_by(|known| known.as_str().cmp(scope)).is_ok()
    }

    /// Returns the scopes in alphabetical order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// Returns the number of scopes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the scopes of both sets.
    #[must_use]
    pub fn union(&self, others: &Self) -> Self {
        self.iter().chain(others).cloned().collect()
    }

    /// Returns the scopes that are not in the other set.
    #[must_use]
    pub fn without(&self, others: &Self) -> Self {
        self.iter().filter(|scope| !others.contains(scope.as_str())).cloned().collect()
    }
}

impl FromStr for Scopes {
    type Err = InvalidScope;

    /// Reads scopes that are separated by spaces. Returns the empty set for an empty string.
    /// Additional spaces are ignored.
    ///
    /// # Errors
    /// Returns [`InvalidScope`] for the first entry that is not a scope.
    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        text.split(' ').filter(|scope| !scope.is_empty()).map(str::parse).collect()
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

impl Extend<Scope> for Scopes {
    fn extend<I: IntoIterator<Item = Scope>>(&mut self, scopes: I) {
        *self = self.iter().cloned().chain(scopes).collect();
    }
}

impl IntoIterator for Scopes {
    type Item = Scope;
    type IntoIter = std::vec::IntoIter<Scope>;

    /// Copies the scopes, because other clones of the set may share them.
    fn into_iter(self) -> Self::IntoIter {
        Vec::from(&*self.0).into_iter()
    }
}

impl<'a> IntoIterator for &'a Scopes {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Scopes {
    /// Writes the scopes separated by single spaces, as in the `scope` parameter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.iter().enumerate() {
            write!(f, "{}{scope}", if position == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> Scopes {
        text.parse().unwrap()
    }

    #[test]
    fn grammar_follows_rfc_6749() {
        // C20: every ASCII character, and another one
        for byte in 0u8..=127 {
            let valid = byte == 0x21 || (0x23..=0x5B).contains(&byte) || (0x5D..=0x7E).contains(&byte);
            let text = format!("a{}", char::from(byte));
            assert_eq!(text.parse::<Scope>().is_ok(), valid, "{byte:#x}");
            assert_eq!((is_scope(&text), is_scope_character(byte)), (valid, valid), "{byte:#x}");
        }
        for text in ["", "é"] {
            assert!(text.parse::<Scope>().is_err() && Scope::try_from(text).is_err() && !is_scope(text));
        }
        assert!("a \"b".parse::<Scopes>().is_err() && "a\tb".parse::<Scopes>().is_err());
    }

    #[test]
    fn set_ignores_order_and_repetition() {
        // C20
        assert_eq!(set("b a b"), set("a  b"));
        assert_eq!(set("b a").to_string(), "a b");
        assert_eq!(set(" a "), set("a"));
    }

    #[test]
    fn set_has_size_and_members() {
        let set = set("b a b");
        assert_eq!((set.len(), set.is_empty()), (2, false));
        assert!((&set).into_iter().map(AsRef::as_ref).eq(["a", "b"]));
        assert!(set.clone().into_iter().map(|scope| scope.to_string()).eq(["a", "b"]));
        assert_eq!(format!("{set:?}"), r#"Scopes(["a", "b"])"#);
        assert_eq!((Scopes::default().len(), Scopes::default().is_empty()), (0, true));
        assert_eq!("".parse(), Ok(Scopes::default()));
    }

    #[test]
    fn only_the_exact_scope_is_contained() {
        // C20
        let granted = set("read orders:read");
        assert!(granted.contains("read"));
        for other in ["", "rea", "read ", "Read", "read:all", "orders", "*"] {
            assert!(!granted.contains(other), "{other}");
        }
    }

    #[test]
    fn sets_are_united_and_subtracted() {
        assert_eq!(set("a b c").without(&set("b x")), set("a c"));
        assert_eq!(set("a b").union(&set("b c")), set("a b c"));
        let mut extended = set("b");
        extended.extend(set("c a b"));
        assert_eq!(extended, set("a b c"));
    }

    #[test]
    fn rejected_string_is_named_and_cut() {
        let error = "a b".parse::<Scope>().unwrap_err();
        assert!(error.to_string().ends_with(r#"found "a b""#), "{error}");
        for (text, found) in [("a b\n", "b\n"), ("a \"b", "\"b")] {
            assert_eq!(text.parse::<Scopes>().unwrap_err().found.as_str(), found);
        }
        let error = "é".repeat(1_000).parse::<Scope>().unwrap_err();
        assert_eq!(error.found.as_str().chars().count(), Excerpt::DEFAULT_LIMIT);
    }

    proptest! {
        #[test]
        fn any_set_is_parsed_as_written(scopes in proptest::collection::btree_set("[!#-\\[\\]-~]{1,6}", 0..10)) {
            let set: Scopes = scopes.iter().map(|text| text.parse().unwrap()).collect();
            prop_assert!(set.iter().map(Scope::as_str).eq(scopes.iter().map(String::as_str)));
            prop_assert_eq!(set.to_string().parse::<Scopes>(), Ok(set));
        }
    }
}
