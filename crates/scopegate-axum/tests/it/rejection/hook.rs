//! `on_rejection`: it is called once for each rejection, and can replace the response.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Version, header};
use axum::response::Response;
use axum::routing::{get as on_get, post as on_post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use scopegate_axum::{Claims, OptionalToken, Rejection, RequireScope, RequireToken};
use testkit::CLIENT;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::fixture::{body_text, get, header_text, send, token, verifier, with_token};

fn plain_text(rejection: &Rejection, mut response: Response) -> Response {
    response.headers_mut().insert(header::CONTENT_TYPE, "text/plain".parse().unwrap());
    response.map(|_| Body::from(rejection.body_text()))
}

#[tokio::test]
async fn hook_replaces_body_and_keeps_the_challenge() {
    async fn approve(claims: Claims) -> Result<(), Rejection> {
        claims.require("orders/approve")
    }
    let verifier = verifier();
    let router = Router::new()
        .route("/scope", on_get(approve).layer(RequireScope::new(&verifier, "read").on_rejection(plain_text)))
        .route("/token", on_get(approve).layer(RequireToken::new(&verifier).on_rejection(plain_text)))
        .route("/optional", on_get(approve).layer(OptionalToken::new(&verifier).on_rejection(plain_text)));
    let lacking = "the access token lacks a scope that is needed";
    for (path, scopes, status, text) in [
        ("/scope", None, 401, "a bearer token is needed"),
        ("/scope", Some("write"), 403, lacking),
        ("/scope", Some("read"), 403, lacking),
        ("/token", Some("read"), 403, lacking),
        ("/optional", None, 401, "a bearer token is needed"),
        ("/optional", Some("read"), 403, lacking),
    ] {
        let request =
            scopes.into_iter().fold(get(path), |request, scopes| with_token(request, &token(scopes)));
        let response = send(&router, request).await;
        assert_eq!(response.status(), status, "{path} {scopes:?}");
        assert!(header_text(&response, &header::WWW_AUTHENTICATE).is_some(), "{path} {scopes:?}");
        assert_eq!(header_text(&response, &header::CONTENT_TYPE), Some("text/plain"));
        assert!(response.extensions().get::<Rejection>().is_some());
        assert_eq!(body_text(response).await, text, "{path} {scopes:?}");
    }
    assert_eq!(send(&router, with_token(get("/scope"), &token("read orders/approve"))).await.status(), 200);
}

#[tokio::test]
async fn hook_runs_once_per_rejection_with_claims() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = {
        let seen = Arc::clone(&seen);
        move |rejection: &Rejection, response: Response| {
            let client = rejection.claims().and_then(|claims| claims.client_id()).map(str::to_owned);
            seen.lock().unwrap().push((rejection.status().as_u16(), client));
            response
        }
    };
    let verifier = verifier();
    let router = Router::new()
        .route(
            "/",
            on_get(async || "ok").layer(RequireScope::new(&verifier, "read").on_rejection(record.clone())),
        )
        .layer(RequireToken::new(&verifier).on_rejection(record));
    send(&router, get("/")).await;
    send(&router, with_token(get("/"), &token("write"))).await;
    send(&router, with_token(get("/"), &token("read"))).await;
    assert_eq!(*seen.lock().unwrap(), [(401, None), (403, Some(CLIENT.to_owned()))]);
}

#[tokio::test]
async fn hook_of_tower_service_gets_its_body_type() {
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let hook = move |_: &Rejection, response: http::Response<Full<Bytes>>| {
        counted.fetch_add(1, Ordering::Relaxed);
        response.map(|_| Full::from("no entry"))
    };
    let inner = service_fn(|_: Request<Body>| async {
        Ok::<_, Infallible>(http::Response::new(Full::<Bytes>::from("inner")))
    });
    let service = RequireToken::new(&verifier()).on_rejection(hook).layer(inner);
    let rejected = service.clone().oneshot(get("/")).await.unwrap();
    assert_eq!(rejected.into_body().collect().await.unwrap().to_bytes(), "no entry");
    let accepted = service.oneshot(with_token(get("/"), &token("read"))).await.unwrap();
    assert_eq!(accepted.into_body().collect().await.unwrap().to_bytes(), "inner");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn hook_gets_the_grpc_response() {
    let hook = |rejection: &Rejection, mut response: Response| {
        let status = response.headers()["grpc-status"].clone();
        assert_eq!((response.status().as_u16(), rejection.status().as_u16()), (200, 401));
        response.headers_mut().insert("x-seen", status);
        response
    };
    let layer = RequireToken::new(&verifier()).on_rejection(hook);
    let router = Router::new().route("/shop.Orders/List", on_post(async || "inner").layer(layer));
    let call = Request::post("/shop.Orders/List")
        .version(Version::HTTP_2)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .body(Body::empty())
        .unwrap();
    assert_eq!(send(&router, call).await.headers()["x-seen"], "16");
}
