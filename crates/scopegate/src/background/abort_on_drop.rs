//! A guard that ends a background task.

use tokio::task::AbortHandle;

/// A guard that aborts its task when it is dropped.
pub(crate) struct AbortOnDrop(pub(crate) AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
