//! A text that nobody may see: wiped from memory when it is dropped, never shown. How it is used is
//! `client_auth.rs`.

use std::fmt;

use zeroize::Zeroizing;

/// A client secret.
///
/// Made from a text, which should be given away (`String`) rather than lent (`&str`), so that no copy stays behind. Its
/// memory is wiped when it is dropped, and `Debug` does not show it. There is no way to read it.
///
/// ```
/// use scopegate_client::Secret;
///
/// let secret = Secret::from(String::from("s3cret"));
/// assert_eq!(format!("{secret:?}"), "[redacted]");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// The text itself: for the request, and for nothing else.
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
