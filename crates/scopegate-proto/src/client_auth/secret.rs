//! A string that is zeroized when it is dropped, and that `Debug` does not show.

use std::fmt;

use zeroize::Zeroizing;

/// A client secret, or an assertion.
///
/// Create it from a `String` rather than from a `&str`, so that no copy stays in memory. Its memory
/// is zeroized when it is dropped. `Debug` does not show it, and you cannot read it.
///
/// ```
/// use scopegate_proto::client_auth::Secret;
///
/// let secret = Secret::from(String::from("s3cret"));
/// assert_eq!(format!("{secret:?}"), "[redacted]");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Returns the string, for the request only.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_is_redacted() {
        assert_eq!(format!("{:?}", Secret::from("s3cret")), "[redacted]");
    }
}
