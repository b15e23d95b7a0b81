//! Signals of the operator, and the changes of the file.

use std::io;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::serve::reload::{POLL_INTERVAL, Reloader};

/// The signals that the service handles.
pub(super) struct Signals {
    stop: Stop,
    reload: Reload,
}

/// SIGTERM and Ctrl-C.
struct Stop {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

/// SIGHUP. Other systems than Unix have none.
struct Reload {
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            stop: Stop {
                #[cfg(unix)]
                interrupt: signal(SignalKind::interrupt())?,
                #[cfg(unix)]
                terminate: signal(SignalKind::terminate())?,
            },
            reload: Reload {
                #[cfg(unix)]
                hang_up: signal(SignalKind::hangup())?,
            },
        })
    }

    /// Runs a task of the start. Returns `None` on SIGTERM and on Ctrl-C.
    pub(super) async fn unless_stopped<T>(&mut self, task: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            result = task => Some(result),
            () = self.stop.next() => None,
        }
    }

    /// Reloads the file when it changes and on SIGHUP. Returns on SIGTERM and on Ctrl-C, also while the
    /// file is read: a pipe or a network file system may never respond.
    pub(super) async fn run(self, reloader: &mut Reloader) {
        let Self { mut stop, mut reload } = self;
        let reloads = async {
            let mut polls = interval_at(Instant::now() + POLL_INTERVAL, POLL_INTERVAL);
            polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = reload.next() => reloader.reload().await,
                    _ = polls.tick() => reloader.poll().await,
                }
            }
        };
        tokio::select! {
            () = reloads => {}
            () = stop.next() => {}
        }
    }
}

impl Stop {
    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        // If Ctrl-C cannot be handled, run until the process is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Reload {
    #[cfg(unix)]
    async fn next(&mut self) {
        self.hang_up.recv().await;
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
