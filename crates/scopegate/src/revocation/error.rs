//! Why a revocation could not be stored.

use std::fmt;

/// The reason why a revocation was not stored. Report it: tokens that should be rejected are
/// accepted.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are what their variant says was expected and found")]
pub enum RevocationError {
    /// The store is full, and nothing in it has ended. Entries are never evicted. `not_stored`
    /// counts the revocations that have no place.
    #[non_exhaustive]
    Full { capacity: usize, not_stored: usize },
    /// The source has its share of the store, and nothing in the share has ended. `limit` is the
    /// number of entries in the share. A transmitter of security events has a quarter of the
    /// capacity, so that it cannot leave other sources without room.
    #[non_exhaustive]
    SourceFull { limit: usize, not_stored: usize },
    /// The name of a source of your own is `application` or begins with `file:`. Revocations by
    /// code and followed files have these names.
    #[non_exhaustive]
    ReservedName { reserved: &'static str },
    /// There are more sources than a store can tell apart.
    #[non_exhaustive]
    TooManySources { limit: usize },
}

impl fmt::Display for RevocationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { capacity, not_stored } => {
                write!(f, "the store of {capacity} revocations is full, {not_stored} not stored")
            }
            Self::SourceFull { limit, not_stored } => {
                write!(f, "the source's share of {limit} revocations is full, {not_stored} not stored")
            }
            Self::ReservedName { reserved } => {
                write!(f, "expected another name for a source of revocations, `{reserved}` is reserved")
            }
            Self::TooManySources { limit } => write!(f, "expected at most {limit} sources of revocations"),
        }
    }
}

impl std::error::Error for RevocationError {}
