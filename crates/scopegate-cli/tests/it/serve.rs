//! `scopegate serve`: responses on sockets.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use scopegate_issuer::LocalIssuer;

use crate::client::{Connection, get};
use crate::program::program_with_files;
use crate::service::{HEAD, Service, path, run, write};

/// Returns a file that trusts this issuer.
pub(crate) fn config(issuer: &str) -> String {
    format!(
        r#"{HEAD}[[issuer]]
issuer = "{issuer}"
clients = ["local-reader"]
[[route]]
path = "/orders/{{id}}"
GET = "orders/read"
[[route]]
path = "/health"
GET = "public"
[forward]
"X-Auth-Client" = "client_id"
"#
    )
}

#[tokio::test]
async fn decisions_are_made_for_a_gateway() {
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start_ready("decisions", &config(local.issuer())).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = local.mint().scope("orders/read").sign();

    let accepted = gateway.ask("GET", "/orders/7?x=1", Some(&token)).await;
    assert_eq!(
        (accepted.status, accepted.header("x-auth-client")),
        (200, Some("local-reader")),
        "{accepted:?}"
    );
    assert_eq!(
        (accepted.header("x-auth-path"), accepted.header("cache-control")),
        (Some("/orders/7"), Some("no-store"))
    );
    assert_eq!(accepted.body, "");

    let other = local.mint().scope("x").sign();
    for (method, uri, token, status) in [
        ("GET", "/health", None, 200),
        ("GET", "/orders/7", None, 401),
        ("GET", "/orders/7", Some(other.as_str()), 403),
        ("POST", "/orders/7", Some(token.as_str()), 403),
        ("GET", "/orders/../health", None, 400),
        ("GET", "/unknown", Some(token.as_str()), 403),
    ] {
        let response = gateway.ask(method, uri, token).await;
        assert_eq!(response.status, status, "{method} {uri}");
        let has_challenge = response.header("www-authenticate").is_some();
        assert_eq!(has_challenge, uri == "/orders/7" && method == "GET", "{method} {uri}");
        assert_eq!(response.header("x-auth-client").is_some(), status == 200, "{method} {uri}");
    }
    for _ in 0..3 {
        assert_eq!(gateway.send("GET /decide", &[("x-original-uri", "/health")]).await.status, 500);
    }
    let log = service.log();
    assert!(!log.contains(&token) && !log.contains(&other), "{log}");
    // A caller may cause it, so it is logged once in 10 s.
    assert!((1..3).contains(&log.matches("gateway is misconfigured").count()), "{log}");
}

