//! The names of one token that a revocation may have, and the epoch in which none of them was
//! revoked.

use std::sync::atomic::{AtomicU64, Ordering};

use scopegate_proto::json::JsonObject;

use crate::checks::identity::optional_name;
use crate::error::Error;
use crate::revocation::digest::Digest;
use crate::revocation::kind::Kind;
use crate::revocation::store::Store;
use crate::token::numeric_date::NumericDate;

/// The digests of a token's names. They stay with the token's claims in the cache.
///
/// It has no hash of the token's bytes: an ECDSA signature has a second valid form, so a revoked
/// token could come back with other bytes.
#[derive(Debug)]
pub(crate) struct RevocableNames {
    digests: [Digest; Kind::ALL.len()],
    /// The digests that are there, as bits.
    present: u8,
    issued_at: Option<NumericDate>,
    /// The last epoch in which nothing was found. 0 if there was no lookup.
    checked_in: AtomicU64,
}

/// The names that the other checks have read.
pub(crate) struct NamesRead<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) token_id: Option<&'a str>,
    pub(crate) subject: Option<&'a str>,
    pub(crate) client: Option<&'a str>,
    pub(crate) key_id: Option<&'a str>,
    pub(crate) issued_at: Option<NumericDate>,
}

/// The entry that revokes a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) source: u16,
}

impl RevocableNames {
    /// Reads the session, and hashes it with the other names.
    pub(crate) fn new(store: &Store, read: &NamesRead<'_>, payload: &JsonObject<'_>) -> Result<Self, Error> {
        let session = optional_name(payload, Kind::Session.claim())?;
        let (mut digests, mut present) = ([Digest { high: 0, low: 0 }; Kind::ALL.len()], 0);
        for (digest, kind) in digests.iter_mut().zip(Kind::ALL) {
            let name = match kind {
                Kind::Token => read.token_id,
                Kind::Subject => read.subject,
                Kind::Client => read.client,
                Kind::Session => session.as_deref(),
                Kind::Key => read.key_id,
            };
            if let Some(name) = name {
                *digest = store.key.digest(kind, read.issuer, name);
                present |= kind.bit();
            }
        }
        Ok(Self { digests, present, issued_at: read.issued_at, checked_in: AtomicU64::new(0) })
    }

    /// Returns the entry that revokes the token. If nothing was added since nothing was found, it
    /// looks up nothing.
    #[inline]
    pub(crate) fn find_in(&self, store: &Store, now: impl FnOnce() -> NumericDate) -> Option<Found> {
        let epoch = store.epoch();
        if self.checked_in.load(Ordering::Relaxed) == epoch {
            return None;
        }
        self.look_up(store, epoch, now())
    }

    #[cold]
    fn look_up(&self, store: &Store, epoch: u64, now: NumericDate) -> Option<Found> {
        let mut has_ended = false;
        for (digest, kind) in self.digests.iter().zip(Kind::ALL) {
            if self.present & kind.bit() == 0 {
                continue;
            }
            let found = store.find(kind, *digest, self.issued_at, now);
            if let Some(source) = found.source {
                return Some(Found { kind, source });
            }
            has_ended |= found.has_ended;
        }
        // An ended entry is in force again if the clock is set back, which needs no addition.
        if !has_ended {
            // The epoch was read first, so an entry that came during the lookup has a later one.
            self.checked_in.store(epoch, Ordering::Relaxed);
        }
        None
    }
}
