//! Why a token is not accepted now: rejected for good, or for want of a key.

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

/// A token whose key cannot be had now, and what was read of it.
pub(crate) struct UnknownKey<'v> {
    pub(crate) issuer: &'v Arc<TrustedIssuer>,
    pub(crate) missing: MissingKey,
    pub(crate) parts: CompactJws,
}

/// A token that is not accepted, and its claims if it is valid.
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
    /// The error if nothing is waited for.
    pub(crate) fn error(&self) -> Error {
        match self.missing.why {
            // The application does not wait, and asks again if it wants to know.
            Missing::Unknown(_) => self.issuer.unknown_key(&self.missing.name),
            Missing::NoKeysYet | Missing::Overdue => self.issuer.error_without_waiting(&self.missing),
        }
    }

    /// The error, unless the key may be about to arrive.
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
