//! The reasons why a signed response decides nothing.

use std::fmt;

use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::jws::Part;

use crate::error::Error;
use crate::keys::document_key::NoKey;
use crate::token::algorithm::Algorithm;
use crate::token::numeric_date::NumericDate;

/// The reason why a signed response decides nothing.
#[derive(Debug)]
pub(crate) enum Unsigned {
    /// A rule for tokens that holds for responses too.
    Token(Error),
    Algorithm(Algorithm),
    Key(NoKey),
    BadSignature,
    /// The response is not of this issuer, or not for this API.
    Claim {
        claim: &'static str,
        expected: &'static str,
        found: Option<Excerpt>,
    },
    TooOld {
        issued_at: NumericDate,
        now: NumericDate,
    },
}

impl Unsigned {
    /// Returns whether the reason may be the token: some servers write the audience of the token in
    /// place of this API (RFC 9701 §5), and a client may choose members of the payload.
    pub(crate) fn may_be_about_token(&self) -> bool {
        match self {
            Self::Claim { claim, .. } => *claim == "aud",
            Self::Token(Error::InvalidJson { part, .. }) => *part == Part::Payload,
            Self::Token(_) | Self::Algorithm(_) | Self::Key(_) | Self::BadSignature | Self::TooOld { .. } => {
                false
            }
        }
    }
}

impl From<Error> for Unsigned {
    fn from(error: Error) -> Self {
        Self::Token(error)
    }
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(error) => write!(f, "the signed response is invalid: {error}"),
            Self::Algorithm(found) => {
                write!(f, "the signed response has another algorithm than the issuer's tokens: {found}")
            }
            Self::Key(NoKey::Unknown) => f.write_str("the issuer does not publish the key of the response"),
            Self::Key(NoKey::Ambiguous(found)) => {
                write!(f, "the issuer publishes {found} keys that fit the response")
            }
            Self::Key(NoKey::Unavailable) => f.write_str("the keys of the issuer are unavailable"),
            Self::BadSignature => f.write_str("the signature of the response does not verify"),
            Self::Claim { claim, expected, found } => {
                let found = found.as_ref().map_or("none".to_owned(), Excerpt::to_string);
                write!(f, "`{claim}` of the signed response: expected {expected}, found {found}")
            }
            Self::TooOld { issued_at, now } => {
                write!(f, "the signed response is too old: issued at {issued_at}, received at {now}")
            }
        }
    }
}
