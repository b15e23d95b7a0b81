//! The key that signed a document of an issuer, such as a status list. It may have to be fetched.

use std::sync::Arc;

use scopegate_proto::clock::Clock;
use tokio::time::{Instant, timeout_at};

use crate::keys::fetched::{KeyRequested, OverdueKeys, Reading};
use crate::keys::issuer_keys::IssuerKeys;
use crate::keys::jwk::Key;
use crate::keys::refresh::schedule::RefreshState;
use crate::keys::set::{KeyLookupError, KeySet};
use crate::token::key_name::KeyName;

/// The reason why the key of a document is unavailable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoKey {
    /// The issuer publishes no such key.
    Unknown,
    /// The issuer publishes this many keys that fit.
    Ambiguous(usize),
    /// There are no usable keys.
    Unavailable,
}

impl IssuerKeys {
    /// Returns the key with this name. Waits until the deadline for a fetch that may bring it.
    pub(crate) async fn key_of_document(
        &self,
        name: &KeyName,
        clock: &dyn Clock,
        deadline: Instant,
    ) -> Result<Arc<Key>, NoKey> {
        loop {
            let changes = self.fetched().map(|fetched| fetched.refresh().watch());
            let find = |set: &KeySet| set.find(&name.id, name.algorithm).map(Arc::clone);
            let error = match self.read(clock.now().into(), OverdueKeys::Use, None, find) {
                Reading::Current(Ok(key)) => return Ok(key),
                Reading::Current(Err(KeyLookupError::Ambiguous(found))) => {
                    return Err(NoKey::Ambiguous(found));
                }
                Reading::Current(Err(KeyLookupError::Unknown)) => match self.request(name, None) {
                    Some(KeyRequested::Arrived) => continue,
                    Some(KeyRequested::Missing(RefreshState::Pending)) => NoKey::Unknown,
                    _ => return Err(NoKey::Unknown),
                },
                Reading::Overdue | Reading::Unusable
                    if self.fetched().is_some_and(|fetched| fetched.refresh().keys_unusable()) =>
                {
                    NoKey::Unavailable
                }
                Reading::Overdue | Reading::Unusable => return Err(NoKey::Unavailable),
            };
            let Some(mut changes) = changes else { return Err(error) };
            if timeout_at(deadline, changes.changed()).await.is_err() {
                return Err(error);
            }
        }
    }
}
