//! The schemes `Bearer` and `DPoP`, with one token (RFC 6750 §2.1, RFC 9449 §7.1).

use std::fmt;

use http::HeaderValue;

use crate::http::credentials::{Credentials, MalformedCredentials};
use crate::token::token68::is_token68;

/// The bytes that follow `Bearer` or `DPoP` and its spaces.
///
/// They may hold more than one token, or none. An [`Authorizer`](crate::http::Authorizer) checks
/// this only if it rejects them, because an accepted token is one token. `Debug` does not show the
/// bytes.
#[derive(Clone, Copy)]
pub struct PresentedToken<'a> {
    token: &'a [u8],
}

impl<'a> PresentedToken<'a> {
    /// Returns the bytes.
    pub fn as_bytes(self) -> &'a [u8] {
        self.token
    }
}

impl fmt::Debug for PresentedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedToken").finish_non_exhaustive()
    }
}

const SCHEME: &[u8] = b"bearer";
const DPOP: &[u8] = b"dpop";

/// Reads the only `Authorization` header of a request.
pub(crate) fn parse(authorization: &HeaderValue) -> Credentials<'_> {
    // RFC 9110 §11.1: the scheme is compared without case.
    let Some((scheme, rest)) = authorization.as_bytes().split_at_checked(SCHEME.len()) else {
        return other_scheme(authorization);
    };
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return other_scheme(authorization);
    }
    match rest {
        [b' ', ..] => {
            let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
            let token = rest.get(spaces..).unwrap_or_default();
            Credentials::Bearer(PresentedToken { token })
        }
        // Another scheme whose name begins with `Bearer`.
        [first, ..] if is_token_char(*first) => Credentials::Unsupported,
        _ => Credentials::Malformed(MalformedCredentials::NotOneToken),
    }
}

fn other_scheme(authorization: &HeaderValue) -> Credentials<'_> {
    if authorization.as_bytes().trim_ascii().is_empty() {
        return Credentials::None;
    }
    match authorization.as_bytes().split_at_checked(DPOP.len()) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(DPOP) => dpop(rest),
        _ => Credentials::Unsupported,
    }
}

/// Reads the bytes after `DPoP`. Without a space and a token, the token is empty, and thus invalid.
#[cold]
fn dpop(rest: &[u8]) -> Credentials<'_> {
    match rest {
        [b' ', ..] => {
            let spaces = rest.iter().take_while(|byte| **byte == b' ').count();
            Credentials::Dpop(PresentedToken { token: rest.get(spaces..).unwrap_or_default() })
        }
        [first, ..] if is_token_char(*first) => Credentials::Unsupported,
        _ => Credentials::Dpop(PresentedToken { token: b"" }),
    }
}

/// Returns whether the name of a scheme may have this character: `tchar` of RFC 9110 §5.6.2.
fn is_token_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Returns whether the bytes are one token.
///
/// It is called for rejected tokens only. An accepted token is one token, and checking its
/// characters again would take longer than a cache hit.
pub(crate) fn is_one_token(text: &[u8]) -> bool {
    is_token68(text)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use http::header::AUTHORIZATION;

    use super::*;

    fn read(values: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        match Credentials::from_headers(&headers) {
            Credentials::None => "none".to_owned(),
            Credentials::Unsupported => "unsupported".to_owned(),
            Credentials::Bearer(token) if !is_one_token(token.as_bytes()) => "NotOneToken".to_owned(),
            Credentials::Bearer(token) => format!("token {}", token.as_bytes().escape_ascii()),
            Credentials::Dpop(token) if !is_one_token(token.as_bytes()) => "dpop NotOneToken".to_owned(),
            Credentials::Dpop(token) => format!("dpop {}", token.as_bytes().escape_ascii()),
            Credentials::Malformed(how) => format!("{how:?}"),
        }
    }

    #[test]
    fn token_after_scheme_in_any_case_is_read() {
        // D02, D03
        for value in ["Bearer a.b-c", "bearer a.b-c", "BEARER a.b-c", "bEaReR   a.b-c"] {
            assert_eq!(read(&[value.as_bytes()]), "token a.b-c", "{value}");
        }
        assert_eq!(read(&[b"Bearer aA9-._~+/=="]), "token aA9-._~+/==");
    }

    #[test]
    fn other_scheme_is_unsupported_and_no_header_is_none() {
        // D09, FR-C8
        assert_eq!(read(&[]), "none");
        for value in ["", " ", "\t", "        "] {
            assert_eq!(read(&[value.as_bytes()]), "none", "{value}");
        }
        for value in ["Basic dTpw", "Bear", "BearerX a", "Bearer-2 a", "DPoPX a", "a.b.c", "Token a.b.c"] {
            assert_eq!(read(&[value.as_bytes()]), "unsupported", "{value}");
        }
    }

    #[test]
    fn bearer_without_exactly_one_token_is_malformed() {
        // D03
        let values: [&[u8]; 16] = [
            b"Bearer",
            b"Bearer ",
            b"Bearer   ",
            b"Bearer\ta",
            b"Bearer,a",
            b"Bearer=a",
            b"Bearer \ta",
            b"Bearer a b",
            b"Bearer a,b",
            b"Bearer a, Basic b",
            b"Bearer a\tb",
            b"Bearer \"a\"",
            b"Bearer =",
            b"Bearer a=b",
            b"Bearer \xff",
            b"Bearer token=a",
        ];
        for value in values {
            assert_eq!(read(&[value]), "NotOneToken", "{}", value.escape_ascii());
        }
    }

    #[test]
    fn token_after_dpop_in_any_case_is_read() {
        // DP02
        for value in ["DPoP a.b-c", "dpop a.b-c", "DPOP  a.b-c"] {
            assert_eq!(read(&[value.as_bytes()]), "dpop a.b-c", "{value}");
        }
        for value in ["DPoP", "DPoP ", "DPoP a b", "DPoP a,b", "DPoP,a", "DPoP\ta", "DPoP ="] {
            assert_eq!(read(&[value.as_bytes()]), "dpop NotOneToken", "{value}");
        }
        for value in ["DPoP-2 a", "DPo a"] {
            assert_eq!(read(&[value.as_bytes()]), "unsupported", "{value}");
        }
        assert_eq!(read(&[b"Bearer a", b"DPoP a"]), "SeveralHeaders");
    }

    #[test]
    fn token_has_only_token68_characters() {
        // D02
        let allowed = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/";
        for byte in 0..=u8::MAX {
            assert_eq!(is_one_token(&[b'a', byte, b'a']), allowed.contains(&byte), "{byte:#x}");
        }
        assert!(is_one_token(b"a==") && !is_one_token(b"a=a") && !is_one_token(b"==") && !is_one_token(b""));
    }

    #[test]
    fn malformed_credentials_have_readable_messages() {
        assert!(MalformedCredentials::SeveralHeaders.to_string().contains("one Authorization header"));
        assert!(MalformedCredentials::NotOneToken.to_string().contains("one token"));
    }

    #[test]
    fn two_authorization_headers_are_malformed() {
        // D04
        for other in ["Bearer a", "Basic dTpw", ""] {
            assert_eq!(read(&[b"Bearer a", other.as_bytes()]), "SeveralHeaders", "{other}");
            assert_eq!(read(&[other.as_bytes(), b"Bearer a"]), "SeveralHeaders", "{other}");
        }
    }
}
