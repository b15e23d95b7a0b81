//! The port of decisions over gRPC.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use scopegate::Excerpt;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tonic::body::Body;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::decide;
use crate::decide::live::Live;
use crate::gateway::Question;
use crate::grpc::messages::{CheckRequest, CheckResponse};
use crate::grpc::{question, response};
use crate::log_limit::LogLimit;
use crate::serve::listener::{Protocol, UNTRUSTED_TIMEOUT};

/// Responds to `CheckRequest`s.
#[derive(Clone)]
pub(super) struct Checks(Arc<Live>);

/// The only method.
const METHOD: &str = "/envoy.service.auth.v3.Authorization/Check";
/// Maximum size of a message: twice the head of a request over HTTP, for the metadata of Envoy.
const MAX_MESSAGE: usize = 256 * 1024;
/// Maximum number of questions at a time on one connection. Envoy opens further connections.
const MAX_STREAMS: u32 = 256;
static UNREADABLE: LogLimit = LogLimit::new();
/// How often a connection without traffic is tested.
const PING_INTERVAL: Duration = Duration::from_secs(60);
/// How long a peer may take for the response to a test.
const PING_TIMEOUT: Duration = Duration::from_secs(15);

impl Checks {
    pub(super) fn new(live: Arc<Live>) -> Self {
        Self(live)
    }

    async fn respond(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        // Checked before the message is read.
        if !decide::admits(&self.0, peer.ip()) {
            return Status::permission_denied("this peer may not ask for decisions").into_http();
        }
        if request.uri().path() != METHOD {
            return Status::unimplemented("expected the method Check of Authorization").into_http();
        }
        let service = Check { live: Arc::clone(&self.0), peer };
        let mut grpc = Grpc::new(ProstCodec::default()).max_decoding_message_size(MAX_MESSAGE);
        let response = grpc.unary(service, request).await;
        // Every question has an answer, so this message is no question.
        if let Some(status) =
            Status::from_header_map(response.headers()).filter(|status| status.code() != Code::Ok)
        {
            report_unreadable(&status, peer);
        }
        response
    }
}

/// Records a message that cannot be read. The gateway rejects the request of its caller.
fn report_unreadable(status: &Status, peer: SocketAddr) {
    let (code, error) = (status.code(), Excerpt::identifier(status.message()));
    if UNREADABLE.allows_one() {
        tracing::warn!(?code, %error, %peer, "message of the gateway cannot be read");
    } else {
        tracing::debug!(?code, %error, %peer, "message of the gateway cannot be read");
    }
}

impl Protocol for Checks {
    fn trusts(&self, peer: SocketAddr) -> bool {
        self.0.rules().trusted_proxies.contain(peer.ip())
    }

    fn spawn(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: OwnedSemaphorePermit,
        is_trusted: bool,
        graceful: &GracefulShutdown,
    ) {
        let checks = self.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let checks = checks.clone();
            async move { Ok::<_, Infallible>(checks.respond(request, peer).await) }
        });
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            let ended = if is_trusted {
                connection.await
            } else {
                // The connection is dropped after the time.
                tokio::time::timeout(UNTRUSTED_TIMEOUT, connection).await.unwrap_or(Ok(()))
            };
            if let Err(error) = ended {
                tracing::debug!(%error, "connection ended");
            }
            drop(permit);
        });
    }
}

/// One question.
struct Check {
    live: Arc<Live>,
    peer: SocketAddr,
}

impl UnaryService<CheckRequest> for Check {
    type Response = CheckResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<CheckResponse>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<CheckRequest>) -> Self::Future {
        let (live, peer) = (Arc::clone(&self.live), self.peer.ip());
        Box::pin(async move {
            let sent = question::read(request.into_inner());
            let answer = decide::answer(&live, Question::Message(&sent), peer).await;
            Ok(tonic::Response::new(response::of(answer, &sent.headers)))
        })
    }
}
