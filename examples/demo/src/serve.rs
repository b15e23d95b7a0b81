//! Serves until it is told to stop. What is served is `api.rs`.

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How long open requests have to be answered when the program is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Knows when to stop. Clones wait for the same moment.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    told: watch::Receiver<bool>,
}

impl Stop {
    /// From now on, Ctrl-C and SIGTERM do not end the process but this wait.
    ///
    /// # Errors
    /// When the system has no such signals to give.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let signal = first_signal()?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            let name = signal.await;
            tracing::info!("{name}: stopping");
            // Nobody waiting any more is as good.
            let _ = tell.send(true);
            // Keeps the channel open, so that a wait ends for no other reason.
            tell.closed().await;
        });
        Ok(Self { told })
    }

    pub(crate) async fn wait(mut self) {
        if self.told.wait_for(|told| *told).await.is_err() {
            // The sender is gone only while the runtime shuts down.
            std::future::pending::<()>().await;
        }
    }
}

/// Answers requests until told to stop; then finishes those that are open.
///
/// # Errors
/// When the listener fails.
pub(crate) async fn serve(listener: TcpListener, api: Router, stop: Stop) -> io::Result<()> {
    let server = axum::serve(listener, api).with_graceful_shutdown(stop.clone().wait());
    tokio::select! {
        ended = server.into_future() => ended,
        () = async { stop.wait().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("stopped with requests still open");
            Ok(())
        }
    }
}

#[cfg(unix)]
fn first_signal() -> io::Result<impl Future<Output = &'static str>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => "Ctrl-C",
            _ = terminate.recv() => "SIGTERM",
        }
    })
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "elsewhere, setting up a signal can fail")]
fn first_signal() -> io::Result<impl Future<Output = &'static str>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    })
}
