//! Opaque tokens behind the layers: the response for each outcome of an introspection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::routing::get as on_get;
use scopegate_axum::{Claims, ClientAuthentication, Introspection, Issuer, RequireScope, Verifier};

use crate::fixture::{get, header_text, send, status, with_token};

async fn subject(claims: Claims) -> String {
    claims.subject().unwrap_or_default().to_owned()
}

/// Returns the URL of an endpoint that knows one token, and responds with this status.
async fn endpoint(status: &Arc<AtomicU16>) -> String {
    let status = Arc::clone(status);
    let respond = move |body: String| async move {
        let active = r#"{"active":true,"aud":"api","sub":"user-1","scope":"read"}"#;
        let json = if body.starts_with("token=valid&") { active } else { r#"{"active":false}"# };
        let status = StatusCode::from_u16(status.load(Ordering::Relaxed)).unwrap();
        (status, [(CONTENT_TYPE, "application/json")], json)
    };
    testkit::serve(Router::new().fallback(respond)).await
}

#[tokio::test]
async fn opaque_token_is_decided_behind_a_layer() {
    // IN03, IN05, IN06
    let responds = Arc::new(AtomicU16::new(200));
    let client = ClientAuthentication::client_secret_basic("orders-api", "s3cret");
    let introspection = Introspection::by_client(&endpoint(&responds).await, client).unwrap();
    let issuer = Issuer::opaque("https://opaque.example", introspection).unwrap().audience("api");
    let verifier = Verifier::builder().trust(issuer).start().await.unwrap();
    let route = |scope| on_get(subject).layer(RequireScope::new(&verifier, scope));
    let router = Router::new().route("/read", route("read")).route("/write", route("write"));

    assert_eq!(status(&router, with_token(get("/read"), "valid")).await, 200);
    assert_eq!(status(&router, with_token(get("/write"), "valid")).await, 403);
    let inactive = send(&router, with_token(get("/read"), "unknown")).await;
    assert_eq!(inactive.status(), 401);
    assert!(header_text(&inactive, &WWW_AUTHENTICATE).unwrap().contains("invalid_token"));
    responds.store(503, Ordering::Relaxed);
    let outage = send(&router, with_token(get("/read"), "another")).await;
    assert_eq!((outage.status().as_u16(), header_text(&outage, &RETRY_AFTER)), (503, Some("1")));
    responds.store(401, Ordering::Relaxed);
    let ours = send(&router, with_token(get("/read"), "another")).await;
    assert_eq!(ours.status(), 500);
    assert_eq!(header_text(&ours, &WWW_AUTHENTICATE), None);
    assert_eq!(status(&router, with_token(get("/read"), "valid")).await, 200, "it is cached");
}
