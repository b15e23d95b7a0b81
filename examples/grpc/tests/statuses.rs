//! Statuses that a real gRPC client gets from a real server behind our layers. Every call uses a
//! loopback socket.
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use axum::Router;
use axum::routing::post_service;
use grpc::shop::orders_client::OrdersClient;
use grpc::shop::orders_server::OrdersServer;
use grpc::{READ, Shop, WRITE, routes};
use scopegate_axum::{Issuer, OptionalToken, RequireScope, RequireToken, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::listen;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Status};

const NOT_VALID: &str = "the access token has expired, or is not valid for this API";

/// Starts a server that runs until the test ends, and connects to it.
async fn connect<F>(serve: impl FnOnce(TcpIncoming) -> F) -> OrdersClient<Channel>
where
    F: Future<Output = Result<(), tonic::transport::Error>> + Send + 'static,
{
    let (listener, url) = listen().await;
    tokio::spawn(serve(TcpIncoming::from(listener)));
    OrdersClient::connect(url).await.unwrap()
}

async fn connect_to(routes: Routes) -> OrdersClient<Channel> {
    connect(|incoming| Server::builder().add_routes(routes).serve_with_incoming(incoming)).await
}

async fn verifier(local: &LocalIssuer) -> Verifier {
    let pool = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    Verifier::builder().trust(pool).start().await.unwrap()
}

/// Returns a call with these `authorization` entries.
fn call<M>(message: M, authorization: &[String]) -> Request<M> {
    let mut request = Request::new(message);
    for value in authorization {
        request.metadata_mut().append("authorization", value.parse().unwrap());
    }
    request
}

fn bearer<M>(message: M, token: &str) -> Request<M> {
    call(message, &[testkit::bearer(token)])
}

fn challenge(status: &Status) -> Option<&str> {
    status.metadata().get("www-authenticate").map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn valid_token_with_scope_reaches_handler_with_claims() {
    // D01
    let local = LocalIssuer::start().await.unwrap();
    let mut orders = connect_to(routes(&verifier(&local).await)).await;
    let (reader, writer) = (local.mint().scope(READ).sign(), local.mint().scope(WRITE).sign());
    let listed = orders.list(bearer(String::new(), &reader)).await.unwrap();
    assert_eq!(listed.into_inner(), "orders of local-reader");
    let created = orders.create(bearer("a chair".to_owned(), &writer)).await.unwrap();
    assert_eq!(created.into_inner(), "a chair for local-reader");
}

#[tokio::test]
async fn call_without_token_is_unauthenticated_with_challenge() {
    // D07, D08, D09
    let local = LocalIssuer::start().await.unwrap();
    let mut orders = connect_to(routes(&verifier(&local).await)).await;
    let nothing = |authorization: &[String]| call(String::new(), authorization);
    for request in [nothing(&[]), nothing(&["Basic dTpw".to_owned()])] {
        let status = orders.list(request).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "a bearer token is needed"));
        assert_eq!(challenge(&status), Some(&*format!(r#"Bearer realm="api", scope="{READ}""#)));
        assert_eq!(status.metadata().get("cache-control").unwrap(), "no-store");
    }
}

#[tokio::test]
async fn invalid_token_is_unauthenticated() {
    // D07, D11, D16
    let local = LocalIssuer::start().await.unwrap();
    let mut orders = connect_to(routes(&verifier(&local).await)).await;
    let good = local.mint().scope(READ);
    assert!(orders.list(bearer(String::new(), &good.sign())).await.is_ok());
    for bad in [
        good.clone().tampered().sign(),
        good.clone().expired().sign(),
        good.clone().unsigned().sign(),
        good.clone().client("somebody-else").sign(),
        // Only this token waits for a fetch.
        good.clone().header("kid", "no such key").sign(),
        "opaque".to_owned(),
    ] {
        let status = orders.list(bearer(String::new(), &bad)).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, NOT_VALID));
        let expected = format!(
            r#"Bearer realm="api", scope="{READ}", error="invalid_token", error_description="{NOT_VALID}""#
        );
        assert_eq!(challenge(&status), Some(&*expected));
    }
}

