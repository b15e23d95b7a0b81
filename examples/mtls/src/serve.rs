//! A server with TLS that puts the client's certificate into the extensions of each request.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use scopegate_axum::PeerCertificate;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A client that does not finish its handshake must not hold a connection for long.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves the API until the process ends.
///
/// The configuration must request client certificates. rustls then checks that each client has the
/// private key of its certificate.
pub async fn serve(listener: TcpListener, config: Arc<ServerConfig>, app: Router) {
    let acceptor = TlsAcceptor::from(config);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve_connection(stream, acceptor.clone(), app.clone()));
            }
            // Too many open files, for example.
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn serve_connection(stream: TcpStream, acceptor: TlsAcceptor, app: Router) -> io::Result<()> {
    let stream = timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await??;
    let (_, connection) = stream.get_ref();
    // The first certificate is the client's own. A resumed session has the certificates too.
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    let app = match certificate {
        Some(certificate) => app.layer(Extension(PeerCertificate::from_der(certificate))),
        None => app,
    };
    let server = Builder::new(TokioExecutor::new());
    let connection = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    connection.await.map_err(io::Error::other)
}
