//! Size and time limits of a response, and failures to get one.

use std::time::Duration;

use scopegate_proto::http::{ConnectFailure, HttpError, ProxyPolicy};
use scopegate_proto::url::SecureUrl;
use testkit::{listen, read_request, response, with_causes};
use tokio::io::AsyncWriteExt as _;

use crate::http::server::{Server, client, settings};

#[tokio::test]
async fn body_up_to_the_limit_is_read() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
    for bytes in [response("200 OK", "", b"abcde"), chunked.into()] {
        let server = Server::sending(bytes).await;
        let body = |limit| async move {
            let response = server.client().get(&server.url).send().await.unwrap();
            (response.body(limit).await, server)
        };
        let (read, server) = body(5).await;
        assert_eq!(read.unwrap().as_slice(), b"abcde");
        let response = server.client().get(&server.url).send().await.unwrap();
        let error = response.body(4).await.unwrap_err();
        assert!(matches!(error, HttpError::TooLarge { limit: 4, .. }), "{error:?}");
        assert!(!error.is_transient() && !error.is_connect());
    }
}

#[tokio::test]
async fn empty_body_is_read_with_limit_zero() {
    let server = Server::sending(response("204 No Content", "", b"")).await;
    let response = server.client().get(&server.url).send().await.unwrap();
    assert!(response.body(0).await.unwrap().is_empty());
}

#[tokio::test]
async fn endless_body_is_aborted_at_limit() {
    let (listener, url) = listen().await;
    let url = SecureUrl::parse(&url).unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
        while stream.write_all(&[b'x'; 1_024]).await.is_ok() {}
    });
    let response = client(&url, &settings()).get(&url).send().await.unwrap();
    let error = response.body(64 * 1_024).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn start_of_any_body_is_read() {
    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551000\r\n\r\nabcde";
    for bytes in [response("200 OK", "", b"abcde"), announced.into()] {
        for (limit, expected) in [(0, &b""[..]), (4, b"abcd"), (5, b"abcde"), (6, b"abcde")] {
            let server = Server::sending(bytes.clone()).await;
            let response = server.client().get(&server.url).send().await.unwrap();
            assert_eq!(response.body_start(limit).await.as_slice(), expected, "{limit}");
        }
    }
}

#[tokio::test]
async fn announced_length_over_the_limit_is_rejected_unread() {
    // The server sends no body, so a client that reads it would return `BrokenOff`.
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 18446744073709551000\r\n\r\n";
    let server = Server::sending(head).await;
    let response = server.client().get(&server.url).send().await.unwrap();
    let error = response.body(1_000).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 1_000, .. }), "{error:?}");
}

#[tokio::test]
async fn incomplete_body_is_broken_off() {
    let server = Server::sending("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await;
    let response = server.client().get(&server.url).send().await.unwrap();
    let error = response.body(100).await.unwrap_err();
    assert!(matches!(error, HttpError::BrokenOff { .. }), "{error:?}");
    assert!(error.is_transient() && !error.is_connect());
}

#[tokio::test]
async fn slow_body_is_aborted_at_timeout() {
    let (listener, url) = listen().await;
    let url = SecureUrl::parse(&url).unwrap();
    let holding = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc").await.unwrap();
        // Returns when the client closes the connection.
        read_request(&mut stream).await
    });
    let settings = settings().timeout(Duration::from_millis(200));
    let response = client(&url, &settings).get(&url).send().await.unwrap();
    let error = response.body(100).await.unwrap_err();
    assert!(matches!(error, HttpError::Timeout { .. }), "{error:?}");
    assert_eq!(error.to_string(), "no complete response within 0.2 s");
    assert!(error.is_transient() && !error.is_connect());
    holding.await.unwrap();
}

#[tokio::test]
async fn closed_port_is_no_connection() {
    let (listener, url) = listen().await;
    drop(listener);
    let url = SecureUrl::parse(&format!("{url}/?s3cret")).unwrap();
    let error = client(&url, &settings()).get(&url).send().await.unwrap_err();
    // FR-A12
    assert!(matches!(error, HttpError::Connect { failure: ConnectFailure::Refused, .. }), "{error:?}");
    assert!(error.is_transient() && error.is_connect());
    let causes = with_causes(&error);
    assert!(causes.starts_with("no connection, because it was refused: "), "{causes}");
    assert!(causes.contains("Connection refused"), "{causes}");
    assert!(!format!("{causes} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn unknown_host_name_is_dns_failure() {
    // FR-A12: RFC 2606 §2 reserves the name.
    let url = SecureUrl::parse("https://no-such-host.invalid/").unwrap();
    let error = client(&url, &settings().proxies(ProxyPolicy::Direct)).get(&url).send().await.unwrap_err();
    assert!(matches!(error, HttpError::Connect { failure: ConnectFailure::Dns, .. }), "{error:?}");
    let causes = with_causes(&error);
    assert!(causes.starts_with("no connection, because the host name was not resolved: "), "{causes}");
}

#[tokio::test]
async fn server_without_handshake_is_connect_timeout() {
    // FR-A12: it accepts the connection and sends nothing.
    let (listener, _) = listen().await;
    let url = SecureUrl::parse(&format!("https://{}/", listener.local_addr().unwrap())).unwrap();
    let settings = settings().connect_timeout(Duration::from_millis(200));
    let error = client(&url, &settings).get(&url).send().await.unwrap_err();
    assert!(matches!(error, HttpError::Connect { failure: ConnectFailure::Timeout, .. }), "{error:?}");
    assert!(error.to_string() == "no connection within its time limit" && error.is_connect());
}

#[tokio::test]
async fn unreachable_proxy_is_proxy_failure() {
    // FR-A12: the environment is that of a process, so the test needs a child process.
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "http::bounds::request_through_unreachable_proxy_fails",
        "--ignored",
        "--nocapture",
    ]);
    child.env("HTTPS_PROXY", "http://127.0.0.1:1").env_remove("NO_PROXY").env_remove("no_proxy");
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "is run by another test, as a process of its own"]
async fn request_through_unreachable_proxy_fails() {
    let url = SecureUrl::parse("https://issuer.example/").unwrap();
    let error = client(&url, &settings()).get(&url).send().await.unwrap_err();
    assert!(matches!(error, HttpError::Connect { failure: ConnectFailure::Proxy, .. }), "{error:?}");
    assert!(with_causes(&error).contains("refused"), "{}", with_causes(&error));
}

#[tokio::test]
async fn closed_connection_is_no_response() {
    let server = Server::sending("").await;
    let error = server.client().get(&server.url).send().await.unwrap_err();
    assert!(matches!(error, HttpError::NoResponse { .. }), "{error:?}");
    assert!(error.is_transient() && !error.is_connect());
}
