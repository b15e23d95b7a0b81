//! Does each fault of an endpoint do what it says, and is everything well again afterwards?
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic here is the failure of the test")]

use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use scopegate_issuer::{Fault, LocalIssuer};
use serde_json::Value;
use tokio::time::timeout;

async fn with(fault: Fault) -> LocalIssuer {
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.set_fault(fault);
    issuer
}

async fn fetch(issuer: &LocalIssuer) -> Response {
    reqwest::get(issuer.jwks_uri()).await.unwrap()
}

fn content_type(response: &Response) -> &str {
    response.headers()["content-type"].to_str().unwrap()
}

#[tokio::test]
async fn a_status_is_answered_and_a_number_that_is_none_becomes_500() {
    let issuer = with(Fault::Status(503)).await;
    assert_eq!(fetch(&issuer).await.status(), 503);
    for no_status in [0, 99, 100, 1000] {
        issuer.set_fault(Fault::Status(no_status));
        assert_eq!(fetch(&issuer).await.status(), 500);
    }
}

#[tokio::test]
async fn html_is_a_login_page_with_status_200() {
    let response = fetch(&with(Fault::Html).await).await;
    assert_eq!((response.status().as_u16(), content_type(&response)), (200, "text/html; charset=utf-8"));
    assert!(response.text().await.unwrap().starts_with("<!doctype html>"));
}

#[tokio::test]
async fn an_empty_set_is_a_set_without_keys() {
    let response = fetch(&with(Fault::EmptySet).await).await;
    assert_eq!((response.status().as_u16(), content_type(&response)), (200, "application/json"));
    assert_eq!(response.text().await.unwrap(), r#"{"keys":[]}"#);
}

#[tokio::test]
async fn a_truncated_set_announces_its_length_and_breaks_off_half_way() {
    let issuer = with(Fault::Truncated).await;
    let whole = issuer.default_pool().jwks();
    let mut response = fetch(&issuer).await;
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(whole.len() as u64)));
    let mut received = Vec::new();
    let ended = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => received.extend_from_slice(&chunk),
            ended => break ended,
        }
    };
    assert!(ended.is_err());
    assert_eq!(received, &whole.as_bytes()[..whole.len() / 2]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_gives_the_right_answer_later() {
    let issuer = with(Fault::Delay(Duration::from_secs(3600))).await;
    let before = tokio::time::Instant::now();
    let response = fetch(&issuer).await;
    assert!(before.elapsed() >= Duration::from_secs(3600));
    assert_eq!(response.text().await.unwrap(), issuer.default_pool().jwks());
}

#[tokio::test]
async fn a_reset_closes_the_connection_without_an_answer() {
    let issuer = with(Fault::Reset).await;
    let error = reqwest::get(issuer.jwks_uri()).await.unwrap_err();
    assert!(error.is_request() && !error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn an_oversized_set_is_as_long_as_said_and_otherwise_right() {
    let issuer = with(Fault::Oversized(1_000_000)).await;
    let text = fetch(&issuer).await.text().await.unwrap();
    assert_eq!(text.len(), 1_000_000);
    let keys = |text: &str| serde_json::from_str::<Value>(text).unwrap()["keys"].clone();
    assert_eq!(keys(&text), keys(&issuer.default_pool().jwks()));
}

#[tokio::test(start_paused = true)]
async fn a_drip_sends_one_byte_at_a_time_and_does_not_end() {
    let issuer = with(Fault::Drip).await;
    let mut response = fetch(&issuer).await;
    assert_eq!((response.status().as_u16(), content_type(&response)), (200, "application/json"));
    let mut received = Vec::new();
    while received.len() < 100 {
        received.extend_from_slice(&response.chunk().await.unwrap().unwrap());
    }
    assert_eq!(received[..3], *b"{  ");
    let whole = fetch(&issuer).await.text();
    assert!(timeout(Duration::from_secs(600), whole).await.is_err());
}

#[tokio::test]
async fn a_body_is_sent_as_it_stands() {
    let response = fetch(&with(Fault::Body("{not json".into())).await).await;
    assert_eq!((response.status().as_u16(), content_type(&response)), (200, "application/json"));
    assert_eq!(response.text().await.unwrap(), "{not json");
}

#[tokio::test]
async fn faults_end_when_cleared_and_count_as_fetches_of_their_pool_only() {
    let issuer = LocalIssuer::start().await.unwrap();
    let other = issuer.pool("eu-west-1_Local0002").unwrap();
    assert_eq!(issuer.jwks_fetches(), 0);
    issuer.set_fault(Fault::Status(500));
    assert_eq!(fetch(&issuer).await.status(), 500);
    assert_eq!(reqwest::get(other.jwks_uri()).await.unwrap().status(), 200);
    issuer.clear_fault();
    assert_eq!(fetch(&issuer).await.text().await.unwrap(), issuer.default_pool().jwks());
    assert_eq!((issuer.jwks_fetches(), other.jwks_fetches()), (2, 1));
}

fn ask_for_a_token(issuer: &LocalIssuer) -> RequestBuilder {
    let request = reqwest::Client::new().post(issuer.token_endpoint());
    let request = request.basic_auth("local-reader", Some("local-reader-secret"));
    request.form(&[("grant_type", "client_credentials")])
}

#[tokio::test]
async fn a_fault_of_the_key_set_leaves_tokens_and_metadata_alone() {
    let issuer = with(Fault::Reset).await;
    assert_eq!(ask_for_a_token(&issuer).send().await.unwrap().status(), 200);
    let metadata = format!("{}/.well-known/openid-configuration", issuer.issuer());
    assert_eq!(reqwest::get(metadata).await.unwrap().status(), 200);
}

#[tokio::test]
async fn the_token_endpoint_has_faults_of_its_own() {
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.set_token_fault(Fault::Status(502));
    assert_eq!(ask_for_a_token(&issuer).send().await.unwrap().status(), 502);
    issuer.set_token_fault(Fault::Reset);
    assert!(ask_for_a_token(&issuer).send().await.is_err());
    issuer.set_token_fault(Fault::Truncated);
    let response = ask_for_a_token(&issuer).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.text().await.is_err());
    issuer.set_token_fault(Fault::Oversized(100_000));
    let text = ask_for_a_token(&issuer).send().await.unwrap().text().await.unwrap();
    assert_eq!(text.len(), 100_000);
    assert!(serde_json::from_str::<Value>(&text).unwrap()["access_token"].is_string());

    assert_eq!(fetch(&issuer).await.status(), 200);
    issuer.clear_token_fault();
    assert_eq!(ask_for_a_token(&issuer).send().await.unwrap().status(), 200);
    assert_eq!(issuer.token_requests(), 5);
}
