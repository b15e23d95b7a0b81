//! `scopegate serve`: decisions over gRPC on sockets, with the client of another implementation.

use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Request};
use envoy_types::pb::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use http::HeaderMap;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use scopegate_issuer::{Fault, LocalIssuer};
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::client::get;
use crate::serve::config;
use crate::service::Service;

fn with_grpc(issuer: &str) -> String {
    format!("listen_grpc = \"127.0.0.1:0\"\n{}", config(issuer))
}

async fn connect(service: &Service) -> AuthorizationClient<Channel> {
    let address = format!("http://{}", service.grpc.as_ref().unwrap());
    AuthorizationClient::connect(address).await.unwrap()
}

async fn ask(
    gateway: &mut AuthorizationClient<Channel>,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<CheckResponse, Status> {
    gateway.check(check_request(path, headers)).await.map(tonic::Response::into_inner)
}

fn check_request(path: &str, headers: &[(&str, &str)]) -> CheckRequest {
    let http = HttpRequest {
        method: "GET".to_owned(),
        path: path.to_owned(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..HttpRequest::default()
    };
    let request = Request { http: Some(http), ..Request::default() };
    let attributes = AttributeContext { request: Some(request), ..AttributeContext::default() };
    CheckRequest { attributes: Some(attributes) }
}

/// Returns the kind of the answer, and its status.
fn verdict(response: &CheckResponse) -> (&'static str, i32) {
    match response.http_response.as_ref().unwrap() {
        HttpResponse::OkResponse(_) => ("accepted", 200),
        HttpResponse::DeniedResponse(denied) => ("denied", denied.status.as_ref().unwrap().code),
        HttpResponse::ErrorResponse(error) => ("error", error.status.as_ref().unwrap().code),
    }
}

#[tokio::test]
async fn check_requests_are_decided_on_a_socket() {
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start_ready("grpc", &with_grpc(local.issuer())).await;
    let mut gateway = connect(&service).await;
    let bearer = format!("Bearer {}", local.mint().scope("orders/read").sign());
    let other = format!("Bearer {}", local.mint().scope("x").sign());
    for (path, authorization, expected) in [
        ("/orders/7?x=1", Some(&bearer), ("accepted", 200)),
        ("/health", None, ("accepted", 200)),
        ("/orders/7", None, ("denied", 401)),
        ("/orders/7", Some(&other), ("denied", 403)),
        ("/orders/../health", None, ("denied", 400)),
    ] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let response = ask(&mut gateway, path, &headers).await.unwrap();
        assert_eq!(verdict(&response), expected, "{path}");
    }
    let metrics = get(&service.admin, "/metrics").await.body;
    assert!(metrics.contains(r#"reason="ambiguous_path"} 1"#), "{metrics}");
    let log = service.log();
    assert!(!log.contains(&bearer["Bearer ".len()..]), "{log}");
}

/// Sends a check over HTTP/2 with these trailers, and returns the response.
async fn ask_with_trailers(
    address: &str,
    headers: &[(&str, &str)],
    trailers: &[(&'static str, &str)],
) -> CheckResponse {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let question = check_request("/orders/7", headers).encode_to_vec();
    // One message without compression.
    let frame = [&[0][..], &u32::try_from(question.len()).unwrap().to_be_bytes(), &question].concat();
    let trailers: HeaderMap =
        trailers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
    let frames = [Frame::data(Bytes::from(frame)), Frame::trailers(trailers)];
    let body = StreamBody::new(tokio_stream::iter(frames.map(Ok::<_, std::convert::Infallible>)));
    let request = http::Request::post(format!("http://{address}/envoy.service.auth.v3.Authorization/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    CheckResponse::decode(body.slice(5..)).unwrap()
}

#[tokio::test]
async fn trailer_of_check_is_no_header() {
    // FW05: RFC 9110 §6.5.1
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start_ready("grpc-trailers", &with_grpc(local.issuer())).await;
    let address = service.grpc.clone().unwrap();
    let bearer = format!("Bearer {}", local.mint().scope("orders/read").sign());
    let spoofed = [("authorization", bearer.as_str()), ("x-auth-client", "spoofed")];
    let response = ask_with_trailers(&address, &[], &spoofed).await;
    assert_eq!(verdict(&response), ("denied", 401));
    let response = ask_with_trailers(&address, &[("authorization", &bearer)], &spoofed).await;
    assert_eq!(verdict(&response), ("accepted", 200));
    let shown = format!("{response:?}");
    assert!(shown.contains("local-reader") && !shown.contains("spoofed"), "{shown}");
}

#[tokio::test]
async fn undecidable_check_is_error_response() {
    // FW08
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(503));
    let service = Service::start("grpc-undecidable", &with_grpc(local.issuer()));
    let mut gateway = connect(&service).await;
    let bearer = format!("Bearer {}", local.mint().scope("orders/read").sign());
    let response = ask(&mut gateway, "/orders/7", &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(verdict(&response), ("error", 503));
    let response = ask(&mut gateway, "/orders/7", &[]).await.unwrap();
    assert_eq!(verdict(&response), ("denied", 401));
}

#[tokio::test]
async fn message_over_its_limit_is_rejected() {
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start("grpc-limit", &with_grpc(local.issuer()));
    let mut gateway = connect(&service).await;
    let (long, too_long) = ("x".repeat(255 * 1024), "x".repeat(256 * 1024));
    let response = ask(&mut gateway, "/health", &[("x-more", &long)]).await.unwrap();
    assert_eq!(verdict(&response), ("accepted", 200));
    let status = ask(&mut gateway, "/health", &[("x-more", &too_long)]).await.unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    let found = service.log();
    assert!(found.contains("message of the gateway cannot be read code=OutOfRange error="), "{found}");
}

#[tokio::test]
async fn untrusted_peer_is_rejected_unread() {
    // FW04
    let local = LocalIssuer::start().await.unwrap();
    let text = with_grpc(local.issuer()).replace("[\"127.0.0.1\"]", "[\"10.0.0.1\"]");
    let service = Service::start("grpc-untrusted", &text);
    let mut gateway = connect(&service).await;
    // A message that is too long has another status if it is read.
    for header in ["x".to_owned(), "x".repeat(300 * 1024)] {
        let status = ask(&mut gateway, "/health", &[("x-more", &header)]).await.unwrap_err();
        assert_eq!(status.code(), Code::PermissionDenied);
    }
}
