//! Which decisions were made? A bounded queue in front of a thread that writes them to a file.

mod file;
mod record;
mod request;
mod writer;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn_with_state;
use scopegate_axum::Decision;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::audit::file::AuditFile;
use crate::audit::writer::Writer;

/// The queued lines at which the queue is full. A line of an ordinary request has about 400 bytes, so
/// it takes 400 KB.
const QUEUED: usize = 1_024;

/// Further lines, for requests that were admitted before the queue was full. A request that takes
/// long holds no room: its line comes at its end.
const ADMITTED: usize = 15 * 1_024;

/// The treatment of requests while the audit file cannot be written, or is too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The request is served. Its record is lost, and the next line has the number of losses.
    CountLosses,
    /// The request is rejected with 503 before its token is verified. Requests that were admitted
    /// earlier are served, and the queue has room for 15,360 further lines of theirs. A line beyond
    /// that is lost and counted.
    RejectRequests,
}

/// An audit file. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Audit {
    when_full: WhenFull,
    queue: Sender<Message>,
    state: Arc<State>,
}

/// The numbers that requests and the writer share.
#[derive(Debug, Default)]
struct State {
    /// Lines that found no room, since the last line.
    lost: AtomicU64,
    /// Requests that were rejected with 503, since the last line.
    turned_away: AtomicU64,
    /// The last write has failed.
    is_failing: AtomicBool,
    is_closing: AtomicBool,
}

#[derive(Debug)]
enum Message {
    Line(String),
    /// Everything before it was sent. The result is that of the last write.
    Close(oneshot::Sender<io::Result<()>>),
}

impl Audit {
    /// Opens the file for appending, creates it if there is none, and starts the writer's thread.
    ///
    /// # Errors
    /// Returns an error if the file cannot be opened, or the thread cannot be started.
    pub fn open(path: impl Into<PathBuf>, when_full: WhenFull) -> io::Result<Self> {
        let (queue, messages) = mpsc::channel(match when_full {
            WhenFull::CountLosses => QUEUED,
            WhenFull::RejectRequests => QUEUED + ADMITTED,
        });
        let state = Arc::<State>::default();
        let writer = Writer::new(AuditFile::open(path.into())?, messages, Arc::clone(&state));
        std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
        Ok(Self { when_full, queue, state })
    }

    /// Returns the observer for
    /// [`VerifierBuilder::observe`](scopegate_axum::VerifierBuilder::observe). It never waits.
    pub fn observer(&self) -> impl Fn(&Decision<'_>) + Send + Sync + 'static {
        let audit = self.clone();
        move |decision| {
            let id = request::id();
            audit.send(record::line(decision, id.as_deref()));
        }
    }

    /// Adds request ids, and with [`WhenFull::RejectRequests`] the rejection, to all routes. It must
    /// be outside of scopegate's layers.
    pub fn layer(&self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(self.clone(), request::handle))
    }

    /// Writes the queue, and waits until it is on the disk. Call it after the server has ended.
    ///
    /// # Errors
    /// Returns an error if the file could not be written within `limit`.
    pub async fn close(self, limit: Duration) -> io::Result<()> {
        let written = timeout(limit, async {
            let (sender, receiver) = oneshot::channel();
            let ended = || io::Error::other("the writer has ended");
            self.queue.send(Message::Close(sender)).await.map_err(|_| ended())?;
            receiver.await.map_err(|_| ended())?
        });
        let result = written.await;
        // The writer no longer retries.
        self.state.is_closing.store(true, Ordering::Relaxed);
        let late = || io::Error::new(io::ErrorKind::TimedOut, "the audit file could not be written in time");
        result.unwrap_or_else(|_| Err(late()))
    }

    /// Returns whether a request is served now. If not, counts it.
    fn admits(&self) -> bool {
        let admits = match self.when_full {
            WhenFull::CountLosses => true,
            WhenFull::RejectRequests => {
                !self.state.is_failing.load(Ordering::Relaxed) && self.queue.capacity() > ADMITTED
            }
        };
        if !admits {
            self.state.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        admits
    }

    fn send(&self, line: String) {
        if self.queue.try_send(Message::Line(line)).is_err() {
            self.state.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}
