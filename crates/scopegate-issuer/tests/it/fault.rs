//! Faults of the endpoints, and the responses after a fault has ended.
//!
//! Caching headers are tested in `http/caching.rs`.

use std::io::Read as _;
use std::time::Duration;

use flate2::read::GzDecoder;
use reqwest::redirect::Policy;
use reqwest::{RequestBuilder, Response};
use scopegate_issuer::{Fault, LocalIssuer};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::independent;

async fn with(fault: Fault) -> LocalIssuer {
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.set_fault(fault);
    issuer
}

async fn fetch(issuer: &LocalIssuer) -> Response {
    reqwest::get(issuer.jwks_uri()).await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn status_fault_with_invalid_number_returns_500() {
    let issuer = with(Fault::Status(503)).await;
    assert_eq!(fetch(&issuer).await.status(), 503);
    for no_status in [0, 99, 100, 1000] {
        issuer.set_fault(Fault::Status(no_status));
        assert_eq!(fetch(&issuer).await.status(), 500);
    }
}

#[tokio::test]
async fn html_fault_returns_login_page_with_200() {
    let response = fetch(&with(Fault::Html).await).await;
    assert_eq!(
        (response.status().as_u16(), header(&response, "content-type")),
        (200, "text/html; charset=utf-8")
    );
    assert!(response.text().await.unwrap().starts_with("<!doctype html>"));
}

#[tokio::test]
async fn empty_set_fault_returns_no_keys() {
    let response = fetch(&with(Fault::EmptySet).await).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
    assert_eq!(response.text().await.unwrap(), r#"{"keys":[]}"#);
}

#[tokio::test]
async fn truncated_set_announces_length_and_breaks_off() {
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
async fn delay_fault_returns_right_response_later() {
    let issuer = with(Fault::Delay(Duration::from_secs(3600))).await;
    let before = tokio::time::Instant::now();
    let response = fetch(&issuer).await;
    assert!(before.elapsed() >= Duration::from_secs(3600));
    assert_eq!(response.text().await.unwrap(), issuer.default_pool().jwks());
}

#[tokio::test]
async fn reset_fault_closes_connection_without_response() {
    let issuer = with(Fault::Reset).await;
    let error = reqwest::get(issuer.jwks_uri()).await.unwrap_err();
    assert!(error.is_request() && !error.is_connect(), "{error:?}");
}

#[tokio::test]
async fn oversized_set_has_set_length_and_right_keys() {
    let issuer = with(Fault::Oversized(1_000_000)).await;
    let text = fetch(&issuer).await.text().await.unwrap();
    assert_eq!(text.len(), 1_000_000);
    let keys = |text: &str| serde_json::from_str::<Value>(text).unwrap()["keys"].clone();
    assert_eq!(keys(&text), keys(&issuer.default_pool().jwks()));
}

#[tokio::test(start_paused = true)]
async fn drip_sends_single_bytes_and_never_ends() {
    let issuer = with(Fault::Drip).await;
    let mut response = fetch(&issuer).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
    let mut received = Vec::new();
    while received.len() < 100 {
        received.extend_from_slice(&response.chunk().await.unwrap().unwrap());
    }
    assert_eq!(received[..3], *b"{  ");
    let whole = fetch(&issuer).await.text();
    assert!(timeout(Duration::from_secs(600), whole).await.is_err());
}

#[tokio::test]
async fn body_fault_is_sent_verbatim() {
    let response = fetch(&with(Fault::Body("{not json".into())).await).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
    assert_eq!(response.text().await.unwrap(), "{not json");
}

#[tokio::test]
async fn redirect_fault_with_invalid_url_returns_500() {
    let issuer = LocalIssuer::start().await.unwrap();
    let other = issuer.pool("eu-west-1_Local0002").unwrap();
    issuer.set_fault(Fault::Redirect(other.jwks_uri()));
    let not_following = reqwest::Client::builder().redirect(Policy::none()).build().unwrap();
    let response = not_following.get(issuer.jwks_uri()).send().await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(header(&response, "location"), other.jwks_uri());
    assert_eq!(response.text().await.unwrap(), "");
    assert_eq!(fetch(&issuer).await.text().await.unwrap(), other.jwks());
    issuer.set_fault(Fault::Redirect("http://a\nb".into()));
    assert_eq!(fetch(&issuer).await.status(), 500);
}

/// Decompresses a body. Fails if the checksum or the length is wrong.
fn unzip(gzip: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(gzip).read_to_end(&mut plain).unwrap();
    assert_eq!(gzip[..4], [0x1F, 0x8B, 8, 0], "deflate, no flags");
    assert_eq!(gzip[gzip.len() - 4..], u32::try_from(plain.len()).unwrap().to_le_bytes(), "one member");
    plain
}

#[tokio::test]
async fn gzip_set_is_small_and_decompresses_large() {
    let issuer = with(Fault::Gzip(1_000_000)).await;
    let response = fetch(&issuer).await;
    assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/json"));
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let sent = response.bytes().await.unwrap();
    assert!(sent.len() < 10_000);
    let text = String::from_utf8(unzip(&sent)).unwrap();
    assert_eq!((text.len(), text.trim_end()), (1_000_000, &*issuer.default_pool().jwks()));

    let right = issuer.default_pool().jwks().len();
    for (length, expected) in [(0, right), (right, right), (right + 1, right + 1), (right + 259, right + 259)]
    {
        issuer.set_fault(Fault::Gzip(length));
        assert_eq!(unzip(&fetch(&issuer).await.bytes().await.unwrap()).len(), expected);
    }
}

#[tokio::test]
async fn unusable_keys_are_added_to_valid_keys() {
    let issuer = LocalIssuer::start().await.unwrap();
    for good in [2, 3] {
        issuer.set_fault(Fault::UnusableAmongGood);
        let served: Value = fetch(&issuer).await.json().await.unwrap();
        let right: Value = serde_json::from_str(&issuer.default_pool().jwks()).unwrap();
        let (right, served) = (right["keys"].as_array().unwrap(), served["keys"].as_array().unwrap());
        assert_eq!((right.len(), served.len()), (good, good + 12));
        assert!(!right.contains(&served[0]));
        let positions = right.iter().map(|key| served.iter().position(|other| other == key).unwrap());
        let positions: Vec<_> = positions.collect();
        assert!(positions.windows(2).all(|pair| pair[0] + 1 < pair[1]), "{positions:?}");
        issuer.rotate();
    }
}

#[tokio::test]
async fn jsonwebtoken_verifies_with_no_unusable_key_but_encryption() {
    let issuer = with(Fault::UnusableAmongGood).await;
    let served: Value = fetch(&issuer).await.json().await.unwrap();
    let verify = |key: &Value| {
        let token = issuer.mint().header("kid", key["kid"].clone()).sign();
        independent::verify(&token, &json!({ "keys": [key] }).to_string()).is_ok()
    };
    let usable = served["keys"].as_array().unwrap().iter().filter(|key| verify(key));
    let usable: Vec<_> = usable.map(|key| key["kid"].as_str().unwrap()).collect();
    // `jsonwebtoken` ignores `use`.
    assert_eq!(usable, ["unusable-encryption", issuer.default_pool().signing_key().kid()]);
}

#[tokio::test]
async fn retry_after_fault_has_status_and_seconds() {
    for (status, expected) in [(429, 429), (503, 503), (100, 500)] {
        let response = fetch(&with(Fault::RetryAfter { status, seconds: 120 }).await).await;
        assert_eq!((response.status().as_u16(), header(&response, "retry-after")), (expected, "120"));
    }
}

#[tokio::test]
async fn fail_next_ends_after_its_requests() {
    let issuer = LocalIssuer::start().await.unwrap();
    let statuses = async |n: usize| {
        let mut statuses = Vec::new();
        for _ in 0..n {
            statuses.push(fetch(&issuer).await.status().as_u16());
        }
        statuses
    };
    issuer.fail_next(2, Fault::Status(503));
    assert_eq!(statuses(4).await, [503, 503, 200, 200]);
    issuer.fail_next(0, Fault::Status(503));
    assert_eq!(statuses(1).await, [200]);
    // The last call wins.
    issuer.fail_next(9, Fault::Status(503));
    issuer.fail_next(1, Fault::Status(502));
    assert_eq!(statuses(2).await, [502, 200]);
    issuer.fail_next(1, Fault::Status(503));
    issuer.set_fault(Fault::Status(500));
    assert_eq!(statuses(3).await, [500, 500, 500]);
    issuer.fail_next(1, Fault::Status(503));
    assert_eq!(statuses(2).await, [503, 200]);
    issuer.fail_next(1, Fault::Status(503));
    issuer.clear_fault();
    assert_eq!(statuses(1).await, [200]);
    assert_eq!(issuer.jwks_fetches(), 13);
}

#[tokio::test]
async fn concurrent_requests_share_remaining_failures() {
    let issuer = LocalIssuer::start().await.unwrap();
    issuer.fail_next(3, Fault::Status(503));
    let mut requests = JoinSet::new();
    for _ in 0..8 {
        requests.spawn(reqwest::get(issuer.jwks_uri()));
    }
    let answers = requests.join_all().await;
    assert_eq!(answers.into_iter().filter(|answer| answer.as_ref().unwrap().status() == 503).count(), 3);
}

#[tokio::test]
async fn cleared_fault_ends_and_counts_for_its_pool() {
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
async fn key_set_fault_affects_no_other_endpoint() {
    let issuer = with(Fault::Reset).await;
    assert_eq!(ask_for_a_token(&issuer).send().await.unwrap().status(), 200);
    let metadata = format!("{}/.well-known/openid-configuration", issuer.issuer());
    assert_eq!(reqwest::get(metadata).await.unwrap().status(), 200);
}

#[tokio::test]
async fn token_endpoint_has_its_own_faults() {
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
    issuer.set_token_fault(Fault::Gzip(100_000));
    let body = ask_for_a_token(&issuer).send().await.unwrap().bytes().await.unwrap();
    assert!(serde_json::from_slice::<Value>(&unzip(&body)).unwrap()["access_token"].is_string());
    issuer.set_token_fault(Fault::UnusableAmongGood);
    assert_eq!(ask_for_a_token(&issuer).send().await.unwrap().status(), 200);

    assert_eq!(fetch(&issuer).await.status(), 200);
    issuer.clear_token_fault();
    assert_eq!(ask_for_a_token(&issuer).send().await.unwrap().status(), 200);
    assert_eq!(issuer.token_requests(), 7);
}
