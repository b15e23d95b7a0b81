//! Why a security event token was not accepted, with the code that a transmitter gets.

use std::fmt;
use std::time::Duration;

use scopegate_proto::excerpt::Excerpt;

use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::revocation::error::RevocationError;

/// The reason why a security event token is not accepted.
///
/// Write it to a log. A transmitter gets [`code`](Self::code) and
/// [`description`](Self::description).
#[non_exhaustive]
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are what their variant says was expected and found")]
pub enum SecurityEventError {
    /// The SET is malformed, its transmitter is not trusted, or its key is unavailable.
    Invalid(Error),
    /// The transmitter's keys lack the key, and were not fetched since the SET arrived. The
    /// transmitter should send it again, because it may have published the key meanwhile.
    #[non_exhaustive]
    UnconfirmedKey { error: Error, retry_after: Duration },
    /// The transmitter does not publish the key, also to a fetch after the SET arrived. The SET is
    /// held for a refresh period of the keys, because a cache may publish them late. Until then, the
    /// transmitter should send it again. Afterwards it is [`Invalid`](Self::Invalid).
    #[non_exhaustive]
    UnpublishedKey { error: Error, retry_after: Duration, held_for: Duration },
    /// The transmitter may not revoke tokens of the subject's issuer. See
    /// [`Transmitter::subject_issuer`](crate::Transmitter::subject_issuer).
    #[non_exhaustive]
    ForeignSubject { transmitter: String, found: Excerpt },
    /// The SET is valid, and the store of revocations, or the transmitter's share, has no room. The
    /// transmitter should send it again.
    NotStored(RevocationError),
}

/// A full store has room again when entries end.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(60);

impl SecurityEventError {
    /// Returns the error code of RFC 8935 §2.4.
    ///
    /// | code | reason |
    /// | --- | --- |
    /// | `invalid_key` | fetches of a refresh period lack the key, the algorithm is not accepted, or the signature is invalid |
    /// | `invalid_issuer` | `iss` is not a transmitter |
    /// | `invalid_audience` | `aud` is absent or for another receiver |
    /// | `access_denied` | the transmitter may not revoke for the subject's issuer |
    /// | `invalid_request` | any other defect, and an error with [`retry_after`](Self::retry_after) |
    pub fn code(&self) -> &'static str {
        match self {
            Self::ForeignSubject { .. } => "access_denied",
            Self::NotStored(_) | Self::UnconfirmedKey { .. } | Self::UnpublishedKey { .. } => {
                "invalid_request"
            }
            Self::Invalid(Error::UnacceptableAlgorithm { .. }) => "invalid_key",
            Self::Invalid(Error::MissingClaim { claim: "aud" }) => "invalid_audience",
            Self::Invalid(Error::MalformedClaim { claim, .. }) if claim == "aud" => "invalid_audience",
            Self::Invalid(error) => match error.kind() {
                ErrorKind::UnknownKey | ErrorKind::BadSignature => "invalid_key",
                ErrorKind::Untrusted => "invalid_issuer",
                ErrorKind::NotForUs => "invalid_audience",
                _ => "invalid_request",
            },
        }
    }

    /// Returns a fixed text about the code. It has no value of the SET.
    pub fn description(&self) -> &'static str {
        if self.retry_after().is_some() {
            return "the SET cannot be processed now";
        }
        match self.code() {
            "invalid_key" => "the key, the algorithm or the signature of the SET is not accepted",
            "invalid_issuer" => "the issuer of the SET is not trusted",
            "invalid_audience" => "the SET is for another audience",
            "access_denied" => "the issuer of the SET may not send events about this subject",
            _ => "the SET is malformed",
        }
    }

    /// Returns when the transmitter should send the SET again, or `None` if it is rejected. The
    /// response is 503 in the first case, and 400 in the second.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotStored(_) => Some(RETRY_WHEN_FULL),
            Self::UnconfirmedKey { retry_after, .. }
            | Self::UnpublishedKey { retry_after, .. }
            | Self::Invalid(Error::KeysUnavailable { retry_after, .. }) => Some(*retry_after),
            Self::Invalid(_) | Self::ForeignSubject { .. } => None,
        }
    }
}

impl From<Error> for SecurityEventError {
    fn from(error: Error) -> Self {
        Self::Invalid(error)
    }
}

impl fmt::Display for SecurityEventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => fmt::Display::fmt(error, f),
            Self::UnconfirmedKey { error, .. } => {
                write!(f, "{error}, and the keys were not fetched since the SET arrived")
            }
            Self::UnpublishedKey { error, .. } => {
                write!(f, "{error}, and the transmitter may publish it later")
            }
            Self::ForeignSubject { transmitter, found } => {
                write!(f, "{transmitter} may not revoke tokens of the subject's issuer {found}")
            }
            Self::NotStored(error) => fmt::Display::fmt(error, f),
        }
    }
}

impl std::error::Error for SecurityEventError {}
