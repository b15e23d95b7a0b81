//! Which requests does a layer protect, depending on where it is put?
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

mod fixture;

use axum::Router;
use axum::body::Body;
use axum::handler::Handler as _;
use axum::http::{Method, Request};
use axum::routing::get as on_get;
use fixture::{get, status, token, verifier, with_token};
use scopegate_axum::{AcceptToken, RequireScope, RequireToken};

async fn ok() {}

fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// The statuses for nobody, for a reader and for a writer.
async fn statuses(router: &Router, method: Method, path: &str) -> [u16; 3] {
    let anonymous = request(method.clone(), path);
    let reader = with_token(request(method.clone(), path), &token("read"));
    let writer = with_token(request(method, path), &token("write"));
    [
        status(router, anonymous).await.as_u16(),
        status(router, reader).await.as_u16(),
        status(router, writer).await.as_u16(),
    ]
}

#[tokio::test]
async fn on_a_handler_it_protects_that_method() {
    let verifier = verifier();
    let (read, write) = (RequireScope::new(&verifier, "read"), RequireScope::new(&verifier, "write"));
    let router = Router::new().route("/", on_get(ok.layer(read)).post(ok.layer(write)));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::POST, "/").await, [401, 403, 200]);
    assert_eq!(statuses(&router, Method::DELETE, "/").await, [405, 405, 405]);
}

#[tokio::test]
async fn on_a_method_router_it_protects_every_method_before_it() {
    let verifier = verifier();
    let (read, write) = (RequireScope::new(&verifier, "read"), RequireScope::new(&verifier, "write"));
    let router = Router::new().route("/", on_get(ok).layer(read).post(ok).layer(write));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 403, 403], "GET needs both scopes");
    assert_eq!(statuses(&router, Method::POST, "/").await, [401, 403, 200]);
}

#[tokio::test]
async fn on_method_routers_of_one_path_each_protects_its_own() {
    let verifier = verifier();
    let (read, write) = (RequireScope::new(&verifier, "read"), RequireScope::new(&verifier, "write"));
    let router = Router::new()
        .route("/", on_get(ok).route_layer(read))
        .route("/", axum::routing::post(ok).route_layer(write));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::POST, "/").await, [401, 403, 200]);
    assert_eq!(statuses(&router, Method::DELETE, "/").await, [405, 405, 405]);
}

#[tokio::test]
async fn on_a_router_it_protects_every_route_and_the_fallback() {
    let router = Router::new().route("/", on_get(ok)).layer(RequireScope::new(&verifier(), "read"));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/nowhere").await, [401, 404, 403]);
}

#[tokio::test]
async fn on_a_router_by_route_layer_it_leaves_the_fallback_alone() {
    let router = Router::new().route("/", on_get(ok)).route_layer(RequireScope::new(&verifier(), "read"));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/nowhere").await, [404, 404, 404]);
}

#[tokio::test]
async fn routes_added_after_it_are_not_protected() {
    let router = Router::new()
        .route("/", on_get(ok))
        .layer(RequireScope::new(&verifier(), "read"))
        .route("/health", on_get(ok));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/health").await, [200, 200, 200]);
}

#[tokio::test]
async fn on_a_nested_or_merged_router_it_protects_that_router() {
    let protected = || Router::new().route("/in", on_get(ok)).layer(RequireScope::new(&verifier(), "read"));
    let router = Router::new().nest("/api", protected()).route("/", on_get(ok));
    assert_eq!(statuses(&router, Method::GET, "/api/in").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/").await, [200, 200, 200]);
    let router = Router::new().route("/", on_get(ok)).merge(protected());
    assert_eq!(statuses(&router, Method::GET, "/in").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/").await, [200, 200, 200]);
}

#[tokio::test]
async fn on_a_fallback_it_protects_the_fallback() {
    let router =
        Router::new().route("/", on_get(ok)).fallback(ok.layer(RequireScope::new(&verifier(), "read")));
    assert_eq!(statuses(&router, Method::GET, "/nowhere").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/").await, [200, 200, 200]);
}

#[tokio::test]
async fn layers_within_layers_ask_for_both() {
    // D14: one challenge, see `header_text`
    let verifier = verifier();
    let router = Router::new()
        .route("/", on_get(ok).layer(RequireScope::new(&verifier, "read")))
        .layer(RequireToken::new(&verifier));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    let router = Router::new()
        .route("/", on_get(ok).layer(RequireScope::new(&verifier, "read")))
        .layer(AcceptToken::new(&verifier));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    let router = Router::new()
        .route("/", on_get(ok).layer(RequireScope::new(&verifier, "read")))
        .layer(RequireScope::new(&verifier, "write"));
    let both = with_token(get("/"), &token("read write"));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 403, 403]);
    assert_eq!(status(&router, both).await, 200);
}
