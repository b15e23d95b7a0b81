//! Bounds on the fetches of one verifier that run at the same time.

use tokio::sync::{Semaphore, SemaphorePermit};

/// Maximum number of fetches of each kind at the same time, and so of connections: a fetch has one
/// connection at most.
pub(crate) const MAX_FETCHES: usize = 32;

/// The result of a source's last fetch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LastFetch {
    #[default]
    None,
    Succeeded,
    Failed,
}

/// The permits to fetch. Each kind has its own: issuers that do not respond hold a permit for
/// seconds at each retry, and must delay neither new issuers nor the renewal of keys.
pub(crate) struct FetchPermits {
    first: Semaphore,
    renewal: Semaphore,
    retry: Semaphore,
}

impl FetchPermits {
    pub(crate) fn new() -> Self {
        let semaphore = || Semaphore::new(MAX_FETCHES);
        Self { first: semaphore(), renewal: semaphore(), retry: semaphore() }
    }

    /// Waits for a permit. It returns one, because the semaphores are never closed.
    pub(crate) async fn acquire(&self, last: LastFetch) -> Option<SemaphorePermit<'_>> {
        let semaphore = match last {
            LastFetch::None => &self.first,
            LastFetch::Succeeded => &self.renewal,
            LastFetch::Failed => &self.retry,
        };
        semaphore.acquire().await.ok()
    }
}
