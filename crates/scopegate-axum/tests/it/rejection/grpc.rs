//! The exact response to a gRPC call, and the requests that are calls. `examples/grpc` tests it
//! with a real client.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, Method, Request, Response, Version, header};
use axum::routing::post as on_post;
use bytes::Bytes;
use http_body::Body as _;
use http_body_util::Full;
use scopegate_axum::{Claims, Error, Issuer, Rejection, RejectionReason, RequireScope, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::{body_text, header_text, mint, send, sign, token, verifier, with_token};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

fn router(verifier: &Verifier) -> Router {
    let layer = RequireScope::new(verifier, "orders/read");
    Router::new().route("/shop.Orders/List", on_post(async || "inner").put(async || "inner").layer(layer))
}

fn call() -> Request<Body> {
    Request::post("/shop.Orders/List")
        .version(Version::HTTP_2)
        .header(header::CONTENT_TYPE, "application/grpc+proto")
        .header(header::TE, "trailers")
        .body(Body::empty())
        .unwrap()
}

/// The status, the message and the challenge of a rejection.
fn rejected(response: &Response<Body>) -> (&str, &str, Option<&str>) {
    assert_eq!(response.status(), 200);
    assert_eq!(header_text(response, &header::CONTENT_TYPE), Some("application/grpc"));
    assert_eq!(header_text(response, &header::CACHE_CONTROL), Some("no-store"));
    assert!(response.extensions().get::<Rejection>().is_some());
    assert!(response.body().is_end_stream(), "the response has no body");
    (
        header_text(response, &STATUS).unwrap(),
        header_text(response, &MESSAGE).unwrap(),
        header_text(response, &header::WWW_AUTHENTICATE),
    )
}

#[tokio::test]
async fn accepted_call_gets_only_the_service_response() {
    // D01
    let response = send(&router(&verifier()), with_token(call(), &token("orders/read"))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header_text(&response, &STATUS), None);
    assert_eq!(body_text(response).await, "inner");
}

#[tokio::test]
async fn rejected_call_gets_grpc_status_and_challenge() {
    // D07, D09, D10, D11, D12, D13, D19
    let malformed = "expected one Authorization header with one bearer token";
    let lacks = "the access token lacks a scope that is needed";
    let invalid = "the access token has expired, or is not valid for this API";
    let good = token("orders/read");
    for (request, status, message, error) in [
        (call(), "16", "a bearer token is needed", r#", scope="orders/read""#.to_owned()),
        (
            with_token(with_token(call(), &good), &good),
            "16",
            malformed,
            format!(r#", error="invalid_request", error_description="{malformed}""#),
        ),
        (
            with_token(call(), &sign(&mint().scope("orders/read").expired())),
            "16",
            invalid,
            format!(r#", scope="orders/read", error="invalid_token", error_description="{invalid}""#),
        ),
        (
            with_token(call(), &token("orders/write")),
            "7",
            lacks,
            format!(r#", scope="orders/read", error="insufficient_scope", error_description="{lacks}""#),
        ),
    ] {
        let response = send(&router(&verifier()), request).await;
        let challenge = format!(r#"Bearer realm="api"{error}"#);
        assert_eq!(rejected(&response), (status, message, Some(&*challenge)));
    }
}

#[tokio::test]
async fn denied_call_is_permission_denied() {
    // FR-C1
    let layer = RequireScope::new(&verifier(), "orders/read").and(|_: &Claims, _: &_| false);
    let router = Router::new().route("/shop.Orders/List", on_post(async || "inner").layer(layer));
    let response = send(&router, with_token(call(), &token("orders/read"))).await;
    assert_eq!(rejected(&response), ("7", "the request is not allowed", Some(r#"Bearer realm="api""#)));
}

#[tokio::test]
async fn layer_without_grpc_sends_http_statuses() {
    // FR-C12
    let router = |layer: RequireScope| {
        Router::new().route("/shop.Orders/List", on_post(async || "inner").layer(layer))
    };
    let with_grpc = router(RequireScope::new(&verifier(), "orders/read"));
    let without = router(RequireScope::new(&verifier(), "orders/read").with_http_responses());
    for (request, status) in [
        (call as fn() -> Request<Body>, 401),
        (|| with_token(call(), "a"), 401),
        (|| with_token(call(), "a b"), 400),
        (|| with_token(call(), &token("orders/write")), 403),
        (|| with_token(call(), &token("orders/read")), 200),
    ] {
        assert_eq!(send(&with_grpc, request()).await.status(), 200);
        let response = send(&without, request()).await;
        assert_eq!(response.status(), status);
        assert_eq!(header_text(&response, &STATUS), None);
        if status != 200 {
            assert_eq!(header_text(&response, &header::CONTENT_TYPE), Some("application/problem+json"));
            assert!(header_text(&response, &header::WWW_AUTHENTICATE).unwrap().starts_with("Bearer realm="));
        }
    }
}

#[tokio::test]
async fn missing_keys_are_unavailable_with_retry_after() {
    // D21
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(500));
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(issuer).start_lazy().unwrap();
    let good = local.mint().scope("orders/read").sign();
    let response = send(&router(&verifier), with_token(call(), &good)).await;
    assert_eq!(rejected(&response), ("14", "access tokens cannot be verified at the moment", None));
    let retry_after: u64 = header_text(&response, &header::RETRY_AFTER).unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry_after));
}

#[tokio::test]
async fn request_lacking_one_mark_gets_http_status() {
    // D07: a proxy that checks requests of others would take a 200 as accepted, and clients of
    // gRPC-Web do not read the gRPC status
    let changed = |name: HeaderName, value: &'static str| {
        let mut request = call();
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    let without = |name: HeaderName| {
        let mut request = call();
        request.headers_mut().remove(name);
        request
    };
    let mut put = call();
    *put.method_mut() = Method::PUT;
    // Any caller can send this to an API without gRPC.
    let mut http_1 = call();
    *http_1.version_mut() = Version::HTTP_11;
    for request in [
        changed(header::CONTENT_TYPE, "application/grpc-web"),
        changed(header::CONTENT_TYPE, "application/grpc-web+proto"),
        changed(header::CONTENT_TYPE, "application/json"),
        changed(header::TE, "gzip"),
        without(header::CONTENT_TYPE),
        without(header::TE),
        put,
        http_1,
    ] {
        let response = send(&router(&verifier()), request).await;
        assert_eq!(response.status(), 401);
        assert_eq!(header_text(&response, &header::CONTENT_TYPE), Some("application/problem+json"));
        assert_eq!(header_text(&response, &STATUS), None);
        let challenge = header_text(&response, &header::WWW_AUTHENTICATE);
        assert_eq!(challenge, Some(r#"Bearer realm="api", scope="orders/read""#));
    }
    assert_eq!(rejected(&send(&router(&verifier()), call()).await).0, "16");
}

#[tokio::test]
async fn call_waiting_for_key_gets_same_status() {
    // D11
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    let unknown = local.mint().scope("orders/read").header("kid", "no such key").sign();
    let response = send(&router(&verifier), with_token(call(), &unknown)).await;
    assert_eq!(rejected(&response).0, "16");
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert!(matches!(rejection.reason(), RejectionReason::Token(Error::UnknownKey { .. })), "{rejection:?}");
}

#[tokio::test]
async fn tower_service_rejects_calls_with_grpc_status() {
    let inner = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("inner")))
    });
    let service = RequireScope::new(&verifier(), "orders/read").layer(inner);
    let response = service.oneshot(call()).await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()[STATUS]), (200, &"16".parse().unwrap()));
    assert!(response.into_body().is_end_stream());
}
