//! The memory of fetches of status lists that are under way.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Upper bound of the documents that are fetched at the same time, with their decoded parts: 16
/// documents of the largest size. A fetch waits for its part before it reads the response.
const MAX_DOCUMENTS: usize = 64 * 1024 * 1024;

/// Maximum number of documents that are verified and inflated at the same time. Each takes 8 MiB at
/// most, and no response of a server prolongs it.
const MAX_INFLATED_AT_ONCE: usize = 4;

/// The unit of the reservations.
const UNIT: usize = 1_024;

/// The memory that the fetches of one verifier share. A fetch that waits for the second part has
/// the first one, so the parts are reserved in this order.
pub(super) struct FetchMemory {
    documents: Arc<Semaphore>,
    inflating: Arc<Semaphore>,
}

/// A reservation. Dropping it returns the memory.
pub(super) struct FetchPermit {
    _permit: Option<OwnedSemaphorePermit>,
}

/// The body of a response, and the memory that it takes.
pub(super) struct Document {
    pub(super) bytes: Vec<u8>,
    _memory: FetchPermit,
}

impl Document {
    pub(super) fn new(bytes: Vec<u8>, memory: FetchPermit) -> Self {
        Self { bytes, _memory: memory }
    }
}

impl FetchMemory {
    pub(super) fn new() -> Self {
        Self {
            documents: Arc::new(Semaphore::new(MAX_DOCUMENTS / UNIT)),
            inflating: Arc::new(Semaphore::new(MAX_INFLATED_AT_ONCE)),
        }
    }

    /// Waits for the memory of a document of this size, and of its decoded parts.
    pub(super) async fn document(&self, bytes: usize) -> FetchPermit {
        let units = bytes.saturating_mul(2).min(MAX_DOCUMENTS).div_ceil(UNIT);
        acquire(&self.documents, u32::try_from(units).unwrap_or(u32::MAX)).await
    }

    /// Waits for the memory to inflate a list.
    pub(super) async fn inflating(&self) -> FetchPermit {
        acquire(&self.inflating, 1).await
    }
}

/// It returns a permit, because the semaphores are never closed.
async fn acquire(semaphore: &Arc<Semaphore>, permits: u32) -> FetchPermit {
    FetchPermit { _permit: Arc::clone(semaphore).acquire_many_owned(permits).await.ok() }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn sixteen_largest_documents_are_held_at_once() {
        // SL12
        let memory = FetchMemory::new();
        let mut held = Vec::new();
        for _ in 0..16 {
            held.push(memory.document(2 * 1024 * 1024).await);
        }
        let mut next = pin!(memory.document(1));
        assert!(testkit::poll_once(next.as_mut()).await.is_none());
        held.pop();
        assert!(testkit::poll_once(next).await.is_some());
    }

    #[tokio::test]
    async fn document_beyond_all_memory_takes_all() {
        let memory = FetchMemory::new();
        let all = memory.document(usize::MAX).await;
        assert!(testkit::poll_once(memory.document(1)).await.is_none());
        drop(all);
        assert!(testkit::poll_once(memory.document(1)).await.is_some());
    }

    #[tokio::test]
    async fn four_lists_are_inflated_at_once() {
        // SL12
        let memory = FetchMemory::new();
        let mut held = Vec::new();
        for _ in 0..4 {
            held.push(memory.inflating().await);
        }
        assert!(testkit::poll_once(memory.inflating()).await.is_none());
        held.pop();
        assert!(testkit::poll_once(memory.inflating()).await.is_some());
    }
}
