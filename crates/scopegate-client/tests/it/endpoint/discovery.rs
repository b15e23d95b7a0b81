//! Discovery of an issuer's token endpoint.

use std::time::Duration;

use scopegate_client::{ClientAuthentication, ClientCredentials, Error};
use scopegate_issuer::LocalIssuer;

use crate::recorder::{Recorder, reply, token};

fn client() -> ClientAuthentication {
    ClientAuthentication::client_secret_basic("local-reader", "local-reader-secret")
}

fn metadata(issuer: &str, endpoint: &str) -> String {
    format!(r#"{{"issuer":"{issuer}","token_endpoint":"{endpoint}","x":[1]}}"#)
}

#[tokio::test]
async fn metadata_is_fetched_once_for_first_token() {
    // F02
    let server = Recorder::start(token("t", "")).await;
    let issuer = format!("{}/t1", server.url);
    let credentials = ClientCredentials::builder(client()).issuer(&issuer).build().unwrap();
    assert_eq!(server.count(), 0);
    server.then([reply(200, metadata(&issuer, &server.endpoint()))]);
    let first = credentials.token().await.unwrap();
    credentials.reject(&first);
    credentials.token().await.unwrap();
    let paths: Vec<_> = server.requests().iter().map(|request| request.uri.to_string()).collect();
    assert_eq!(paths, ["/.well-known/oauth-authorization-server/t1", "/token", "/token"]);
}

#[tokio::test]
async fn well_known_urls_are_tried_in_order() {
    // F02, F03
    let server = Recorder::start(token("t", "")).await;
    let issuer = format!("{}/t1", server.url);
    server.then([
        reply(404, ""),
        reply(200, "<!doctype html>"),
        reply(200, metadata(&issuer, &server.endpoint())),
    ]);
    ClientCredentials::builder(client()).issuer(&issuer).build().unwrap().token().await.unwrap();
    let paths: Vec<_> = server.requests().iter().map(|request| request.uri.to_string()).collect();
    let expected = [
        "/.well-known/oauth-authorization-server/t1",
        "/t1/.well-known/openid-configuration",
        "/.well-known/openid-configuration/t1",
        "/token",
    ];
    assert_eq!(paths, expected);
}

#[tokio::test]
async fn invalid_metadata_sends_no_secret() {
    // F04, F05
    let elsewhere = Recorder::start(token("t", "")).await;
    let server = Recorder::start(reply(404, "")).await;
    let issuer = format!("{}/t1", server.url);
    for document in [
        metadata(&format!("{issuer}/"), &elsewhere.endpoint()),
        metadata(&issuer.replace("t1", "T1"), &elsewhere.endpoint()),
        metadata(&format!("{}/t2", server.url), &elsewhere.endpoint()),
        format!(r#"{{"token_endpoint":"{}"}}"#, elsewhere.endpoint()),
        format!(r#"{{"issuer":"{issuer}"}}"#),
        metadata(&issuer, "http://issuer.example/token"),
        metadata(&issuer, &format!("{}#f", elsewhere.endpoint())),
    ] {
        server.then([reply(200, document.clone())]);
        let credentials = ClientCredentials::builder(client()).issuer(&issuer).build().unwrap();
        let error = credentials.token().await.unwrap_err();
        assert!(matches!(error, Error::InvalidResponse { .. }), "{document}");
    }
    assert_eq!(elsewhere.count(), 0);
    server.then([reply(200, metadata(&issuer, &elsewhere.endpoint()))]);
    assert!(ClientCredentials::builder(client()).issuer(&issuer).build().unwrap().token().await.is_ok());
}

#[tokio::test]
async fn moved_endpoint_is_discovered_again() {
    // F03
    let (old, new) = (Recorder::start(reply(404, "")).await, Recorder::start(token("new", "")).await);
    let server = Recorder::start(reply(404, "")).await;
    server.then([reply(200, metadata(&server.url, &old.endpoint()))]);
    let credentials = ClientCredentials::builder(client()).issuer(&server.url).build().unwrap();
    assert!(matches!(credentials.token().await, Err(Error::InvalidResponse { .. })));
    server.then([reply(200, metadata(&server.url, &new.endpoint()))]);
    // Another set of scopes has its own backoff, and the same endpoint.
    assert_eq!(credentials.for_scopes(["a"]).unwrap().token().await.unwrap().secret(), "new");
    assert_eq!((old.count(), new.count()), (1, 1));
}

#[tokio::test]
async fn local_issuer_is_discovered_by_exact_name() {
    // F02, F04
    let local = LocalIssuer::start().await.unwrap();
    let credentials = ClientCredentials::builder(client()).issuer(local.issuer()).build().unwrap();
    assert!(credentials.token().await.is_ok());
    let misspelt = format!("{}/", local.issuer());
    let credentials = ClientCredentials::builder(client()).issuer(misspelt).build().unwrap();
    assert!(credentials.token().await.is_err());
}

#[tokio::test]
async fn metadata_retry_after_delays_the_next_attempt() {
    // E15
    for (seconds, expected) in [(Some("120"), 100..=120), (None, 0..=1)] {
        let answer = reply(503, "");
        let answer = if let Some(seconds) = seconds { answer.with("retry-after", seconds) } else { answer };
        let server = Recorder::start(answer).await;
        let credentials = ClientCredentials::builder(client()).issuer(&server.url);
        let credentials = credentials.acquire_timeout(Duration::ZERO).build().unwrap();
        assert!(credentials.current().is_none());
        while credentials.status().requests_failed() == 0 {
            tokio::task::yield_now().await;
        }
        match credentials.token().await {
            Err(Error::Unavailable { retry_after, .. }) => assert!(expected.contains(&retry_after.as_secs())),
            other => panic!("{other:?}"),
        }
    }
}
