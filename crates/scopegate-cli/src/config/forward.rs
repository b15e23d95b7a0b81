//! The headers that the gateway passes on to the backend.

use std::fmt;

use http::{HeaderName, HeaderValue};
use scopegate::Claims;

/// The headers of accepted requests, with the part of the token that each has.
pub(crate) type Forward = Vec<(HeaderName, Field)>;

/// Maximum number of headers.
pub(super) const MAX_HEADERS: usize = 32;

/// A part of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    ClientId,
    Subject,
    Issuer,
    Scope,
    TokenId,
    Tenant,
}

const FIELDS: [(&str, Field); 6] = [
    ("client_id", Field::ClientId),
    ("sub", Field::Subject),
    ("iss", Field::Issuer),
    ("scope", Field::Scope),
    ("jti", Field::TokenId),
    ("tenant", Field::Tenant),
];

/// Headers with a meaning of their own, in a response or in a request.
const RESERVED: [&str; 24] = [
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dpop",
    "dpop-nonce",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
    "x-auth-path",
];

/// The reason why a header cannot be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InvalidForward {
    Name,
    Reserved,
    Field,
}

impl Field {
    pub(super) fn parse(text: &str) -> Result<Self, InvalidForward> {
        let field = FIELDS.iter().find(|(name, _)| *name == text);
        field.map(|(_, field)| *field).ok_or(InvalidForward::Field)
    }

    /// Returns the value for a header. It is empty if the token does not have it, or if a header cannot
    /// have it unchanged.
    pub(crate) fn value(self, claims: Option<&Claims>) -> HeaderValue {
        let text = claims.and_then(|claims| match self {
            Self::ClientId => claims.client_id().map(str::to_owned),
            Self::Subject => claims.subject().map(str::to_owned),
            Self::Issuer => Some(claims.issuer().to_owned()),
            Self::Scope => Some(claims.scopes().to_string()),
            Self::TokenId => claims.token_id().map(str::to_owned),
            Self::Tenant => claims.tenant().map(str::to_owned),
        });
        text.as_deref().and_then(unchanged).unwrap_or_else(|| HeaderValue::from_static(""))
    }
}

/// Returns the header value of a string that every HTTP implementation passes on unchanged. Spaces at
/// the ends are removed (RFC 9110 §5.5), so ` alice` would become `alice`.
fn unchanged(text: &str) -> Option<HeaderValue> {
    let is_printable = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    (is_printable && text.trim() == text).then(|| HeaderValue::from_str(text).ok()).flatten()
}

/// Reads the name of a header. Gateways and backends take `X_Auth` for `X-Auth`, so it has no `_`.
pub(super) fn header_name(text: &str) -> Result<HeaderName, InvalidForward> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| InvalidForward::Name)?;
    match name.as_str() {
        name if name.contains('_') => Err(InvalidForward::Name),
        name if RESERVED.contains(&name) => Err(InvalidForward::Reserved),
        _ => Ok(name),
    }
}

impl fmt::Display for InvalidForward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => f.write_str("expected the name of a header without `_`, such as \"X-Auth-Client\""),
            Self::Reserved => f.write_str("expected a header of its own, found one with another meaning"),
            Self::Field => {
                let names = FIELDS.map(|(name, _)| name).join("`, `");
                write!(f, "expected a part of the token out of `{names}`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unchanged_values_are_forwarded() {
        assert_eq!(unchanged("alice smith").unwrap(), "alice smith");
        for text in [" alice", "alice ", "al\tice", "al\r\nX-Auth: b", "\u{e9}", "a\u{0}", "\u{a0}a"] {
            assert_eq!(unchanged(text), None, "{text:?}");
        }
        for (_, field) in FIELDS {
            assert_eq!(field.value(None), "");
        }
    }

    #[test]
    fn header_with_another_meaning_is_rejected() {
        assert_eq!(header_name("X-Auth-Client").unwrap(), "x-auth-client");
        for text in ["X_Auth", "", "X Auth", "X-Auth\u{e9}", "X-Auth:"] {
            assert_eq!(header_name(text), Err(InvalidForward::Name), "{text}");
        }
        let others = ["Content-Encoding", "Set-Cookie", "Proxy-Connection", "Trailer"];
        for text in ["Authorization", "host", "X-Auth-Path", "Connection"].into_iter().chain(others) {
            assert_eq!(header_name(text), Err(InvalidForward::Reserved), "{text}");
        }
        assert_eq!(Field::parse("subject"), Err(InvalidForward::Field));
    }
}
