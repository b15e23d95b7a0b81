//! Who may push? The bearer token of the transmitter.

use std::fmt;

use http::HeaderMap;
use scopegate::http::Credentials;
use subtle::ConstantTimeEq as _;

use crate::security_events::response::PushError;

/// The accepted senders.
pub(super) enum SenderRule {
    /// One of these tokens.
    Bearer(Vec<Box<[u8]>>),
    Any,
}

/// A string is not a bearer token of sufficient length. It is not shown, because it may be a secret.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBearerToken {
    /// The length in bytes.
    pub found: usize,
}

const MIN_LEN: usize = 16;
const MAX_LEN: usize = 4_096;

impl SenderRule {
    pub(super) fn bearer(token: &str) -> Result<Self, InvalidBearerToken> {
        Ok(Self::Bearer(vec![parse(token)?]))
    }

    /// Also accepts this token.
    pub(super) fn and(&self, token: &str) -> Result<Self, InvalidBearerToken> {
        let token = parse(token)?;
        Ok(match self {
            Self::Bearer(tokens) => Self::Bearer(tokens.iter().cloned().chain([token]).collect()),
            Self::Any => Self::Any,
        })
    }

    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), PushError> {
        let Self::Bearer(tokens) = self else { return Ok(()) };
        let Credentials::Bearer(found) = Credentials::from_headers(headers) else {
            return Err(PushError::Unauthenticated);
        };
        // The time shows the length of a token, and nothing of its characters. All are compared.
        let is_one =
            tokens.iter().fold(false, |is_one, token| bool::from(token.ct_eq(found.as_bytes())) | is_one);
        if is_one { Ok(()) } else { Err(PushError::Unauthenticated) }
    }
}

/// Checks `b64token` of RFC 6750 §2.1. The error shows no part of the token.
fn parse(token: &str) -> Result<Box<[u8]>, InvalidBearerToken> {
    let body = token.trim_end_matches('=');
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    if (MIN_LEN..=MAX_LEN).contains(&token.len()) && !body.is_empty() && body.bytes().all(is_char) {
        return Ok(token.as_bytes().into());
    }
    Err(InvalidBearerToken { found: token.len() })
}

impl fmt::Display for InvalidBearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.found;
        write!(f, "expected 16 to 4096 letters, digits and -._~+/ as a bearer token, found {found} bytes")
    }
}

impl std::error::Error for InvalidBearerToken {}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::AUTHORIZATION;

    use super::*;

    const TOKEN: &str = "c2VjcmV0LXRva2Vu";

    fn headers(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| (AUTHORIZATION, HeaderValue::from_str(value).unwrap()));
        values.collect()
    }

    #[test]
    fn only_the_exact_token_is_accepted() {
        let rule = SenderRule::bearer(TOKEN).unwrap();
        let accepts = |values: &[&str]| {
            let map = values.iter().fold(HeaderMap::new(), |mut map, value| {
                map.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
                map
            });
            rule.check(&map).is_ok()
        };
        let valid = format!("Bearer {TOKEN}");
        assert!(accepts(&[&valid]) && accepts(&[&format!("bearer  {TOKEN}")]));
        assert!(!accepts(&[]) && !accepts(&[&valid, &valid]));
        for other in ["", "Bearer", "Bearer ", "Basic c2VjcmV0", TOKEN] {
            assert!(!accepts(&[other]), "{other:?}");
        }
        let (shorter, longer) = (&valid[..valid.len() - 1], format!("{valid}A"));
        let (other_case, trailing) = (valid.replace("c2V", "C2V"), format!("{valid} "));
        for other in [shorter, &longer, &other_case, &trailing] {
            assert!(!accepts(&[other]), "{other:?}");
        }
    }

    #[test]
    fn second_token_is_accepted_too() {
        let other = "YW5vdGhlci10b2tlbg==";
        let rule = SenderRule::bearer(TOKEN).unwrap().and(other).unwrap();
        for token in [TOKEN, other] {
            assert!(rule.check(&headers(&[&format!("Bearer {token}")])).is_ok());
        }
        assert!(rule.check(&headers(&["Bearer YW5vdGhlci10b2tlbg"])).is_err());
    }

    #[test]
    fn weak_or_malformed_token_is_rejected() {
        assert!(
            SenderRule::bearer(&"x".repeat(16)).is_ok() && SenderRule::bearer(&"x".repeat(4_096)).is_ok()
        );
        for token in [
            "",
            &"x".repeat(15),
            &"x".repeat(4_097),
            "with a space 1234",
            "sixteen=in=side=",
            &"=".repeat(16),
        ] {
            let error = SenderRule::bearer(token).err().unwrap().to_string();
            assert!(error.contains("16 to 4096"), "{error}");
            assert!(token.is_empty() || !error.contains(token), "{error}");
        }
    }
}
