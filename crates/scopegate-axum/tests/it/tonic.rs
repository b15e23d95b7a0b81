//! Rejections of a tonic handler, which its layer completes. `examples/grpc` has a real client and
//! server.

use std::convert::Infallible;

use axum::http::{HeaderMap, Request, Response, Version, header};
use scopegate_axum::{Claims, Error, ProtectedResource, Rejection, RejectionReason, Verifier};
use testkit::{Log, bearer};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::level_filters::LevelFilter;

use crate::fixture::{token, verifier};

fn call(token: Option<&str>) -> Request<Body> {
    let request = Request::post("/shop.Orders/Approve").version(Version::HTTP_2);
    let request = request.header(header::CONTENT_TYPE, "application/grpc").header(header::TE, "trailers");
    let request = token
        .into_iter()
        .fold(request, |request, token| request.header(header::AUTHORIZATION, bearer(token)));
    request.body(Body::empty()).unwrap()
}

/// Turns an error of the handler into a response, like the code that tonic generates.
async fn approve(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    fn handler(request: &Request<Body>) -> Result<(), Status> {
        Claims::from_extensions(request.extensions())?.require("orders/approve")?;
        Ok(())
    }
    Ok(handler(&request).map_or_else(Status::into_http, |()| Response::new(Body::empty())))
}

/// Sends a call with a token for `read` to a handler behind the layer.
macro_rules! rejected {
    ($layer:expr) => {{
        let response = $layer.layer(service_fn(approve)).oneshot(call(Some(&token("read")))).await.unwrap();
        assert_eq!(response.status(), 200);
        response
    }};
}

/// Returns the status, and the headers without the message, which tonic encodes in its own way.
fn outcome(response: &Response<Body>) -> (Code, String, HeaderMap) {
    let status = Status::from_header_map(response.headers()).unwrap();
    let mut headers = response.headers().clone();
    headers.remove("grpc-message");
    (status.code(), status.message().to_owned(), headers)
}

fn api(verifier: &Verifier) -> ProtectedResource {
    ProtectedResource::new("https://api.example/orders", verifier).unwrap().with_realm("Orders")
}

#[tokio::test]
async fn handler_status_has_the_challenge_of_its_layer() {
    // D12, D13
    let api = api(&verifier());
    let (by_layer, by_handler) =
        (rejected!(api.require_scope("orders/approve")), rejected!(api.require_token()));
    assert_eq!(outcome(&by_layer), outcome(&by_handler));
    let (code, _, headers) = outcome(&by_handler);
    let challenge = headers[header::WWW_AUTHENTICATE].to_str().unwrap();
    assert_eq!(code, Code::PermissionDenied);
    assert!(challenge.starts_with(r#"Bearer realm="Orders", resource_metadata="https://"#), "{challenge}");
    for response in [by_layer, by_handler] {
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert!(matches!(rejection.reason(), RejectionReason::Token(Error::InsufficientScope { .. })));
        assert!(rejection.claims().is_some());
    }
}

/// Each token has a `jti` of its own.
fn without_token_id(logged: &str) -> String {
    let (before, rest) = logged.split_once("jti=").unwrap();
    let (_, after) = rest.split_once(' ').unwrap();
    format!("{before}{after}")
}

#[tokio::test]
async fn handler_status_is_logged_once_by_the_layer() {
    // A19
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let api = api(&verifier());
    rejected!(api.require_scope("orders/approve"));
    let by_layer = without_token_id(&log.take());
    rejected!(api.require_token());
    let by_handler = without_token_id(&log.take());
    assert_eq!(by_layer.matches("request rejected").count(), 1, "{by_layer}");
    assert!(by_layer.contains(" method=POST "), "{by_layer}");
    // The method is stored only if accepted requests are recorded.
    // handler's rejection.
    let without_method = |logged: &str| logged.replace(" method=POST", "");
    let by_handler = if cfg!(feature = "metrics") { by_handler } else { without_method(&by_handler) };
    let by_layer = if cfg!(feature = "metrics") { by_layer } else { without_method(&by_layer) };
    assert_eq!(by_layer, by_handler);
}

#[tokio::test]
async fn missing_layer_is_internal_and_logged() {
    // D24
    let log = Log::of_thread(LevelFilter::INFO);
    let response = approve(call(None)).await.unwrap();
    let (code, message, _) = outcome(&response);
    assert_eq!((code, &*message), (Code::Internal, "the server is misconfigured"));
    let logged = log.take();
    assert!(logged.contains("ERROR") && logged.contains("route has no layer error="), "{logged}");
    assert!(logged.contains("Claims"), "{logged}");
}
