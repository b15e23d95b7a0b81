//! The poll endpoint of security events (RFC 8936), and pushed events (RFC 8935).

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use scopegate_issuer::{LocalIssuer, Mint};
use serde_json::{Value, json};

const RECEIVER: &str = "https://api.example/security-events";

async fn poll(local: &LocalIssuer, body: &str) -> (u16, Value) {
    let request = reqwest::Client::new().post(local.poll_endpoint()).body(body.to_owned());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn set(local: &LocalIssuer, id: &str) -> Mint {
    local.security_event(RECEIVER).claim("jti", id).event(Mint::CREDENTIAL_CHANGE, json!({}))
}

#[tokio::test]
async fn queued_event_waits_for_its_result() {
    let local = LocalIssuer::start().await.unwrap();
    assert_eq!(poll(&local, "{}").await, (200, json!({ "sets": {}, "moreAvailable": false })));
    for id in ["a", "b", "c"] {
        local.queue_event(&set(&local, id));
    }
    let (_, body) = poll(&local, r#"{"maxEvents":2}"#).await;
    assert_eq!(body["moreAvailable"], true);
    assert_eq!(body["sets"].as_object().unwrap().keys().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(body["sets"]["a"].as_str().unwrap().split('.').count(), 3);
    let results = json!({ "ack": ["a"], "setErrs": { "b": { "err": "invalid_key" } }, "maxEvents": 0 });
    assert_eq!(poll(&local, &results.to_string()).await.1, json!({ "sets": {}, "moreAvailable": true }));
    assert_eq!(local.rejected_events(), [("b".to_owned(), "invalid_key".to_owned())]);
    assert_eq!((local.waiting_events(), local.polls()), (1, 3));
}

#[tokio::test]
async fn malformed_poll_is_rejected() {
    let local = LocalIssuer::start().await.unwrap();
    for body in ["", "[]", r#"{"ack":"a"}"#, r#"{"setErrs":{"a":{}}}"#, r#"{"maxEvents":-1}"#] {
        assert_eq!(poll(&local, body).await.0, 400, "{body}");
    }
    assert_eq!(local.polls(), 0);
}

#[test]
fn minted_event_has_the_claims_of_rfc_8417() {
    let set = Mint::security_event("https://issuer.example", RECEIVER)
        .event(Mint::SESSION_REVOKED, json!({ "a": 1 }));
    let claims = set.claims();
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["aud", "events", "iat", "iss", "jti"]);
    assert_eq!(claims["events"][Mint::SESSION_REVOKED], json!({ "a": 1 }));
}

#[tokio::test]
async fn pushed_event_is_a_request_of_rfc_8935() {
    let local = LocalIssuer::start().await.unwrap();
    let seen: Arc<Mutex<Vec<(HeaderMap, String)>>> = Arc::default();
    let handler = {
        let seen = Arc::clone(&seen);
        async move |headers: HeaderMap, body: String| {
            seen.lock().unwrap().push((headers, body));
            StatusCode::ACCEPTED
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/events", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, Router::new().route("/events", post(handler))).await });
    let set = set(&local, "a");
    assert_eq!(local.push_event(&url, Some("secret"), &set).await.unwrap(), 202);
    assert_eq!(local.push_event(&url, None, &set).await.unwrap(), 202);
    let seen = std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(seen[0].0["content-type"], "application/secevent+jwt");
    assert_eq!(seen[0].0["authorization"], "Bearer secret");
    assert_eq!(seen[0].1.split('.').count(), 3);
    assert!(!seen[1].0.contains_key("authorization"));
    assert!(local.push_event("https://127.0.0.1:1/", None, &set).await.is_err());
    assert!(local.push_event("http://127.0.0.1:1/", None, &set).await.is_err());
}
