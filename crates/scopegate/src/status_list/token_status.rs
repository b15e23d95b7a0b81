//! The status of one token: its place in a list, prepared for look-ups.

use std::sync::{Arc, Weak};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use scopegate_proto::json::JsonObject;
use tokio::time::Instant;

use crate::error::Error;
use crate::status_list::claim::Reference;
use crate::status_list::error::shown_url;
use crate::status_list::list::List;
use crate::status_list::lists::{Lists, SWEEP_INTERVAL};
use crate::status_list::snapshot::Looked;
use crate::token::numeric_date::NumericDate;

/// The only accepted status (§7.1).
const VALID: u8 = 0;

/// A token's place in a list. It stays with the token's claims in the cache.
pub(crate) struct TokenStatus {
    /// Weak, because the lists end with the issuer, and cached tokens may stay.
    lists: Weak<Lists>,
    uri: Box<str>,
    index: u64,
    /// The list that was looked up last.
    list: ArcSwapOption<List>,
}

impl TokenStatus {
    /// Reads the claim `status` of a verified token. Nothing is fetched.
    pub(crate) fn read(lists: &Arc<Lists>, payload: &JsonObject<'_>) -> Result<Option<Self>, Error> {
        let Some(Reference { uri, index }) = Reference::read(payload, lists.rules())? else {
            return Ok(None);
        };
        let list = ArcSwapOption::new(lists.find(uri.written()));
        Ok(Some(Self { lists: Arc::downgrade(lists), uri: uri.written().into(), index, list }))
    }

    /// Returns whether the token is valid by a current list. It takes no lock.
    #[inline]
    pub(crate) fn is_valid(&self, now: NumericDate) -> bool {
        let list = self.list.load();
        list.as_deref().is_some_and(|list| list.look_up(self.index, now) == Looked::Found(Some(VALID)))
    }

    /// Checks the status by the list as it is. If there is no list, a fetch becomes due.
    #[cold]
    pub(crate) fn check(&self, issuer: &str, now: NumericDate) -> Result<(), Error> {
        let Some(list) = self.open() else { return Err(self.unavailable(issuer, SWEEP_INTERVAL)) };
        let status = match list.look_up(self.index, now) {
            Looked::Found(status) => status,
            Looked::Overdue(status) => {
                list.request(now);
                list.use_overdue(now);
                status
            }
            Looked::Unusable => {
                list.request(now);
                return Err(self.unavailable(issuer, list.retry_after()));
            }
        };
        if status == Some(VALID) {
            return Ok(());
        }
        let (issuer, list) = (issuer.to_owned(), shown_url(&self.uri));
        Err(Error::InvalidStatus { issuer, list, index: self.index, found: status })
    }

    /// Returns whether a fetch that may bring the list is due or under way. If the list is missing
    /// or overdue, it makes a fetch due.
    #[cold]
    pub(crate) fn is_pending(&self, now: NumericDate) -> bool {
        self.open().is_some_and(|list| match list.look_up(self.index, now) {
            Looked::Found(_) => false,
            Looked::Overdue(_) | Looked::Unusable => list.request(now),
        })
    }

    /// Waits until no fetch of the list is due or under way.
    pub(crate) async fn settled(&self, deadline: Instant) {
        if let Some(list) = self.open() {
            list.settled(deadline).await;
        }
    }

    /// Returns an upper bound of the bytes that it points to and does not share.
    pub(crate) fn weight(&self) -> usize {
        size_of::<Self>() + self.uri.len()
    }

    /// Returns the list with this URL, which may have been dropped and started again since the last
    /// look-up. If it is not running, it is started.
    fn open(&self) -> Option<Arc<List>> {
        let list = self.lists.upgrade().and_then(|lists| lists.open(&self.uri));
        if self.list.load().as_ref().map(Arc::as_ptr) != list.as_ref().map(Arc::as_ptr) {
            self.list.store(list.clone());
        }
        list
    }

    fn unavailable(&self, issuer: &str, retry_after: Duration) -> Error {
        Error::StatusUnavailable { issuer: issuer.to_owned(), list: shown_url(&self.uri), retry_after }
    }
}