#[tokio::test]
async fn ambiguous_path_is_in_the_log() {
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start("log", &config(local.issuer()));
    let mut gateway = Connection::open(&service.decisions).await;
    assert_eq!(gateway.ask("GET", "/orders/..%2fhealth?code=secret", None).await.status, 400);
    let response = gateway.send("GET /decision", &[]).await;
    assert_eq!(response.status, 404);
    let log = service.log();
    assert!(log.contains(r#"reason="ambiguous_path" path="/orders/..%2fhealth" error="#), "{log}");
    assert!(log.contains(r#"reason="unknown_endpoint" path="/decision" error="#), "{log}");
    assert!(!log.contains("secret"), "{log}");
}

#[tokio::test]
async fn body_of_question_is_not_read() {
    // FW16
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start("body", &config(local.issuer()));
    let headers = [("x-original-method", "GET"), ("x-original-uri", "/health")];
    for body in [("content-length", "0"), ("content-length", "1000000"), ("transfer-encoding", "chunked")] {
        let mut gateway = Connection::open(&service.decisions).await;
        // No byte of the announced body follows.
        let response = gateway.send("POST /decide", &[&headers[..], &[body]].concat()).await;
        assert_eq!(response.status, 200, "{body:?}");
    }
}

#[tokio::test]
async fn untrusted_peer_is_rejected_and_closed() {
    // FW04
    let local = LocalIssuer::start().await.unwrap();
    let text = config(local.issuer()).replace("[\"127.0.0.1\"]", "[\"10.0.0.1\"]");
    let service = Service::start("untrusted", &text);
    let mut peer = Connection::open(&service.decisions).await;
    let response = peer.ask("GET", "/health", None).await;
    assert_eq!((response.status, response.header("connection")), (403, Some("close")));
    assert!(peer.is_closed().await);
}

#[tokio::test]
async fn undecidable_token_gets_503_with_retry_after() {
    let local = LocalIssuer::start().await.unwrap();
    let (issuer, token) = (local.issuer().to_owned(), local.mint().scope("orders/read").sign());
    local.shut_down().await;
    let service = Service::start("undecidable", &config(&issuer));
    let mut gateway = Connection::open(&service.decisions).await;
    let response = gateway.ask("GET", "/orders/7", Some(&token)).await;
    assert_eq!(response.status, 503, "{response:?}");
    assert!(response.header("retry-after").unwrap().parse::<u32>().is_ok());
    assert_eq!(response.header("www-authenticate"), None);
    // Rules without a token hold.
    assert_eq!(gateway.ask("GET", "/health", None).await.status, 200);
    assert_eq!(get(&service.admin, "/livez").await.status, 200);
    let ready = get(&service.admin, "/readyz").await;
    assert!(ready.status == 503 && ready.body.starts_with(&format!("not ready\n{issuer}: it")), "{ready:?}");
}

#[tokio::test]
async fn log_has_the_start_the_reload_and_the_end() {
    let local = LocalIssuer::start().await.unwrap();
    let text = config(local.issuer());
    let mut service = Service::start("lines", &text);
    service.logged("decision service started version=").await;
    write(
        &service.file,
        &text.replacen("[[route]]", "[[route]]\npath = \"/x\"\nGET = \"public\"\n[[route]]", 1),
    );
    service.signal("HUP");
    service.logged("configuration reloaded file=").await;
    write(&service.file, "listen = 1\nunknown = 2\n");
    service.signal("HUP");
    service.logged("configuration not reloaded, keeping the current rules file=").await;
    let mut gateway = Connection::open(&service.decisions).await;
    assert_eq!(gateway.send("GET /decide", &[]).await.status, 500);
    service.signal("TERM");
    assert_eq!(service.wait(), Some(0));
    let log = service.log();
    let line = |message: &str| {
        let mut lines = log.lines().filter(|line| line.contains(message));
        let line = lines.next().unwrap_or_else(|| panic!("no {message}: {log}"));
        assert!(lines.next().is_none(), "{message} is repeated: {log}");
        line
    };
    for (message, parts) in [
        ("decision service started", &["gateway=Nginx", "routes=2 issuers=1", "lines.toml"][..]),
        ("configuration reloaded", &["routes=3 issuers=1 added=0 changed=0 removed=0", "lines.toml"]),
        // Each mistake, the rules in effect, and the next step.
        (
            "configuration not reloaded",
            &["lines.toml:1:10: ", "; ", "lines.toml:2:1: ", "scopegate check", "routes=3 issuers=1"],
        ),
        ("gateway is misconfigured", &["peer=127.0.0.1", "x-original-method", "deploy/"]),
        ("stopping, open requests are decided", &["limit_secs=10"]),
        (" stopped", &[]),
    ] {
        let line = line(message);
        for part in parts {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    // A line of the log is one event.
    assert!(log.lines().all(|line| line.contains(" scopegate")), "{log}");
}

#[tokio::test]
async fn envoy_asks_with_the_request_itself() {
    let local = LocalIssuer::start().await.unwrap();
    let text = config(local.issuer()).replace("\"nginx\"", "\"envoy\"");
    let service = Service::start_ready("envoy", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let bearer = format!("Bearer {}", local.mint().scope("orders/read").sign());
    let headers = [("authorization", bearer.as_str()), ("x-original-uri", "/health")];
    for (line, status) in [
        ("GET /decide/orders/7?x=1", 200),
        ("HEAD /decide/orders/7", 200),
        ("POST /decide/orders/7", 403),
        ("GET /decide/orders/..%2fhealth", 400),
        ("GET /decide/orders/%37", 400),
        ("GET /decide//health", 400),
        ("GET /decide/health/../orders/7", 400),
        ("GET /decide/caf\u{e9}", 400),
        ("GET /orders/7", 404),
        ("GET /decide", 404),
    ] {
        assert_eq!(gateway.send(line, &headers).await.status, status, "{line}");
    }
}

#[tokio::test]
async fn operator_reads_readiness_and_metrics() {
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start_ready("admin", &config(local.issuer())).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = local.mint().scope("orders/read").sign();
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&token)).await.status, 200);
    assert_eq!(gateway.ask("GET", "/unknown", None).await.status, 403);
    assert_eq!(gateway.ask("GET", "/a//b", None).await.status, 400);
    assert_eq!(gateway.ask("GET", "/health", None).await.status, 200);
    assert_eq!(get(&service.admin, "/readyz").await.status, 200);
    let metrics = get(&service.admin, "/metrics").await;
    for line in [
        r#"scopegate_requests_total{decision="accepted",reason="accepted"} 1"#,
        r#"scopegate_requests_total{decision="accepted",reason="public"} 1"#,
        r#"scopegate_requests_total{decision="rejected",reason="no_rule"} 1"#,
        r#"scopegate_requests_total{decision="rejected",reason="ambiguous_path"} 1"#,
        "scopegate_config_valid 1",
    ] {
        assert!(metrics.body.contains(line), "{line}\n{}", metrics.body);
    }
    // The port of decisions has no metrics, and the other one makes no decisions.
    assert_eq!(get(&service.decisions, "/metrics").await.status, 404);
    assert_eq!(get(&service.admin, "/decide").await.status, 404);
    let mut operator = Connection::open(&service.admin).await;
    assert_eq!(operator.send("POST /metrics", &[("content-length", "0")]).await.status, 405);
}

#[tokio::test]
async fn sigterm_ends_the_service() {
    let local = LocalIssuer::start().await.unwrap();
    let mut service = Service::start("sigterm", &config(local.issuer()));
    let mut gateway = Connection::open(&service.decisions).await;
    assert_eq!(gateway.ask("GET", "/health", None).await.status, 200);
    service.signal("TERM");
    assert_eq!(service.wait(), Some(0));
    assert!(gateway.is_closed().await);
}

#[test]
fn sigterm_ends_service_that_reads_a_pipe() {
    let mut service = Service::start("pipe", &config("http://127.0.0.1:1/pool"));
    std::fs::remove_file(&service.file).unwrap();
    assert!(Command::new("mkfifo").arg(&service.file).status().unwrap().success());
    // Returns when the service has opened the other end. It reads until this end is closed.
    let writer = File::options().write(true).open(&service.file).unwrap();
    service.signal("TERM");
    assert_eq!(service.wait(), Some(0));
    drop(writer);
    std::fs::remove_file(&service.file).unwrap();
}

#[test]
fn taken_address_and_invalid_file_end_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let file = path("taken.toml");
    let address = taken.local_addr().unwrap().to_string();
    let text = config("http://127.0.0.1:1/pool").replacen("127.0.0.1:0", &address, 1);
    write(&file, &text);
    let (code, _, error) = run(&["serve", "--config", file.to_str().unwrap()]);
    assert!(code == Some(70) && error.contains(&format!("cannot listen on {address}")), "{error}");
    write(&file, &text.replace("nginx", "apache"));
    let (code, _, error) = run(&["serve", "--config", file.to_str().unwrap()]);
    assert!(code == Some(64) && error.contains(":4:11: expected a gateway"), "{error}");
}

#[tokio::test]
async fn head_over_its_limits_is_rejected() {
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start("head", &config(local.issuer()));
    let asked = [("x-original-method", "GET"), ("x-original-uri", "/health")];
    let (long, too_long) = ("x".repeat(60 * 1024), "x".repeat(130 * 1024));
    for (more, count, status) in
        [(&long, 1, 200), (&too_long, 1, 431), (&"x".to_owned(), 253, 200), (&"x".to_owned(), 254, 431)]
    {
        let mut gateway = Connection::open(&service.decisions).await;
        let more = vec![("x-more", more.as_str()); count];
        let response = gateway.send("GET /decide", &[&asked[..], &more].concat()).await;
        assert_eq!(response.status, status, "{count} of {} bytes", more[0].1.len());
    }
}

#[tokio::test]
async fn connections_of_untrusted_peers_are_bounded() {
    let local = LocalIssuer::start().await.unwrap();
    let text = config(local.issuer()).replace("[\"127.0.0.1\"]", "[\"10.0.0.1\"]");
    let service = Service::start("bounded", &text);
    let mut open = Vec::new();
    for _ in 0..256 {
        open.push(Connection::open(&service.decisions).await);
    }
    // Idle connections are accepted in their order.
    let mut further = Connection::open(&service.decisions).await;
    assert!(further.is_closed().await);
    assert_eq!(open.last_mut().unwrap().ask("GET", "/health", None).await.status, 403);
}

#[tokio::test]
async fn lack_of_open_files_is_a_warning() {
    let local = LocalIssuer::start().await.unwrap();
    let service = Service::start_as(program_with_files(40), "files", &config(local.issuer()));
    let mut open = Vec::new();
    // The system accepts further connections, which the service cannot.
    for _ in 0..40 {
        open.push(Connection::open(&service.decisions).await);
    }
    let started = Instant::now();
    while !service.log().contains("WARN scopegate::serve::listener: connection not accepted error=") {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", service.log());
        tokio::task::yield_now().await;
    }
    // The service goes on when it has files again.
    drop(open);
    let mut gateway = Connection::open(&service.decisions).await;
    assert_eq!(gateway.ask("GET", "/health", None).await.status, 200);
}
