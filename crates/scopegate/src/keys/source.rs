//! A source of fetched keys, and the guard of the task that fetches them.

use std::sync::Arc;

use crate::keys::fetched::FetchedKeys;
use crate::keys::refresh::abort_on_drop::AbortOnDrop;

/// Keys that are fetched as long as this is held. Trusted issuers hold it, cached tokens do not.
pub(crate) struct KeySource {
    pub(crate) keys: Arc<FetchedKeys>,
    /// Held, because dropping it ends the task.
    pub(crate) _task: AbortOnDrop,
}
