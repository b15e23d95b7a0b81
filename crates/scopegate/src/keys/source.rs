//! A source of fetched keys, and the guard of the task that fetches them.

use std::sync::Arc;

use crate::background::abort_on_drop::AbortOnDrop;
use crate::keys::fetched::FetchedKeys;
#[cfg(feature = "fetch")]
use crate::keys::users::Users;

/// Keys that are fetched while a trusted issuer holds this source. Cached tokens do not hold it.
pub(crate) struct KeySource {
    pub(crate) keys: Arc<FetchedKeys>,
    #[cfg(feature = "fetch")]
    pub(crate) users: Arc<Users>,
    /// Dropping this guard ends the task.
    pub(crate) _task: AbortOnDrop,
}
