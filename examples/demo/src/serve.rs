//! Serves the API until a signal, and then shuts down gracefully.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Maximum time for open requests after a signal.
const GRACE: Duration = Duration::from_secs(5);

/// Waits for the signal to stop. Clones wait for the same signal.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    told: watch::Receiver<bool>,
}

impl Stop {
    /// Handles Ctrl-C and SIGTERM: they end the wait instead of the process.
    ///
    /// # Errors
    /// Returns an error if the system cannot handle the signals.
    pub(crate) fn on_signals() -> io::Result<Self> {
        let signal = first_signal()?;
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            let name = signal.await;
            tracing::info!(signal = name, "stopping");
            // There may be no receiver left.
            let _ = tell.send(true);
            // Keeps the channel open, so that a wait ends only after a signal.
            tell.closed().await;
        });
        Ok(Self { told })
    }

    pub(crate) async fn wait(mut self) {
        if self.told.wait_for(|told| *told).await.is_err() {
            // The sender is dropped only when the runtime shuts down.
            std::future::pending::<()>().await;
        }
    }
}

/// Serves requests until the signal to stop, and then completes open requests.
///
/// # Errors
/// Returns an error if the listener fails.
pub(crate) async fn serve(listener: TcpListener, api: Router, stop: Stop) -> io::Result<()> {
    // The address of the peer, for headers of trusted proxies.
    let service = api.into_make_service_with_connect_info::<SocketAddr>();
    let server = axum::serve(listener, service).with_graceful_shutdown(stop.clone().wait());
    tokio::select! {
        ended = server.into_future() => ended,
        () = async { stop.wait().await; tokio::time::sleep(GRACE).await } => {
            tracing::warn!("shutdown timed out, closing open requests");
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
