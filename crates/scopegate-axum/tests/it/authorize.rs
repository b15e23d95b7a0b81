//! The contract of `tower::Service`, for layers around any service.

mod streams;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::http::{Method, Request, Response, StatusCode};
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty, Full};
use scopegate_axum::{Claims, Issuer, OptionalToken, RequireScope, RequireToken, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::bearer;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::fixture::{sign, token, verifier};

/// A service that panics if it is called without being polled ready. Its clones are not ready.
#[derive(Debug)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<Empty<Bytes>>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Empty<Bytes>>) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being polled ready");
        ready(Ok(Response::new(Full::from("inner"))))
    }
}

/// A plain tower request. Neither body has axum's type.
fn request(token: Option<&str>) -> Request<Empty<Bytes>> {
    let request = Request::get("/");
    let request = match token {
        Some(token) => request.header("authorization", bearer(token)),
        None => request,
    };
    request.body(Empty::new()).unwrap()
}

#[tokio::test]
async fn tower_service_with_any_bodies_is_protected() {
    let inner = service_fn(|_: Request<Empty<Bytes>>| async {
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("inner")))
    });
    let service = ServiceBuilder::new().layer(RequireScope::new(&verifier(), "read")).service(inner);
    for (scopes, status) in [(None, 401), (Some("write"), 403), (Some("read"), 200)] {
        let scopes = scopes.map(token);
        let response = service.clone().oneshot(request(scopes.as_deref())).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn services_and_futures_implement_debug() {
    let mut service = RequireScope::new(&verifier(), "read").layer(Strict { ready: true });
    assert!(format!("{service:?}").contains("read"), "the requirement is shown");
    assert!(format!("{:?}", service.call(request(None))).starts_with("ResponseFuture"));
}

#[tokio::test]
async fn inner_service_is_called_only_when_ready() {
    let mut service = RequireScope::new(&verifier(), "read").layer(Strict { ready: false });
    let (good, bad) = (token("read"), token("write"));
    for (token, status) in [(&good, 200), (&bad, 403), (&good, 200), (&good, 200), (&bad, 403), (&good, 200)]
    {
        let response = service.ready().await.unwrap().call(request(Some(token))).await.unwrap();
        assert_eq!(response.status(), status);
    }
}

/// A request body that records whether it was read.
#[derive(Clone, Default)]
struct Watched(Arc<AtomicBool>);

impl Body for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let first = !self.0.swap(true, Ordering::Relaxed);
        Poll::Ready(first.then(|| Ok(Frame::data(Bytes::from_static(b"body")))))
    }
}

#[tokio::test]
async fn request_body_is_read_by_inner_service_only() {
    // D06, D23: for any method, and for upgrades
    let inner = service_fn(|request: Request<Watched>| async {
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, Infallible>(Response::new(Full::from(body)))
    });
    let service = RequireScope::new(&verifier(), "read").layer(inner);
    let (reader, writer) = (token("read"), token("write"));
    for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::DELETE, Method::CONNECT] {
        for (value, status) in [
            (None, 401),
            (Some("Bearer".to_owned()), 400),
            (Some("Bearer opaque".to_owned()), 401),
            (Some(bearer(&writer)), 403),
            (Some(bearer(&reader)), 200),
        ] {
            let body = Watched::default();
            let request = Request::builder()
                .method(method.clone())
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("expect", "100-continue")
                .header("content-type", "application/x-www-form-urlencoded");
            let request =
                value.into_iter().fold(request, |request, value| request.header("authorization", value));
            let response = service.clone().oneshot(request.body(body.clone()).unwrap()).await.unwrap();
            assert_eq!(response.status(), status, "{method}");
            assert_eq!(body.0.load(Ordering::Relaxed), status == 200, "{method}, {status}");
            if status == 200 {
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "body");
            }
        }
    }
}

