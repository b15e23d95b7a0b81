//! `AddToken` with rejections of a real gRPC server behind our layers. Every call uses a loopback
//! socket.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use axum::middleware::map_request;
use axum::routing::post_service;
use grpc::shop::orders_client::OrdersClient;
use grpc::shop::orders_server::OrdersServer;
use grpc::{READ, Shop, WRITE, routes};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use scopegate_axum::{Issuer, Verifier};
use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
use scopegate_issuer::LocalIssuer;
use testkit::listen;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tower::{Layer as _, Service, ServiceExt as _};

const CLIENT: &str = "local-writer";

/// Returns a client that may read and write, with a token for reading.
async fn credentials(local: &LocalIssuer) -> ClientCredentials {
    let client = ClientAuthentication::client_secret_basic(CLIENT, "local-writer-secret");
    let credentials = ClientCredentials::builder(client).issuer(local.issuer()).scope(READ).build().unwrap();
    credentials.token().await.unwrap();
    assert_eq!(local.token_requests(), 1);
    credentials
}

/// Starts a server that has the currently published keys, and serves until the test ends.
async fn serve(local: &LocalIssuer) -> String {
    serve_routes(routes_of(local).await).await
}

async fn routes_of(local: &LocalIssuer) -> Routes {
    let pool = Issuer::cognito_at(local.issuer()).unwrap().client(CLIENT);
    routes(&Verifier::builder().trust(pool).start().await.unwrap())
}

async fn serve_routes(routes: Routes) -> String {
    let (listener, url) = listen().await;
    let server = Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    url
}

type WithToken = scopegate_client::WithToken<Channel>;

/// Returns tonic's client behind the layer.
async fn orders(layer: AddToken, url: &str) -> OrdersClient<WithToken> {
    let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
    OrdersClient::with_origin(layer.layer(channel), url.parse().unwrap())
}

#[tokio::test]
async fn call_after_rejected_token_has_new_one() {
    // E18
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    // The server now rejects the cached token of the client.
    local.rotate_without_overlap();
    let url = serve(&local).await;
    let mut orders = orders(AddToken::new(&credentials, &url).unwrap(), &url).await;
    let refused = orders.list(String::new()).await.unwrap_err();
    assert_eq!((refused.code(), local.token_requests()), (Code::Unauthenticated, 1));
    for _ in 0..2 {
        let listed = orders.list(String::new()).await.unwrap();
        assert_eq!(listed.into_inner(), format!("orders of {CLIENT}"));
        assert_eq!(local.token_requests(), 2);
    }
}

#[tokio::test]
async fn valid_token_is_cached() {
    // E18
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    let url = serve(&local).await;
    let mut orders = orders(AddToken::new(&credentials, &url).unwrap(), &url).await;
    assert!(orders.list(String::new()).await.is_ok());
    // The response shows that only a scope is missing, so the token stays cached.
    let denied = orders.create("tea".to_owned()).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert!(orders.list(String::new()).await.is_ok());
    assert_eq!(local.token_requests(), 1);
}

#[tokio::test]
async fn status_without_challenge_keeps_the_cached_token() {
    // E18
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    let closed = OrdersServer::with_interceptor(Shop, |_| Err(Status::unauthenticated("no card")));
    let url = serve_routes(Router::new().route("/shop.Orders/List", post_service(closed)).into()).await;
    let mut orders = orders(AddToken::new(&credentials, &url).unwrap(), &url).await;
    for _ in 0..2 {
        assert_eq!(orders.list(String::new()).await.unwrap_err().message(), "no card");
    }
    assert_eq!(local.token_requests(), 1);
}

/// Starts a server that counts the calls that reach it.
async fn serve_counted(routes: Routes) -> (String, Arc<AtomicU64>) {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let count = map_request(move |call: Request<Body>| {
        counted.fetch_add(1, Relaxed);
        ready(call)
    });
    (serve_routes(routes.into_axum_router().layer(count).into()).await, calls)
}

/// The value of `te` in a gRPC call. Our layers reject requests without it with an HTTP status.
const GRPC: Option<&str> = Some("trailers");
const HTTP: Option<&str> = None;

