//! The credentials of a request: at most one `Authorization` header. Tokens in a query or a body
//! are ignored.

pub(crate) mod bearer;

use std::fmt;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::http::credentials::bearer::PresentedToken;

/// The credentials of a request.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Credentials<'a> {
    /// No `Authorization` header, or an empty one.
    None,
    /// The scheme is unsupported or missing. The value may be a secret, so it is not shown.
    Unsupported,
    /// The scheme is `Bearer`.
    Bearer(PresentedToken<'a>),
    /// The scheme is `DPoP`: the token has a proof in another header. A verifier without
    /// [`Dpop`](crate::Dpop) does not support this scheme.
    Dpop(PresentedToken<'a>),
    /// The credentials are not well-formed.
    Malformed(MalformedCredentials),
}

/// Why credentials are not well-formed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MalformedCredentials {
    /// The request has more than one `Authorization` header. Servers differ in which one they use.
    SeveralHeaders,
    /// The scheme is not followed by spaces and exactly one token.
    NotOneToken,
}

impl<'a> Credentials<'a> {
    /// Reads the `Authorization` header of a request.
    pub fn from_headers(headers: &'a HeaderMap) -> Self {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::None,
            (Some(authorization), None) => bearer::parse(authorization),
            (Some(_), Some(_)) => Self::Malformed(MalformedCredentials::SeveralHeaders),
        }
    }
}

impl fmt::Display for MalformedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeveralHeaders => f.write_str("expected one Authorization header, found several"),
            Self::NotOneToken => f.write_str("expected the scheme, a space and one token"),
        }
    }
}

impl std::error::Error for MalformedCredentials {}
