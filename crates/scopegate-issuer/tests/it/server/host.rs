//! Does a page whose name was made to point here (DNS rebinding) get anything out of a server?

use scopegate_issuer::LocalIssuer;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Status and body of the answer to what is written, byte for byte.
async fn answer(issuer: &LocalIssuer, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(issuer.url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn get(target: &str, version: &str, headers: &str) -> String {
    format!("GET {target} HTTP/{version}\r\n{headers}Connection: close\r\n\r\n")
}

fn keys_path(issuer: &LocalIssuer) -> String {
    issuer.jwks_uri().replace(issuer.url(), "")
}

#[tokio::test]
async fn local_host_is_served_and_foreign_host_rejected() {
    let issuer = LocalIssuer::start().await.unwrap();
    let path = keys_path(&issuer);
    let own = issuer.url().trim_start_matches("http://").to_owned();
    for host in [
        own.as_str(),
        "127.0.0.1",
        "127.0.0.2:80",
        "localhost:1",
        "LOCALHOST",
        "issuer.localhost",
        "[::1]:9400",
    ] {
        let (status, body) = answer(&issuer, &get(&path, "1.1", &format!("Host: {host}\r\n"))).await;
        assert_eq!(status, 200, "{host}: {body}");
    }
    let fetched = issuer.jwks_fetches();
    for host in [
        "evil.example",
        "evil.example:9400",
        "127.0.0.1.evil.example",
        "evillocalhost",
        "0.0.0.0",
        "user@127.0.0.1",
        "",
    ] {
        let (status, body) = answer(&issuer, &get(&path, "1.1", &format!("Host: {host}\r\n"))).await;
        assert_eq!(status, 421, "{host}: {body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["error"], "misdirected_request");
        assert_eq!(
            body["error_description"],
            format!("expected a loopback address or localhost as the host, found {host:?}")
        );
    }
    assert_eq!(issuer.jwks_fetches(), fetched, "nothing else has seen those");
    // Nor is it told which paths there are.
    assert_eq!(answer(&issuer, &get("/none", "1.1", "Host: localhost\r\n")).await.0, 404);
    assert_eq!(answer(&issuer, &get("/none", "1.1", "Host: evil.example\r\n")).await.0, 421);
}

#[tokio::test]
async fn rebound_page_gets_neither_token_nor_preflight() {
    let issuer = LocalIssuer::start().await.unwrap();
    let form = "grant_type=client_credentials&client_id=local-reader&client_secret=local-reader-secret";
    let post = |host: &str| {
        format!(
            "POST /oauth2/token HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
            form.len()
        )
    };
    let (status, body) = answer(&issuer, &post("localhost:9400")).await;
    assert!(status == 200 && body.contains("access_token"), "{status} {body}");
    let (status, body) = answer(&issuer, &post("rebound.example:9400")).await;
    assert!(status == 421 && !body.contains("access_token"), "{status} {body}");
    assert_eq!(issuer.token_requests(), 1);

    let preflight = |host: &str| {
        format!(
            "OPTIONS /oauth2/token HTTP/1.1\r\nHost: {host}\r\nOrigin: http://localhost\r\nConnection: close\r\n\
             Access-Control-Request-Method: POST\r\n\r\n"
        )
    };
    assert_eq!(answer(&issuer, &preflight("localhost")).await.0, 200);
    assert_eq!(answer(&issuer, &preflight("rebound.example")).await.0, 421);
}

#[tokio::test]
async fn missing_or_repeated_host_returns_400() {
    // RFC 9112 §3.2
    let issuer = LocalIssuer::start().await.unwrap();
    let path = keys_path(&issuer);
    assert_eq!(answer(&issuer, &get(&path, "1.0", "")).await.0, 200);
    assert_eq!(answer(&issuer, &get(&path, "1.0", "Host: evil.example\r\n")).await.0, 421);
    let (status, body) = answer(&issuer, &get(&path, "1.1", "")).await;
    assert_eq!((status, body.contains("expected a Host header, found none")), (400, true), "{body}");
    for twice in ["Host: localhost\r\nHost: evil.example\r\n", "Host: localhost\r\nHost: localhost\r\n"] {
        let (status, body) = answer(&issuer, &get(&path, "1.1", twice)).await;
        assert_eq!((status, body.contains("expected one Host header, found more")), (400, true), "{body}");
    }
}

#[tokio::test]
async fn absolute_target_must_name_local_host_too() {
    // RFC 9112 §3.2.2
    let issuer = LocalIssuer::start().await.unwrap();
    let path = keys_path(&issuer);
    let target = |host: &str, header: &str| {
        get(&format!("http://{host}{path}"), "1.1", &format!("Host: {header}\r\n"))
    };
    assert_eq!(answer(&issuer, &target("localhost", "localhost")).await.0, 200);
    assert_eq!(answer(&issuer, &target("evil.example", "localhost")).await.0, 421);
    assert_eq!(answer(&issuer, &target("localhost", "evil.example")).await.0, 421);
}

#[tokio::test]
async fn long_host_is_echoed_only_in_part() {
    let issuer = LocalIssuer::start().await.unwrap();
    let path = keys_path(&issuer);
    let (status, body) =
        answer(&issuer, &get(&path, "1.1", &format!("Host: {}\r\n", "e".repeat(4000)))).await;
    assert_eq!(status, 421);
    let body: Value = serde_json::from_str(&body).unwrap();
    let description = body["error_description"].as_str().unwrap();
    assert!(description.ends_with(&format!("found \"{}\"…", "e".repeat(80))), "{description}");
    // What is no text is none of ours either.
    let mut stream = TcpStream::connect(issuer.url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\xff\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 421 "), "{}", String::from_utf8_lossy(&answer));
}
