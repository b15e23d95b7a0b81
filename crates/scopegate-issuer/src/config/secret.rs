//! A client secret: compared in constant time, never shown.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use subtle::{Choice, ConstantTimeEq as _};

/// A client secret. In a checked configuration, only a client with a key has an empty one.
#[derive(Clone, Default)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether `given` is this secret. The time it takes depends only on the length of
    /// `given`, which the sender knows.
    pub(crate) fn matches(&self, given: &str) -> bool {
        #[cfg(test)]
        tests::COMPARISONS.with(|count| count.set(count.get() + 1));
        // `ct_eq` on slices of different lengths returns early, which reveals the length. So compare byte by
        // byte, and repeat the secret as needed.
        let same_length = self.0.len().ct_eq(&given.len());
        let pairs = given.bytes().zip(self.0.bytes().cycle());
        pairs.fold(same_length, |same: Choice, (a, b)| same & a.ct_eq(&b)).into()
    }

    /// Returns the secret in plain text.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Read a value of any type first, because serde's message for a wrong type quotes the value.
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => Ok(Self(text)),
            other => Err(de::Error::custom(format_args!(
                "invalid secret: expected a string, found {}",
                other.type_str()
            ))),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        /// How often this thread compared a secret.
        pub(crate) static COMPARISONS: Cell<u32> = const { Cell::new(0) };
    }

    #[test]
    fn secret_matches_only_as_a_whole() {
        let secret = Secret::new("s3cret".into());
        assert!(secret.matches("s3cret"));
        for given in ["", "s3cre", "s3cret ", "s3crets3cret", "S3cret", "t3cret"] {
            assert!(!secret.matches(given), "{given:?}");
        }
    }

    #[test]
    fn secret_debug_is_redacted() {
        assert_eq!(format!("{:?}", Secret::new("s3cret".into())), "[redacted]");
    }
}
