//! Results of a verification that accepts no token: a rejection, or a missing key.

use std::sync::Arc;
#[cfg(feature = "fetch")]
use std::time::Duration;

#[cfg(feature = "fetch")]
use scopegate_proto::excerpt::Excerpt;
use scopegate_proto::jws::CompactJws;

use crate::claims::Claims;
use crate::error::Error;
use crate::issuer::trusted::{Missing, MissingKey, TrustedIssuer};
#[cfg(feature = "fetch")]
use crate::verifier::introspecting::Introspecting;
#[cfg(feature = "fetch")]
use crate::verifier::trust::resolver::Resolution;

pub(crate) enum NotAccepted {
    Rejected(Error),
    /// The token may be accepted after a fetch, or after a call of the resolver.
    Waits(WaitsFor, CompactJws),
    /// The token is valid, and a status list that is missing or overdue may say otherwise, or does.
    #[cfg(feature = "fetch")]
    StatusUnknown(Claims),
    /// The authorization server is being asked about an opaque token.
    #[cfg(feature = "fetch")]
    Introspecting(Box<Introspecting>),
}

/// The reason why a token is not accepted now.
pub(crate) enum Undecided {
    Rejected(Error),
    Waits(WaitsFor),
}

/// A key or an issuer that may arrive.
pub(crate) enum WaitsFor {
    Key(UnknownKey),
    #[cfg(feature = "fetch")]
    Issuer(UnresolvedIssuer),
}

/// A token whose issuer is being resolved.
#[cfg(feature = "fetch")]
pub(crate) struct UnresolvedIssuer {
    pub(crate) found: Excerpt,
    pub(crate) resolution: Arc<Resolution>,
}

#[cfg(feature = "fetch")]
impl UnresolvedIssuer {
    /// Returns the error of a verification that does not wait, or no longer.
    pub(crate) fn error(&self) -> Error {
        Error::IssuerUnavailable { found: self.found.clone(), retry_after: Duration::from_secs(1) }
    }
}

impl WaitsFor {
    /// Returns the error of a verification that does not wait.
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Key(unknown) => unknown.error(),
            #[cfg(feature = "fetch")]
            Self::Issuer(unresolved) => unresolved.error(),
        }
    }

    /// Returns the error, or `None` if waiting may help.
    pub(crate) fn settled_error(&self) -> Option<Error> {
        match self {
            Self::Key(unknown) => unknown.settled_error(),
            #[cfg(feature = "fetch")]
            Self::Issuer(_) => None,
        }
    }
}

/// A token whose key is unavailable.
pub(crate) struct UnknownKey {
    pub(crate) issuer: Arc<TrustedIssuer>,
    pub(crate) missing: MissingKey,
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

impl Rejected {
    /// Adds the claims of a valid token.
    pub(crate) fn with_claims(self, claims: Claims) -> Self {
        Self { claims: Some(claims), ..self }
    }
}

impl UnknownKey {
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

impl From<Error> for NotAccepted {
    fn from(error: Error) -> Self {
        Self::Rejected(error)
    }
}

impl From<Error> for Undecided {
    fn from(error: Error) -> Self {
        Self::Rejected(error)
    }
}

impl From<UnknownKey> for Undecided {
    fn from(unknown: UnknownKey) -> Self {
        Self::Waits(WaitsFor::Key(unknown))
    }
}