#[tokio::test]
async fn inner_service_is_ready_after_waiting_for_key() {
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    let mut service = RequireToken::new(&verifier).layer(Strict { ready: false });
    local.rotate();
    let response = service.ready().await.unwrap().call(request(Some(&local.mint().sign()))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let unknown = local.mint().header("kid", "no such key").sign();
    let response = service.ready().await.unwrap().call(request(Some(&unknown))).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(local.jwks_fetches(), 2);
}

#[tokio::test]
async fn rejected_request_releases_its_permit() {
    let limit = ConcurrencyLimitLayer::new(1);
    let guarded = RequireScope::new(&verifier(), "read").layer(limit.layer(Strict { ready: false }));
    let mut rejecting = guarded.clone();
    // Like a connection that stays open after its request was rejected.
    let response = rejecting.ready().await.unwrap().call(request(None)).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let mut other = guarded.clone();
    let good = token("read");
    let response = other.ready().await.unwrap().call(request(Some(&good))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    drop(rejecting);
}

#[tokio::test]
async fn inner_service_error_passes_unchanged() {
    #[derive(Debug, PartialEq)]
    struct Inner;
    let inner = service_fn(|_: Request<Empty<Bytes>>| async { Err::<Response<Full<Bytes>>, _>(Inner) });
    let service = RequireToken::new(&verifier()).layer(inner);
    assert_eq!(service.clone().oneshot(request(Some(&token("")))).await.unwrap_err(), Inner);
    // A rejection is a response, not an error.
    assert_eq!(service.oneshot(request(None)).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn accepted_request_arrives_unchanged() {
    let inner = service_fn(|request: Request<Full<Bytes>>| async move {
        assert_eq!((request.method().as_str(), request.uri().path()), ("PUT", "/x"));
        assert!(request.headers().contains_key("authorization") && request.headers().contains_key("x-other"));
        Ok::<_, Infallible>(Response::new(request.into_body()))
    });
    let good = sign(&crate::fixture::mint());
    let request = Request::put("/x")
        .header("authorization", bearer(&good))
        .header("x-other", "1")
        .body(Full::<Bytes>::from("body"))
        .unwrap();
    let response = RequireToken::new(&verifier()).layer(inner).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn request_waiting_for_key_holds_no_permit() {
    let local = LocalIssuer::start().await.unwrap();
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    let limit = ConcurrencyLimitLayer::new(1);
    let guarded = RequireToken::new(&verifier).layer(limit.layer(Strict { ready: false }));
    let good = local.mint().sign();
    local.set_fault(scopegate_issuer::Fault::Drip);
    let (mut waiting, mut other) = (guarded.clone(), guarded.clone());
    let invented = local.mint().header("kid", "no such key").sign();
    let mut waits = std::pin::pin!(waiting.ready().await.unwrap().call(request(Some(&invented))));
    let pending = std::future::poll_fn(|cx| Poll::Ready(waits.as_mut().poll(cx).is_pending())).await;
    assert!(pending, "the request waits for the fetch");
    let response = other.ready().await.unwrap().call(request(Some(&good))).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn tower_service_reads_claims_from_extensions() {
    let inner = service_fn(|request: Request<Empty<Bytes>>| async move {
        let claims = Claims::from_extensions_optional(request.extensions()).unwrap();
        let client = claims.and_then(|claims| claims.client_id().map(str::to_owned));
        Ok::<_, Infallible>(Response::new(client.unwrap_or("anonymous".to_owned())))
    });
    let service = OptionalToken::new(&verifier()).layer(inner);
    let body = async |token: Option<&str>| service.clone().oneshot(request(token)).await.unwrap().into_body();
    assert_eq!(body(Some(&token("read"))).await, "1example23456789");
    assert_eq!(body(None).await, "anonymous");
}

#[test]
fn missing_layer_is_not_an_anonymous_caller() {
    let rejection = Claims::from_extensions_optional(&http::Extensions::new()).unwrap_err();
    assert!(
        rejection.to_string().contains("no RequireScope, RequireToken or OptionalToken layer"),
        "{rejection}"
    );
}

#[tokio::test]
async fn inner_layer_without_token_replaces_outer_claims() {
    // The outer layer has verified the caller. The inner layer has another verifier, and gets no
    // token.
    let inner = service_fn(|request: Request<Empty<Bytes>>| async move {
        let known = Claims::from_extensions_optional(request.extensions()).unwrap().is_some();
        Ok::<_, Infallible>(Response::new(known.to_string()))
    });
    let forget = |mut request: Request<Empty<Bytes>>| {
        request.headers_mut().remove("authorization");
        request
    };
    let service = ServiceBuilder::new()
        .layer(RequireToken::new(&verifier()))
        .map_request(forget)
        .layer(OptionalToken::new(&verifier()))
        .service(inner);
    assert_eq!(service.oneshot(request(Some(&token("")))).await.unwrap().into_body(), "false");
}
