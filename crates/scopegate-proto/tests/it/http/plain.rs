//! Requests over a network without TLS.
//!
//! The tests use `0.0.0.0`: it is not a loopback address by our rules, but systems connect it to
//! this machine.

use std::process::Command;

use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderValue};
use scopegate_proto::http::{HttpClients, HttpError};
use scopegate_proto::url::{FetchUrl, SecureUrl};

use testkit::response;

use crate::http::server::{Server, client, settings};

/// Returns a server, and its URL with a network address.
async fn server() -> (Server, FetchUrl) {
    let server = Server::sending(response("200 OK", "", b"{}")).await;
    let url = server.url.written().replace("127.0.0.1", "0.0.0.0");
    let url = FetchUrl::parse_allowing_http(&url).unwrap();
    assert!(url.is_plain_network());
    (server, url)
}

#[tokio::test]
#[cfg_attr(windows, ignore = "0.0.0.0 leads nowhere")]
async fn document_is_fetched_without_tls() {
    // FR-A15
    let (server, url) = server().await;
    let response = client(&url, &settings()).get(&url).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn secret_is_not_sent_without_tls() {
    // FR-A15: the type of such a URL does not allow a form, and neither does a client for such URLs.
    let (server, url) = server().await;
    let client = client(&url, &settings());
    for other in [server.url.written(), "https://issuer.example/token"] {
        let form = client.post_form(&SecureUrl::parse(other).unwrap(), String::from("secret=1").into());
        let error = form.send().await.unwrap_err();
        assert!(matches!(error, HttpError::WrongRoute), "{error:?}");
    }
    let mut secret = HeaderValue::from_static("Bearer s3cret");
    secret.set_sensitive(true);
    let error = client.get(&url).header(AUTHORIZATION, secret.clone()).send().await.unwrap_err();
    assert!(matches!(error, HttpError::WrongRoute), "{error:?}");
    assert!(server.requests().is_empty());
    let local = server.client().get(&server.url).header(AUTHORIZATION, secret).send().await.unwrap();
    assert_eq!(local.status(), StatusCode::OK);
}

#[tokio::test]
async fn plain_client_rejects_other_routes() {
    // FR-A15
    let (server, url) = server().await;
    let plain = client(&url, &settings());
    let error = plain.get(&server.url).send().await.unwrap_err();
    assert!(matches!(error, HttpError::WrongRoute), "{error:?}");
    for other in ["https://issuer.example", "https://localhost:1", server.url.written()] {
        let other = client(&SecureUrl::parse(other).unwrap(), &settings());
        let error = other.get(&url).send().await.unwrap_err();
        assert!(matches!(error, HttpError::WrongRoute), "{error:?}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn unused_invalid_identity_is_reported() {
    let (_, url) = server().await;
    assert!(HttpClients::default().client(&url, &settings().identity("nonsense")).is_err());
}

#[tokio::test]
#[cfg_attr(windows, ignore = "0.0.0.0 leads nowhere")]
async fn proxies_of_the_environment_are_not_used() {
    // FR-A15: the environment is that of a process, so the test needs a child process.
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "http::plain::document_is_fetched_without_tls", "--nocapture"]);
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(variable, "http://127.0.0.1:1");
    }
    child.env_remove("NO_PROXY").env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}
