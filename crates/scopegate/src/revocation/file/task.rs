//! The background task that follows a file until its store is dropped.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use crate::background::catch_panic::{catch_panic, ignore_panic};
use crate::revocation::Shared;
use crate::revocation::feed::FeedEndedGuard;
use crate::revocation::file::RevocationFile;
use crate::revocation::file::contents::Look;
use crate::revocation::file::follower::{FollowError, Follower};
use crate::revocation::source::{RevocationSource, SourceState};

/// A read that takes longer is reported. A network file system may block for ever.
pub(super) const SLOW_AFTER: Duration = Duration::from_secs(10);

/// The first read fails after so many of these times, because the start waits for it.
const FIRST_READ: u32 = 6;

/// It holds no handle on the store, because it ends with the store.
pub(super) struct FileTask {
    pub(super) file: Arc<RevocationFile>,
    pub(super) shared: Weak<Shared>,
    pub(super) state: Arc<SourceState>,
    pub(super) follower: Option<Follower>,
    /// Gets the result of the first read.
    pub(super) first: Option<oneshot::Sender<Result<(), FollowError>>>,
    /// Held, because dropping it reports the end of the task, even if the task never runs.
    pub(super) _ended: FeedEndedGuard,
}

impl FileTask {
    /// Runs until it is aborted, or its store is gone.
    pub(super) async fn run(mut self) {
        loop {
            // Subscribers, recorders and clocks are the application's. Their panic must not end the task.
            let attempt = catch_panic(self.attempt()).await;
            match (attempt, self.source()) {
                (_, None) => return,
                (Ok(()), Some(_)) => {}
                (Err(message), Some(source)) => {
                    ignore_panic(|| source.failed(format!("reading panicked: {message}")));
                }
            }
            sleep(self.file.poll_interval).await;
        }
    }

    async fn attempt(&mut self) {
        let Some(source) = self.source() else { return };
        // A follower that was lost with a panic is replaced. The new one adds first, and withdraws later.
        let mut follower = self.follower.take().unwrap_or_default();
        let file = Arc::clone(&self.file);
        let on_thread = source.clone();
        // Tokio's threads for blocking work are the application's, which may occupy them all.
        let (sender, mut receiver) = oneshot::channel();
        // The runtime's clock may be paused, which only its own threads see.
        let at = tokio::time::Instant::now();
        let thread = thread::Builder::new().name("scopegate-revoked".to_owned());
        let spawned = thread.spawn(move || {
            let result = follower.poll(Look { path: &file.path, max_len: file.max_bytes, at }, &on_thread);
            drop(on_thread);
            // The task may have been aborted.
            let _ = sender.send((follower, result));
        });
        if let Err(error) = spawned {
            source.failed(format!("no thread to read it: {error}"));
            return;
        }
        let (begun, slow_after) = (Instant::now(), self.file.slow_after);
        let read = loop {
            match timeout(slow_after, &mut receiver).await {
                Ok(read) => break read,
                Err(_) if begun.elapsed() >= slow_after => {
                    source.failed(FollowError::Slow(slow_after).to_string());
                    let first = FIRST_READ * slow_after;
                    if let Some(sender) = self.first.take_if(|_| begun.elapsed() >= first) {
                        let _ = sender.send(Err(FollowError::Slow(first)));
                    }
                }
                // The runtime's clock is ahead of the real one, as in tests.
                Err(_) => tokio::task::yield_now().await,
            }
        };
        // The sender is dropped without a result if the thread has panicked.
        let result = match read {
            Ok((follower, result)) => {
                self.follower = Some(follower);
                result
            }
            Err(_) => Err(FollowError::Io(std::io::Error::other("reading panicked"))),
        };
        if result.is_ok() {
            source.synced();
        }
        // A caller that waits for the first read reports its error.
        let unreported = match self.first.take() {
            Some(first) => first.send(result).err(),
            None => Some(result),
        };
        if let Some(Err(error)) = unreported {
            source.failed(error.to_string());
        }
    }

    fn source(&self) -> Option<RevocationSource> {
        let (shared, state) = (self.shared.upgrade()?, Arc::clone(&self.state));
        Some(RevocationSource { shared, state })
    }
}
