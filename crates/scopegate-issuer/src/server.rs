//! The connections of a server, and their end.
//!
//! `axum::serve` is not used, because a fault must be able to close a connection without a
//! response, and dropping the server must end open connections.

pub(crate) mod host;

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tower::ServiceExt as _;

use crate::http::markers::CloseConnection;

/// A running server. Dropping it closes the listener and every connection.
pub(crate) struct Server {
    address: SocketAddr,
    runtime: Handle,
    stop: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    /// Serves on the current tokio runtime.
    pub(crate) fn start(listener: TcpListener, address: SocketAddr, routes: Router) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(listener, routes, stopped));
        Self { address, runtime: Handle::current(), stop, task: Mutex::new(Some(task)) }
    }

    /// Returns the address that it listens on.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs the action later, unless the server has stopped by then. Can be called on any thread.
    pub(crate) fn run_after(&self, delay: Duration, action: impl FnOnce() + Send + 'static) {
        let mut stopped = self.stop.subscribe();
        // Create the timer outside the task, so that the delay begins now.
        let delay = {
            let _in_runtime = self.runtime.enter();
            tokio::time::sleep(delay)
        };
        self.runtime.spawn(async move {
            tokio::select! {
                biased;
                () = stop_requested(&mut stopped) => {}
                () = delay => action(),
            }
        });
    }

    /// Accepts no more connections, and waits for the responses to open requests, at most
    /// [`SHUTDOWN_TIMEOUT`].
    pub(crate) async fn shut_down(&self) {
        self.stop.send_replace(true);
        if let Some(task) = self.take_task() {
            let abort = task.abort_handle();
            if tokio::time::timeout(SHUTDOWN_TIMEOUT, task).await.is_err() {
                abort.abort();
            }
        }
    }

    fn take_task(&self) -> Option<JoinHandle<()>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The task owns the listener and the set of connections; both end with it.
        if let Some(task) = self.take_task() {
            task.abort();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, routes: Router, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop_requested(&mut stopped) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(serve(stream, routes.clone(), stopped.clone()));
            }
            Err(error) => {
                tracing::debug!(%error, "cannot accept connection");
                // If no file descriptor is free, for example, an immediate retry would fail in a busy loop.
                tokio::time::sleep(ACCEPT_RETRY_INTERVAL).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Waits for a request to stop. An error means that the server was dropped, so it counts as a
/// request.
async fn stop_requested(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|&stopped| stopped).await;
}

async fn serve(stream: TcpStream, routes: Router, mut stopped: watch::Receiver<bool>) {
    let service = service_fn(move |request| respond(routes.clone(), request));
    let mut connection =
        std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop_requested(&mut stopped) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection ended early");
    }
}

/// Returns the response to a request, or an error that makes hyper close the connection without
/// one.
async fn respond(routes: Router, request: http::Request<Incoming>) -> Result<Response, Closed> {
    // The query may hold a secret, so it is not logged.
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let responded: Result<Response, Infallible> = routes.oneshot(request.map(Body::new)).await;
    let Ok(response) = responded;
    tracing::debug!(%method, %path, status = response.status().as_u16(), "response sent");
    if response.extensions().get::<CloseConnection>().is_some() { Err(Closed) } else { Ok(response) }
}

#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("closed without a response, because a fault is set")
    }
}

impl std::error::Error for Closed {}

/// The time that open requests have to complete when the server shuts down.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The pause after a failure to accept a connection.
const ACCEPT_RETRY_INTERVAL: Duration = Duration::from_millis(50);
