//! Protection against DNS rebinding, and allowed hosts.

use std::net::SocketAddr;

use scopegate_issuer::{Config, LocalIssuer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Returns an address of this machine on which the issuer listens.
fn reached_at(issuer: &LocalIssuer) -> SocketAddr {
    let address = issuer.address();
    if address.ip().is_unspecified() { ([127, 0, 0, 1], address.port()).into() } else { address }
}

/// Sends these bytes, and returns the status and the body of the response.
async fn answer(issuer: &LocalIssuer, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(reached_at(issuer)).await.unwrap();
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
            format!(
                "the host is not allowed: expected a loopback address, localhost or an allowed host, \
                 found {host:?}"
            )
        );
    }
    assert_eq!(issuer.jwks_fetches(), fetched, "nothing else has seen those");
    // For a local host, an unknown path gets 404. For a foreign host, the response hides it.
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
    assert_eq!((status, body.contains("the Host header is missing")), (400, true), "{body}");
    for twice in ["Host: localhost\r\nHost: evil.example\r\n", "Host: localhost\r\nHost: localhost\r\n"] {
        let (status, body) = answer(&issuer, &get(&path, "1.1", twice)).await;
        assert_eq!((status, body.contains("there is more than one Host header")), (400, true), "{body}");
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
    // A host that is not UTF-8 is rejected as well.
    let mut stream = TcpStream::connect(issuer.url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\xff\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 421 "), "{}", String::from_utf8_lossy(&answer));
}

/// Returns an issuer as in a container: it listens on all interfaces, and allows this host.
async fn in_container(host: &str) -> LocalIssuer {
    let config = Config::default().listen(([0, 0, 0, 0], 0).into()).allow_other_machines().allow_host(host);
    LocalIssuer::start_with(config).await.unwrap()
}

#[tokio::test]
async fn issuer_in_container_is_reached_by_service_name() {
    // FR-E1: as with docker compose, whose DNS gives the name `issuer` to a container
    let issuer = in_container("issuer").await;
    assert!(issuer.address().ip().is_unspecified());
    let url = format!("http://issuer:{}", issuer.address().port());
    assert_eq!(issuer.url(), url);
    assert_eq!(issuer.issuer(), format!("{url}/eu-west-1_Local0001"));
    let other_container = reqwest::Client::builder().resolve("issuer", reached_at(&issuer)).build().unwrap();
    let metadata = format!("{}/.well-known/openid-configuration", issuer.issuer());
    let metadata: Value = other_container.get(metadata).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["issuer"], issuer.issuer());
    for member in ["jwks_uri", "token_endpoint"] {
        assert!(metadata[member].as_str().unwrap().starts_with(issuer.issuer()), "{metadata}");
    }
    let jwks = other_container.get(issuer.jwks_uri()).send().await.unwrap();
    assert_eq!(jwks.status(), 200);
    let form = [("grant_type", "client_credentials")];
    let request = other_container.post(issuer.token_endpoint());
    let request = request.basic_auth("local-reader", Some("local-reader-secret")).form(&form);
    assert_eq!(request.send().await.unwrap().status(), 200);
    // With a port that is forwarded into the container, the host is localhost.
    let path = keys_path(&issuer);
    assert_eq!(answer(&issuer, &get(&path, "1.1", "Host: localhost:9400\r\n")).await.0, 200);
}

#[tokio::test]
async fn allowed_host_allows_no_other_host() {
    // FR-E1
    let issuer = in_container("issuer:9400").await;
    assert_eq!(issuer.url(), "http://issuer:9400");
    let path = keys_path(&issuer);
    for (host, status) in [
        ("issuer:9400", 200),
        ("ISSUER:9400", 200),
        ("issuer:9401", 421),
        ("issuer", 421),
        ("issuer.evil.example:9400", 421),
        ("evil.example", 421),
        ("0.0.0.0", 421),
    ] {
        let (found, body) = answer(&issuer, &get(&path, "1.1", &format!("Host: {host}\r\n"))).await;
        assert_eq!(found, status, "{host}: {body}");
    }
    // If no host is allowed, this name is rejected as well.
    let issuer = LocalIssuer::start().await.unwrap();
    assert_eq!(answer(&issuer, &get(&path, "1.1", "Host: issuer:9400\r\n")).await.0, 421);
}

#[tokio::test]
async fn url_setting_names_issuer_and_allows_its_host() {
    // FR-E1
    let config = Config::default().allow_host("second.test").url("https://issuer.test");
    let issuer = LocalIssuer::start_with(config).await.unwrap();
    assert_eq!(issuer.issuer(), "https://issuer.test/eu-west-1_Local0001");
    let path = keys_path(&issuer);
    for (host, status) in [("issuer.test", 200), ("second.test", 200), ("third.test", 421)] {
        let (found, body) = answer(&issuer, &get(&path, "1.1", &format!("Host: {host}\r\n"))).await;
        assert_eq!(found, status, "{host}: {body}");
    }
    assert_eq!(issuer.mint().claims()["iss"], issuer.issuer());
}

#[tokio::test]
async fn issuer_on_all_interfaces_is_named_by_loopback() {
    // FR-E1
    for (listen, expected) in [("0.0.0.0:0", "http://127.0.0.1"), ("[::]:0", "http://[::1]")] {
        let config = Config::default().listen(listen.parse().unwrap()).allow_other_machines();
        let Ok(issuer) = LocalIssuer::start_with(config).await else {
            // A machine without IPv6.
            assert_eq!(listen, "[::]:0");
            continue;
        };
        assert_eq!(issuer.url(), format!("{expected}:{}", issuer.address().port()));
    }
}
