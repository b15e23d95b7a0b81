//! Signals of the operator, and the changes of the file.

use std::io;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::serve::reload::{POLL_INTERVAL, Reloader};

/// The signals that the service handles.
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    hang_up: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
}

enum Event {
    Stop,
    Reload,
    Poll,
}

impl Signals {
    pub(super) fn listen() -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            #[cfg(unix)]
            hang_up: signal(SignalKind::hangup())?,
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Reloads the file when it changes and on SIGHUP. Returns on SIGTERM and on Ctrl-C.
    pub(super) async fn run(mut self, reloader: &mut Reloader) {
        let mut polls = interval_at(Instant::now() + POLL_INTERVAL, POLL_INTERVAL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                event = self.next() => event,
                _ = polls.tick() => Event::Poll,
            };
            match event {
                Event::Stop => return,
                Event::Reload => reloader.reload().await,
                Event::Poll => reloader.poll().await,
            }
        }
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.interrupt.recv() => Event::Stop,
            _ = self.terminate.recv() => Event::Stop,
            _ = self.hang_up.recv() => Event::Reload,
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Event {
        // If Ctrl-C cannot be handled, run until the process is killed.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Event::Stop
    }
}