#[tokio::test]
async fn several_tokens_are_unauthenticated() {
    // D03, D04, D10: gRPC clients map HTTP 400 to INTERNAL
    let local = LocalIssuer::start().await.unwrap();
    let mut orders = connect_to(routes(&verifier(&local).await)).await;
    let good = testkit::bearer(&local.mint().scope(READ).sign());
    assert!(orders.list(call(String::new(), std::slice::from_ref(&good))).await.is_ok());
    for several in [vec![good.clone(), good.clone()], vec![format!("{good} x")], vec!["Bearer".to_owned()]] {
        let status = orders.list(call(String::new(), &several)).await.unwrap_err();
        let detail = "expected one Authorization header with one bearer token";
        assert_eq!((status.code(), status.message()), (Code::Unauthenticated, detail));
        assert!(challenge(&status).unwrap().contains(r#"error="invalid_request""#));
    }
}

#[tokio::test]
async fn token_without_scope_of_method_is_permission_denied() {
    // D12, D13, D24
    let local = LocalIssuer::start().await.unwrap();
    let mut orders = connect_to(routes(&verifier(&local).await)).await;
    let (reader, writer) = (local.mint().scope(READ).sign(), local.mint().scope(WRITE).sign());
    for (refused, needed) in [
        (orders.list(bearer(String::new(), &writer)).await, READ),
        (orders.create(bearer(String::new(), &reader)).await, WRITE),
    ] {
        let status = refused.unwrap_err();
        let detail = "the access token lacks a scope that is needed";
        assert_eq!((status.code(), status.message()), (Code::PermissionDenied, detail));
        let expected = format!(
            r#"Bearer realm="api", scope="{needed}", error="insufficient_scope", error_description="{detail}""#
        );
        assert_eq!(challenge(&status), Some(&*expected));
    }
}

#[tokio::test]
async fn missing_keys_are_unavailable() {
    // D21
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(500));
    let pool = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(pool).start_lazy().unwrap();
    let mut orders = connect_to(routes(&verifier)).await;
    let good = local.mint().scope(READ).sign();
    let status = orders.list(bearer(String::new(), &good)).await.unwrap_err();
    let detail = "access tokens cannot be verified at the moment";
    assert_eq!((status.code(), status.message()), (Code::Unavailable, detail));
    assert_eq!(challenge(&status), None);
    let retry_after = status.metadata().get("retry-after").unwrap().to_str().unwrap();
    assert!((1..=60).contains(&retry_after.parse::<u64>().unwrap()));
    local.clear_fault();
    verifier.ready().await;
    assert!(orders.list(bearer(String::new(), &good)).await.is_ok());
}

#[tokio::test]
async fn streamed_messages_arrive_one_by_one() {
    // D23: each message is sent after the response to the previous one has arrived
    let local = LocalIssuer::start().await.unwrap();
    let mut orders = connect_to(routes(&verifier(&local).await)).await;
    let writer = local.mint().scope(WRITE).sign();
    let (send, receive) = mpsc::channel(1);
    send.send("a chair".to_owned()).await.unwrap();
    let request = bearer(ReceiverStream::new(receive), &writer);
    let mut created = orders.create_many(request).await.unwrap().into_inner();
    assert_eq!(created.message().await.unwrap().unwrap(), "a chair for local-reader");
    send.send("a table".to_owned()).await.unwrap();
    assert_eq!(created.message().await.unwrap().unwrap(), "a table for local-reader");
    drop(send);
    assert_eq!(created.message().await.unwrap(), None);
}

#[tokio::test]
async fn stream_is_rejected_before_its_first_message() {
    // D23
    let local = LocalIssuer::start().await.unwrap();
    let mut orders = connect_to(routes(&verifier(&local).await)).await;
    let reader = local.mint().scope(READ).sign();
    for (authorization, expected) in
        [(vec![], Code::Unauthenticated), (vec![testkit::bearer(&reader)], Code::PermissionDenied)]
    {
        // The client sends no message, and the stream stays open.
        let (_open, receive) = mpsc::channel(1);
        let request = call(ReceiverStream::new(receive), &authorization);
        assert_eq!(orders.create_many(request).await.unwrap_err().code(), expected);
    }
}

#[tokio::test]
async fn method_without_route_is_unimplemented_for_any_token() {
    // D24
    let local = LocalIssuer::start().await.unwrap();
    let read = RequireScope::new(&verifier(&local).await, READ);
    let list = post_service(OrdersServer::new(Shop)).layer(read);
    let mut orders = connect_to(Router::new().route("/shop.Orders/List", list).into()).await;
    let token = local.mint().scope(&format!("{READ} {WRITE}")).sign();
    assert!(orders.list(bearer(String::new(), &token)).await.is_ok());
    let status = orders.create(bearer(String::new(), &token)).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn layer_on_the_server_covers_every_service() {
    let local = LocalIssuer::start().await.unwrap();
    let verifier = verifier(&local).await;
    let mut orders = connect(|incoming| {
        let mut server = Server::builder().layer(RequireToken::new(&verifier));
        server.add_service(OrdersServer::new(Shop)).serve_with_incoming(incoming)
    })
    .await;
    let listed = orders.list(bearer(String::new(), &local.mint().sign())).await.unwrap();
    assert_eq!(listed.into_inner(), "orders of local-reader");
    let expired = local.mint().expired().sign();
    for request in [call(String::new(), &[]), bearer(String::new(), &expired)] {
        assert_eq!(orders.list(request).await.unwrap_err().code(), Code::Unauthenticated);
    }
}

#[tokio::test]
async fn handler_without_claims_responds_like_the_layer() {
    // D07, D09
    let local = LocalIssuer::start().await.unwrap();
    let verifier = verifier(&local).await;
    let mut orders = connect(|incoming| {
        let mut server = Server::builder().layer(OptionalToken::new(&verifier));
        server.add_service(OrdersServer::new(Shop)).serve_with_incoming(incoming)
    })
    .await;
    assert!(orders.list(bearer(String::new(), &local.mint().sign())).await.is_ok());
    let status = orders.list(String::new()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unauthenticated, "a bearer token is needed"));
    assert_eq!(challenge(&status), Some(r#"Bearer realm="api""#));
    // Without a layer, a token has no effect.
    let mut open = connect(|incoming| {
        Server::builder().add_service(OrdersServer::new(Shop)).serve_with_incoming(incoming)
    })
    .await;
    let status = open.list(bearer(String::new(), &local.mint().sign())).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Internal, "the server is misconfigured"));
}
