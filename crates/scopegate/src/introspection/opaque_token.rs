//! The form of an opaque token.

use scopegate_proto::token_digest::{KeptDigest, TokenDigest, TokenDigests};
use zeroize::Zeroizing;

use crate::checks::form::MAX_LENGTH;
use crate::error::Error;
use crate::token::token68::is_token68;

/// A string that may be an access token (RFC 6750 §2.1), in ASCII. Any other string causes no call.
#[derive(Clone, Copy)]
pub(crate) struct OpaqueToken<'a> {
    ascii: &'a [u8],
    /// `None` if the token is not kept in memory.
    kept: Option<&'a KeptDigest>,
}

impl<'a> OpaqueToken<'a> {
    pub(crate) fn parse(token: &'a [u8]) -> Result<Self, Error> {
        if token.len() > MAX_LENGTH {
            return Err(Error::TooLong { limit: MAX_LENGTH, found: token.len() });
        }
        if !is_token68(token) {
            return Err(Error::NotOneToken);
        }
        Ok(Self { ascii: token, kept: None })
    }

    /// Returns a JWT that was verified, so its form is known.
    #[inline]
    pub(crate) fn verified(jwt: &'a [u8], digest: &'a KeptDigest) -> Self {
        Self { ascii: jwt, kept: Some(digest) }
    }

    #[inline]
    pub(super) fn digest(self, digests: &TokenDigests) -> TokenDigest {
        self.kept.map_or_else(|| digests.of(self.ascii), |kept| digests.of_kept(self.ascii, kept))
    }

    /// Returns the token for a request.
    pub(super) fn to_text(self) -> Zeroizing<String> {
        Zeroizing::new(self.ascii.iter().map(|&byte| char::from(byte)).collect())
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
            assert_eq!(OpaqueToken::parse(accepted.as_bytes()).unwrap().to_text().as_str(), accepted);
        }
        for rejected in [&b""[..], b"a b", b"a,b", b"a\"", b"=", b"a=b", b"\xff", "é".as_bytes(), b"a%20"] {
            let result = OpaqueToken::parse(rejected).map(OpaqueToken::to_text);
            assert!(matches!(result, Err(Error::NotOneToken)), "{}", rejected.escape_ascii());
        }
        let longer = format!("{longest}x");
        let result = OpaqueToken::parse(longer.as_bytes()).map(OpaqueToken::to_text);
        assert!(matches!(result, Err(Error::TooLong { limit: 16_384, found: 16_385 })));
    }
}
