//! Results of a verification that accepts no token: a rejection, or a missing key.

use std::sync::Arc;

use scopegate_proto::jws::CompactJws;

use crate::claims::Claims;
use crate::error::Error;
use crate::issuer::registry::{Missing, MissingKey, TrustedIssuer};

pub(crate) enum NotAccepted<'v> {
    Rejected(Error),
    /// The token may be accepted after a fetch.
    KeyUnknown(UnknownKey<'v>),
}

/// A token whose key is unavailable, with the parts that were read.
pub(crate) struct UnknownKey<'v> {
    pub(crate) issuer: &'v Arc<TrustedIssuer>,
    pub(crate) missing: MissingKey,
    pub(crate) parts: CompactJws,
}

/// The rejection of a token, with its claims if the token is valid.
#[derive(Debug)]
pub(crate) struct Rejected {
    pub(crate) error: Error,
    #[cfg_attr(
        not(feature = "http"),
        allow(dead_code, reason = "only decisions about requests have claims")
    )]
    pub(crate) claims: Option<Claims>,
}

impl UnknownKey<'_> {
    /// Returns the error of a verification that does not wait.
    pub(crate) fn error(&self) -> Error {
        match self.missing.why {
            // `verify` never waits. Applications that want the fetch call `verify_or_refresh`.
            Missing::Unknown(_) => self.issuer.unknown_key(&self.missing.name),
            Missing::NoKeysYet | Missing::Overdue => self.issuer.error_without_waiting(&self.missing),
        }
    }

    /// Returns the error, or `None` if a fetch may bring the key.
    pub(crate) fn settled_error(&self) -> Option<Error> {
        self.issuer.settled_error(&self.missing)
    }
}

impl From<Error> for NotAccepted<'_> {
    fn from(error: Error) -> Self {
        Self::Rejected(error)
    }
}

impl<'v> From<UnknownKey<'v>> for NotAccepted<'v> {
    fn from(unknown: UnknownKey<'v>) -> Self {
        Self::KeyUnknown(unknown)
    }
}