/// Sends a unary call whose body can be cloned, in its wire format. Returns the `grpc-status` in
/// the headers of an error response, and the length of the body.
async fn unary<R>(layer: &AddToken<R>, url: &str, method: &str, te: Option<&str>) -> (Option<String>, usize)
where
    R: Clone,
    scopegate_client::WithToken<HttpClient, R>:
        Service<Request<Full<Bytes>>, Response = Response<Incoming>, Error: std::fmt::Debug>,
{
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
    let mut request =
        Request::post(format!("{url}/shop.Orders/{method}")).header("content-type", "application/grpc");
    if let Some(te) = te {
        request = request.header("te", te);
    }
    let request = request.body(Full::from(TEA)).unwrap();
    let answer = layer.layer(client).oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let status = answer.headers().get("grpc-status").map(|value| value.to_str().unwrap().to_owned());
    (status, answer.into_body().collect().await.unwrap().to_bytes().len())
}

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// The wire format of a `StringValue` with the string `tea`.
const TEA: &[u8] = b"\0\0\0\0\x05\x0a\x03tea";

/// Returns the expected response with this string.
fn message(text: &str) -> (Option<String>, usize) {
    (None, TEA.len() - "tea".len() + text.len())
}

fn error(status: &str) -> (Option<String>, usize) {
    (Some(status.to_owned()), 0)
}

#[tokio::test]
async fn rejected_http_request_is_repeated_but_no_call() {
    // E18
    for (te, repeated) in [(GRPC, false), (HTTP, true)] {
        let local = LocalIssuer::start().await.unwrap();
        let credentials = credentials(&local).await;
        local.rotate_without_overlap();
        let (url, calls) = serve_counted(routes_of(&local).await).await;
        let layer = AddToken::new(&credentials, &url).unwrap().with_cloned_bodies();
        let listed = message("orders of local-writer");
        let first = unary(&layer, &url, "List", te).await;
        assert_eq!(first, if repeated { listed.clone() } else { error("16") }, "{te:?}");
        assert_eq!(calls.load(Relaxed), 1 + u64::from(repeated), "{te:?}");

        // In both cases, the next request has a new token.
        let before = calls.load(Relaxed);
        assert_eq!(unary(&layer, &url, "List", te).await, listed, "{te:?}");
        assert_eq!((calls.load(Relaxed), local.token_requests()), (before + 1, 2), "{te:?}");
    }
}

#[tokio::test]
async fn denied_http_request_steps_up_but_no_call() {
    for (te, repeated) in [(GRPC, false), (HTTP, true)] {
        let local = LocalIssuer::start().await.unwrap();
        let credentials = credentials(&local).await;
        let (url, calls) = serve_counted(routes_of(&local).await).await;
        let layer = AddToken::new(&credentials, &url).unwrap().with_step_up_to(WRITE.parse().unwrap());
        let answer = unary(&layer.with_cloned_bodies(), &url, "Create", te).await;
        assert_eq!(answer, if repeated { message("tea for local-writer") } else { error("7") }, "{te:?}");
        let times = 1 + u64::from(repeated);
        assert_eq!((calls.load(Relaxed), local.token_requests()), (times, times), "{te:?}");
    }
}

#[tokio::test]
async fn method_that_passes_on_rejection_is_called_once() {
    // E18: why a gRPC call is never repeated.
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    let elsewhere = serve(&local).await;
    let mut bad = tonic::Request::new(String::new());
    bad.metadata_mut().insert("authorization", "Bearer bad".parse().unwrap());
    let refusal = OrdersClient::connect(elsewhere).await.unwrap().list(bad).await.unwrap_err();

    let done = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&done);
    // Replaces a method that has side effects, calls another service, and returns its error with `?`.
    let passes_on = OrdersServer::with_interceptor(Shop, move |_| {
        counted.fetch_add(1, Relaxed);
        Err(refusal.clone())
    });
    let url = serve_routes(Router::new().route("/shop.Orders/List", post_service(passes_on)).into()).await;
    let layer = AddToken::new(&credentials, &url).unwrap().with_cloned_bodies();
    assert_eq!(unary(&layer, &url, "List", GRPC).await, error("16"));
    assert_eq!((done.load(Relaxed), local.token_requests()), (1, 1));
    // With such a service, a valid token is discarded.
    assert_eq!(unary(&layer, &url, "List", GRPC).await, error("16"));
    assert_eq!((done.load(Relaxed), local.token_requests()), (2, 2));
}
