//! A reader of documents, which parses large documents on a thread of its own.

use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::keys::refresh::error::RefreshError;

/// Documents up to this size are parsed in place, which takes a few milliseconds at most. The
/// largest set takes a third of a second, and the task shares its runtime with requests. Tokio's
/// threads for blocking work are no alternative, because the application may occupy them all.
const MAX_IN_PLACE: usize = 8 * 1024;

/// Reads the documents of one issuer, one at a time.
#[derive(Default)]
pub(crate) struct Reader {
    /// The last thread that was started.
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    /// Calls `read` for a document of this size.
    pub(crate) async fn read<T: Send + 'static>(
        &mut self,
        size: usize,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, RefreshError> {
        if size <= MAX_IN_PLACE {
            return Ok(read());
        }
        // The fetch of that thread has timed out. A second thread would slow down the machine further.
        if self.thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Err(RefreshError::StillReading);
        }
        let (sender, receiver) = oneshot::channel();
        let thread = thread::Builder::new().name("scopegate-jwks".to_owned());
        let thread = thread.spawn(move || drop(sender.send(read()))).map_err(RefreshError::NoThread)?;
        self.thread = Some(thread);
        let result = receiver.await;
        // The thread has nothing left to do, and may need a moment to end.
        self.thread = None;
        result.map_err(|_| RefreshError::TaskEnded)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn only_large_documents_are_read_on_another_thread() {
        // FR-A3
        let (mut reader, here) = (Reader::default(), thread::current().id());
        let on = |reader: Result<_, RefreshError>| reader.unwrap();
        assert_eq!(on(reader.read(MAX_IN_PLACE, || thread::current().id()).await), here);
        assert_ne!(on(reader.read(MAX_IN_PLACE + 1, || thread::current().id()).await), here);
    }

    #[tokio::test]
    async fn next_document_is_read_at_once() {
        let mut reader = Reader::default();
        for document in 0..1_000 {
            assert_eq!(reader.read(MAX_IN_PLACE + 1, move || document).await.ok(), Some(document));
        }
    }

    #[tokio::test]
    async fn each_issuer_has_one_thread_at_most() {
        // FR-A3: a thread that hangs does not stop the task, and no second thread is started.
        let mut reader = Reader::default();
        let (let_go, held) = mpsc::channel::<()>();
        let hangs = tokio::time::timeout(
            std::time::Duration::from_millis(10),
            reader.read(MAX_IN_PLACE + 1, move || held.recv().is_ok()),
        );
        assert!(hangs.await.is_err());
        let second = reader.read(MAX_IN_PLACE + 1, || ()).await;
        assert!(matches!(second, Err(RefreshError::StillReading)), "{second:?}");
        assert!(reader.read(MAX_IN_PLACE, || ()).await.is_ok());
        drop(let_go);
        while reader.read(MAX_IN_PLACE + 1, || ()).await.is_err() {
            tokio::task::yield_now().await;
        }
    }
}
