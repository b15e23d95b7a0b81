//! A port: accepts connections, and passes each to a protocol. Over HTTP/1.1, a handler receives the head
//! of each request.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::log_limit::LogLimit;
use crate::serve::actions::RAISE_FILES;

/// Serves the connections of a port.
pub(super) trait Protocol: Clone + Send + Sync + 'static {
    /// Returns whether a peer may use many connections for a long time.
    fn trusts(&self, peer: SocketAddr) -> bool;

    /// Serves a connection in the background. The permit is dropped at its end.
    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        is_trusted: bool,
        graceful: &GracefulShutdown,
    );
}

/// Responds to requests over HTTP/1.1. The body of a request is never read.
pub(super) trait Handler: Clone + Send + Sync + 'static {
    /// Returns whether a peer may use many connections for a long time.
    fn trusts(&self, peer: SocketAddr) -> bool;

    fn respond(&self, request: Parts, peer: SocketAddr) -> impl Future<Output = Response<Bytes>> + Send;
}

/// A bound address.
pub(super) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Maximum number of connections of trusted peers. Further ones wait.
const MAX_CONNECTIONS: usize = 16_384;
/// Maximum number of connections of other peers. Further ones are closed.
const MAX_UNTRUSTED: usize = 256;
/// Maximum size of the head of a request: a token of 16 KiB, a proof of 8 KiB, and the headers of a
/// caller that a gateway passes on. hyper may read up to twice as much.
const MAX_HEAD: usize = 64 * 1024;
/// Maximum number of headers.
const MAX_HEADERS: usize = 256;
/// How long a connection of a gateway may be idle. nginx keeps its connections for 60 s.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// How long a connection of another peer may be idle over HTTP, and last over gRPC.
pub(super) const UNTRUSTED_TIMEOUT: Duration = Duration::from_secs(5);
static NOT_ACCEPTED: LogLimit = LogLimit::new();
/// The pause after a failure, for example because there are too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

impl Listener {
    pub(super) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stopped` is true, and then waits for the open requests.
    pub(super) async fn serve<P: Protocol>(self, protocol: P, mut stopped: watch::Receiver<bool>) {
        let graceful = GracefulShutdown::new();
        let trusted = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let untrusted = Arc::new(Semaphore::new(MAX_UNTRUSTED));
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&trusted) => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let (stream, peer, permit) = accepted;
            // Messages are small, so each is sent at once.
            let _ = stream.set_nodelay(true);
            if protocol.trusts(peer) {
                protocol.spawn(stream, peer, permit, true, &graceful);
            } else if let Ok(permit) = Arc::clone(&untrusted).try_acquire_owned() {
                protocol.spawn(stream, peer, permit, false, &graceful);
            }
        }
        drop(self.socket);
        graceful.shutdown().await;
    }

    async fn accept(&self, places: &Arc<Semaphore>) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(places).acquire_owned().await else { continue };
            match self.socket.accept().await {
                Ok((stream, peer)) => return (stream, peer, permit),
                Err(error) => {
                    let address = self.address;
                    if NOT_ACCEPTED.allows_one() {
                        tracing::warn!(%error, %address, action = RAISE_FILES, "connection not accepted");
                    } else {
                        tracing::debug!(%error, %address, "connection not accepted");
                    }
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl<H: Handler> Protocol for H {
    fn trusts(&self, peer: SocketAddr) -> bool {
        Handler::trusts(self, peer)
    }

    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        is_trusted: bool,
        graceful: &GracefulShutdown,
    ) {
        let handler = self.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let handler = handler.clone();
            async move {
                // The body is dropped unread.
                let (parts, _) = request.into_parts();
                let response = handler.respond(parts, peer).await;
                Ok::<_, Infallible>(response.map(Full::new))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(if is_trusted { IDLE_TIMEOUT } else { UNTRUSTED_TIMEOUT })
            .max_buf_size(MAX_HEAD)
            .max_headers(MAX_HEADERS)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
}
