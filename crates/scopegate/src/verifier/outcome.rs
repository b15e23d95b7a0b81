//! Why a token is not accepted now: rejected for good, or for want of a key.

use std::sync::Arc;

use scopegate_proto::jws::CompactJws;

use crate::error::Error;
use crate::issuer::registry::TrustedIssuer;
use crate::keys::name::KeyName;
use crate::keys::refresh::schedule::RefreshState;

pub(crate) enum NotAccepted<'v> {
    Rejected(Error),
    /// The token may be accepted after a fetch.
    KeyUnknown(UnknownKey<'v>),
}

/// A token whose key is not in the current set, and what was read of it.
pub(crate) struct UnknownKey<'v> {
    pub(crate) issuer: &'v Arc<TrustedIssuer>,
    pub(crate) key: KeyName,
    pub(crate) state: RefreshState,
    pub(crate) parts: CompactJws,
}

impl UnknownKey<'_> {
    /// The error if the issuer does not publish the key.
    pub(crate) fn error(&self) -> Error {
        self.issuer.unknown_key(&self.key)
    }

    /// The error, unless the key may be about to arrive.
    pub(crate) fn settled_error(&self) -> Option<Error> {
        self.issuer.settled_error(&self.key, self.state)
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
