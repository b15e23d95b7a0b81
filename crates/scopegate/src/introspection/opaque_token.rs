//! The form of an opaque token.

use crate::error::Error;
use crate::token::MAX_LENGTH;
use crate::token::token68::is_token68;

/// A string that may be an access token (RFC 6750 §2.1). Any other string causes no call.
#[derive(Clone, Copy)]
pub(crate) struct OpaqueToken<'a>(&'a str);

impl<'a> OpaqueToken<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, Error> {
        if token.len() > MAX_LENGTH {
            return Err(Error::TooLong { limit: MAX_LENGTH, found: token.len() });
        }
        match std::str::from_utf8(token) {
            Ok(text) if is_token68(token) => Ok(Self(text)),
            _ => Err(Error::NotOneToken),
        }
    }

    pub(super) fn as_str(self) -> &'a str {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_has_allowed_characters_and_bounded_length() {
        // IN19
        let longest = "x".repeat(MAX_LENGTH);
        for accepted in ["a", "2YotnFZFEjr1zCsicMWpAA", "ya29.a0-_~+/==", &longest] {
            assert_eq!(OpaqueToken::parse(accepted.as_bytes()).unwrap().as_str(), accepted);
        }
        for rejected in [&b""[..], b"a b", b"a,b", b"a\"", b"=", b"a=b", b"\xff", "é".as_bytes(), b"a%20"] {
            let result = OpaqueToken::parse(rejected).map(OpaqueToken::as_str);
            assert!(matches!(result, Err(Error::NotOneToken)), "{}", rejected.escape_ascii());
        }
        let longer = format!("{longest}x");
        let result = OpaqueToken::parse(longer.as_bytes()).map(OpaqueToken::as_str);
        assert!(matches!(result, Err(Error::TooLong { limit: 16_384, found: 16_385 })));
    }
}
