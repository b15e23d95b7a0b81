//! What does `AddToken` make of the refusals of a real gRPC server behind our layers? Every call goes over a loopback
//! socket.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use axum::Router;
use axum::body::Bytes;
use axum::http::{Request, Response};
use axum::routing::post_service;
use grpc::shop::orders_client::OrdersClient;
use grpc::shop::orders_server::OrdersServer;
use grpc::{READ, Shop, WRITE, routes};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use scopegate_axum::{Issuer, Verifier};
use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
use scopegate_issuer::LocalIssuer;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Status};
use tower::{Layer as _, ServiceExt as _};

const CLIENT: &str = "local-writer";

/// A client that may read and write, asks for reading, and has a token.
async fn credentials(local: &LocalIssuer) -> ClientCredentials {
    let client = ClientAuthentication::client_secret_basic(CLIENT, "local-writer-secret");
    let credentials = ClientCredentials::discover(local.issuer(), client).with_scope(READ).build().unwrap();
    credentials.token().await.unwrap();
    assert_eq!(local.token_requests(), 1);
    credentials
}

/// A server that knows the keys which the issuer publishes now, on a socket of its own until the test ends.
async fn serve(local: &LocalIssuer) -> String {
    let pool = Issuer::cognito_at(local.issuer()).unwrap().client(CLIENT);
    serve_routes(routes(&Verifier::builder().trust(pool).start().await.unwrap())).await
}

async fn serve_routes(routes: Routes) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    url
}

type WithToken = scopegate_client::WithToken<Channel>;

/// tonic's client behind the layer.
async fn orders(layer: AddToken, url: &str) -> OrdersClient<WithToken> {
    let channel = Channel::from_shared(url.to_owned()).unwrap().connect().await.unwrap();
    OrdersClient::with_origin(layer.layer(channel), url.parse().unwrap())
}

#[tokio::test]
async fn after_a_refused_token_the_next_call_of_tonics_client_has_a_new_one() {
    // E18
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    // The server no longer takes the token that the client has.
    local.rotate_without_overlap();
    let url = serve(&local).await;
    let mut orders = orders(AddToken::new(&credentials, &url).unwrap(), &url).await;
    let refused = orders.list(String::new()).await.unwrap_err();
    // Its body is not known to be one that can be sent again.
    assert_eq!((refused.code(), local.token_requests()), (Code::Unauthenticated, 1));
    for _ in 0..2 {
        let listed = orders.list(String::new()).await.unwrap();
        assert_eq!(listed.into_inner(), format!("orders of {CLIENT}"));
        assert_eq!(local.token_requests(), 2);
    }
}

#[tokio::test]
async fn a_token_that_is_good_is_kept() {
    // E18
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    let url = serve(&local).await;
    let mut orders = orders(AddToken::new(&credentials, &url).unwrap(), &url).await;
    assert!(orders.list(String::new()).await.is_ok());
    // Denied, and therefore known: what lacks is a scope.
    let denied = orders.create("tea".to_owned()).await.unwrap_err();
    assert_eq!(denied.code(), Code::PermissionDenied);
    assert!(orders.list(String::new()).await.is_ok());
    assert_eq!(local.token_requests(), 1);
}

#[tokio::test]
async fn a_status_without_a_challenge_is_about_something_else() {
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

/// An unary call whose body can be cloned, as it is on the wire: `grpc-status` in the headers of the answer, if it is
/// nothing but an error, and how long the message is.
async fn unary(layer: AddToken, url: &str, method: &str, message: &'static [u8]) -> (Option<String>, usize) {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let request = Request::post(format!("{url}/shop.Orders/{method}"));
    let request = request.header("content-type", "application/grpc").header("te", "trailers");
    let body = [&[0, 0, 0, 0, u8::try_from(message.len()).unwrap()], message].concat();
    let request = request.body(Full::from(body)).unwrap();
    let service = layer.with_cloned_bodies().layer(client);
    let answer: Response<Incoming> = service.oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let status = answer.headers().get("grpc-status").map(|value| value.to_str().unwrap().to_owned());
    (status, answer.into_body().collect().await.unwrap().to_bytes().len())
}

#[tokio::test]
async fn a_call_whose_body_can_be_cloned_is_repeated_with_a_new_token() {
    // E18
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    local.rotate_without_overlap();
    let url = serve(&local).await;
    let (status, length) = unary(AddToken::new(&credentials, &url).unwrap(), &url, "List", b"").await;
    assert_eq!((status, length), (None, "orders of local-writer".len() + 7), "an answer with a message");
    assert_eq!(local.token_requests(), 2);
}

/// `StringValue` with the text `tea`.
const TEA: &[u8] = b"\x0a\x03tea";

#[tokio::test]
async fn a_denied_call_is_repeated_with_the_scope_that_it_lacks_if_the_operator_allows_it() {
    // E18
    let local = LocalIssuer::start().await.unwrap();
    let credentials = credentials(&local).await;
    let url = serve(&local).await;
    let layer = || AddToken::new(&credentials, &url).unwrap();
    let denied = unary(layer(), &url, "Create", TEA).await;
    assert_eq!((denied, local.token_requests()), ((Some("7".to_owned()), 0), 1));

    let layer = layer().with_step_up_to([WRITE]).unwrap();
    let (status, length) = unary(layer, &url, "Create", TEA).await;
    assert_eq!((status, length), (None, "tea for local-writer".len() + 7));
    assert_eq!(local.token_requests(), 2);
}
