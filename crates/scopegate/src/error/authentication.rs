//! The reasons why the authentication of a user is not sufficient.

use std::fmt;

use scopegate_proto::excerpt::Excerpt;

use crate::token::numeric_date::NumericDate;

/// The reason why the user must authenticate again (RFC 9470 §3).
#[non_exhaustive]
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields have the expected and the found values of their variant")]
pub enum AuthenticationError {
    /// The token has no such claim: `acr` or `auth_time`. It may be `null`.
    #[non_exhaustive]
    MissingClaim { claim: &'static str },
    /// `acr` is not a string, or `auth_time` is not a number of seconds since 1970.
    #[non_exhaustive]
    MalformedClaim { claim: &'static str, expected: &'static str, found: Excerpt },
    /// `acr` is none of the required values. `expected` has all of them, separated by spaces.
    #[non_exhaustive]
    OtherContext { expected: String, found: Excerpt },
    /// The user authenticated too long ago. `max_age` is in seconds.
    #[non_exhaustive]
    TooOld { auth_time: NumericDate, now: NumericDate, max_age: u64 },
    /// `auth_time` is more than 60 s in the future, so the age is unknown.
    #[non_exhaustive]
    InFuture { auth_time: NumericDate, now: NumericDate },
}

impl fmt::Display for AuthenticationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingClaim { claim } => write!(f, "claim `{claim}` is absent"),
            Self::MalformedClaim { claim, expected, found } => {
                write!(f, "claim `{claim}`: expected {expected}, found {found}")
            }
            Self::OtherContext { expected, found } => {
                write!(f, "expected `acr` to be one of {expected}, found {found}")
            }
            Self::TooOld { auth_time, now, max_age } => {
                let age = now.secs_since(*auth_time);
                write!(f, "`auth_time` is {auth_time}, used at {now}: {age} s later (at most {max_age} s)")
            }
            Self::InFuture { auth_time, now } => {
                let ahead = auth_time.secs_since(*now);
                write!(f, "`auth_time` is {auth_time}, used at {now}: {ahead} s earlier")
            }
        }
    }
}

impl std::error::Error for AuthenticationError {}
