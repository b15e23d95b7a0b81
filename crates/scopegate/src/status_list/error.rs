//! Errors of a fetch that brought no status list.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::http::{HttpError, SettingsError};
use scopegate_proto::url::redacted;

use crate::error::Error as TokenError;
use crate::keys::document_key::NoKey;
use crate::status_list::array::ArrayError;
use crate::status_list::budget::Exceeded;
use crate::token::algorithm::Algorithm;
use crate::token::numeric_date::NumericDate;

/// Returns the URL of a list for logs and errors, without its query, which may be a credential.
pub(super) fn shown_url(url: &str) -> Excerpt {
    Excerpt::identifier(&redacted(url))
}

#[derive(Debug)]
pub(crate) enum ListError {
    Http(HttpError),
    Client(SettingsError),
    Status(u16),
    /// A redirect leads to another origin, or nowhere. The field is its target.
    Redirect(Excerpt),
    TooManyRedirects,
    /// A rule for tokens that holds for lists too.
    Token(TokenError),
    /// A member of the header or the payload has another value.
    Member {
        member: &'static str,
        expected: &'static str,
        found: Option<Excerpt>,
    },
    /// The issuer's tokens may not have this algorithm.
    Algorithm(Algorithm),
    /// The issuer publishes no such key.
    UnknownKey,
    /// The issuer publishes this many keys that fit.
    AmbiguousKey(usize),
    NoKeys,
    BadSignature,
    Array(ArrayError),
    /// An earlier fetch has brought a newer list.
    Older {
        issued_at: NumericDate,
        newest: NumericDate,
    },
    /// The list has no `exp`, and its `iat` is beyond the stale limit.
    TooOld {
        issued_at: NumericDate,
        max_stale: Duration,
    },
    /// The lists together would be too large.
    NoMemory(Exceeded),
    /// The thread for large lists did not start or is still busy.
    NotRead,
    TooSlow,
    Panicked(Excerpt),
}

impl From<TokenError> for ListError {
    fn from(error: TokenError) -> Self {
        Self::Token(error)
    }
}

impl From<HttpError> for ListError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<NoKey> for ListError {
    fn from(error: NoKey) -> Self {
        match error {
            NoKey::Unknown => Self::UnknownKey,
            NoKey::Ambiguous(found) => Self::AmbiguousKey(found),
            NoKey::Unavailable => Self::NoKeys,
        }
    }
}

impl From<ArrayError> for ListError {
    fn from(error: ArrayError) -> Self {
        Self::Array(error)
    }
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(error) => fmt::Display::fmt(error, f),
            Self::Client(error) => fmt::Display::fmt(error, f),
            Self::Status(found) => write!(f, "expected status 200, found {found}"),
            Self::Redirect(target) => write!(f, "expected a redirect within the origin, found {target}"),
            Self::TooManyRedirects => f.write_str("expected at most 3 redirects, found more"),
            Self::Token(error) => fmt::Display::fmt(error, f),
            Self::Member { member, expected, found: Some(found) } => {
                write!(f, "`{member}`: expected {expected}, found {found}")
            }
            Self::Member { member, expected, found: None } => {
                write!(f, "`{member}`: expected {expected}, found none")
            }
            Self::Algorithm(found) => write!(f, "expected an `alg` of the issuer's tokens, found {found}"),
            Self::UnknownKey => f.write_str("the issuer does not publish the key of the list"),
            Self::AmbiguousKey(found) => write!(f, "the issuer publishes {found} keys that fit the list"),
            Self::NoKeys => f.write_str("the keys of the issuer are unavailable"),
            Self::BadSignature => f.write_str("the signature of the list does not verify"),
            Self::Array(error) => fmt::Display::fmt(error, f),
            Self::Older { issued_at, newest } => {
                write!(
                    f,
                    "the list is older than an earlier one: expected an `iat` of {newest} or later, found {issued_at}"
                )
            }
            Self::TooOld { issued_at, max_stale } => write!(
                f,
                "the list has no `exp` and is too old: expected an `iat` within {} s, found {issued_at}",
                max_stale.as_secs()
            ),
            Self::NoMemory(exceeded) => fmt::Display::fmt(exceeded, f),
            Self::NotRead => f.write_str("an earlier list is still being read"),
            Self::TooSlow => f.write_str("the list was not fetched and read in time"),
            Self::Panicked(message) => write!(f, "the background task has panicked: {message}"),
        }
    }
}

impl Error for ListError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Http(error) => error.source(),
            Self::Client(error) => error.source(),
            _ => None,
        }
    }
}
