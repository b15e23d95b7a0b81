//! An API that is hostile itself: its responses must neither look like rejections, nor reach a terminal or
//! a report as they are.

use axum::http::Request;
use roxmltree::Document;
use serde_json::Value;
use testkit::read_request;
use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::answers::is_expired;
use super::api::{Seen, router};
use super::{finish, settings, start, verifier, with_outcome};
use crate::program::{Run, file};

/// Bytes for a request.
type Answer = fn(&Seen) -> Option<Vec<u8>>;

/// Runs `conform` against an API whose responses to some requests are these bytes.
async fn run(answer: Answer, more: &[&str]) -> Run {
    let (listener, url) = testkit::listen().await;
    let arguments = [&["--scope", "orders/read", "--algorithm", "EdDSA"], more].concat();
    let mut child = start(&format!("{url}/orders"), &arguments);
    let (settings, stderr) = settings(&mut child).await;
    let (api, _) = testkit::listen().await;
    let address = api.local_addr().unwrap().to_string();
    testkit::serve_on(api, router(&verifier(&settings).await, "orders/read", None));
    tokio::spawn(front(listener, address, answer));
    finish(child, stderr).await
}

async fn front(listener: TcpListener, api: String, answer: Answer) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let api = api.clone();
        tokio::spawn(async move {
            let head = read_request(&mut stream).await;
            if let Some(bytes) = answer(&seen(&head)) {
                // The client may close the connection first.
                let _ = stream.write_all(&bytes).await;
                return;
            }
            let mut api = TcpStream::connect(api).await.unwrap();
            api.write_all(head.as_bytes()).await.unwrap();
            let _ = copy_bidirectional(&mut stream, &mut api).await;
        });
    }
}

fn seen(head: &str) -> Seen {
    let mut lines = head.lines();
    let target = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("/");
    let mut request = Request::get(target);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    Seen::of(&request.body(axum::body::Body::empty()).unwrap())
}

/// Answers expired tokens with these bytes.
macro_rules! if_expired {
    ($bytes:expr) => {
        |seen| is_expired(seen).then(|| Vec::from($bytes))
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn response_that_is_no_rejection_is_undecided() {
    let cases: [(&str, Answer); 12] = [
        ("a closed connection", if_expired!("")),
        ("no HTTP", if_expired!("SSH-2.0-OpenSSH_9.6\r\n\r\n")),
        ("100 and nothing more", if_expired!("HTTP/1.1 100 Continue\r\n\r\n")),
        ("101", if_expired!("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n")),
        ("404", if_expired!("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")),
        ("408", if_expired!("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")),
        ("500", if_expired!("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n")),
        ("503", if_expired!("HTTP/1.0 503 Service Unavailable\r\n\r\n")),
        ("999", if_expired!("HTTP/1.1 999 Denied\r\ncontent-length: 0\r\n\r\n")),
        ("a long header", if_expired!(format!("HTTP/1.1 401 No\r\nx: {}", "x".repeat(2 * 1024 * 1024)))),
        ("many headers", if_expired!(format!("HTTP/1.1 401 No\r\n{}\r\n", "x: y\r\n".repeat(1000)))),
        ("two lengths", if_expired!("HTTP/1.1 401 No\r\ncontent-length: 0\r\ncontent-length: 9\r\n\r\n")),
    ];
    let runs: JoinSet<_> =
        cases.into_iter().map(async |(name, answer)| (name, run(answer, &["--json"]).await)).collect();
    for (name, run) in runs.join_all().await {
        assert_eq!(run.code, 2, "{name}: {}", run.out);
        let undecided = with_outcome(&run, "undecided");
        assert!(undecided.contains(&"expired".to_owned()), "{name}: {}", run.out);
        // The other groups are not affected.
        assert!(with_outcome(&run, "passed").contains(&"not-before".to_owned()), "{name}: {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unusual_rejection_counts() {
    const REJECTION: &str = "401 Unauthorized\r\nwww-authenticate: Bearer error=\"invalid_token\"\r\n\r\n";
    let cases: [(&str, Answer); 4] = [
        ("HTTP/1.0", if_expired!(format!("HTTP/1.0 {REJECTION}"))),
        (
            "early hints",
            if_expired!(format!(
                "{}HTTP/1.1 {REJECTION}",
                "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n".repeat(1000)
            )),
        ),
        ("an endless body", if_expired!(format!("HTTP/1.1 {REJECTION}{}", "x".repeat(4 * 1024 * 1024)))),
        (
            "a cookie",
            if_expired!(format!("HTTP/1.1 {}", REJECTION.replacen("\r\n", "\r\nset-cookie: a=b\r\n", 1))),
        ),
    ];
    let runs: JoinSet<_> =
        cases.into_iter().map(async |(name, answer)| (name, run(answer, &["--json"]).await)).collect();
    for (name, run) in runs.join_all().await {
        assert_eq!(run.code, 0, "{name}: {}", run.out);
        assert!(with_outcome(&run, "passed").contains(&"expired".to_owned()), "{name}: {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn status_404_is_a_rejection_if_declared() {
    let answer: Answer = if_expired!("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n");
    for (more, outcome, code) in
        [(&["--json"][..], "undecided", 2), (&["--json", "--rejection", "404"], "passed", 0)]
    {
        let run = run(answer, more).await;
        assert!(with_outcome(&run, outcome).contains(&"expired".to_owned()), "{}", run.out);
        assert_eq!(run.code, code, "{}", run.out);
        assert_eq!(run.out.contains("use --rejection 404"), code == 2, "{}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_connection_rejects_an_oversized_token() {
    let run = run(|seen| seen.payload["padding"].is_string().then(Vec::new), &["--json"]).await;
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(with_outcome(&run, "passed").contains(&"oversized".to_owned()), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_is_not_followed() {
    // A valid token gets in at the target.
    let answer: Answer = if_expired!("HTTP/1.1 302 Found\r\nlocation: /orders\r\ncontent-length: 0\r\n\r\n");
    let run = run(answer, &["--json"]).await;
    assert_eq!(run.code, 0, "{}", run.out);
    assert!(with_outcome(&run, "passed").contains(&"expired".to_owned()), "{}", run.out);
    assert!(run.out.contains("expected 401, found 302"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn token_far_in_a_body_is_found() {
    // The body is longer than it is, and breaks off.
    let answer: Answer = |seen| {
        is_expired(seen).then(|| {
            let page = format!("{}{}", "x".repeat(500 * 1024), seen.authorization.concat());
            format!("HTTP/1.1 401 No\r\ncontent-length: 9000000\r\n\r\n{page}").into_bytes()
        })
    };
    let run = run(answer, &["--json"]).await;
    assert!(with_outcome(&run, "failed").contains(&"token-in-response".to_owned()), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn encoded_body_leaves_its_check_undecided() {
    let answer: Answer =
        if_expired!("HTTP/1.1 401 No\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n\u{1f}x");
    let run = run(answer, &["--json"]).await;
    assert_eq!(run.code, 2, "{}", run.out);
    assert_eq!(with_outcome(&run, "undecided"), ["token-in-response"], "{}", run.out);
    assert!(run.out.contains("2 bodies have a content encoding"), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_of_the_api_are_printed_as_ascii() {
    let answer: Answer = if_expired!(
        b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\
          www-authenticate: Bearer error=\"\xc2\x9b31m</failure>\xe2\x80\xae\\\"}<&]]>\"\r\n\r\n"
    );
    let path = file("conform.hostile.xml", "");
    let junit = ["--junit", path.to_str().unwrap()];
    let text = run(answer, &[&junit[..], &["--deny-warnings"]].concat()).await;
    let json = run(answer, &["--json"]).await;
    for run in [&text, &json] {
        let is_plain = |c: char| !c.is_control() || c == '\n';
        assert!(run.out.chars().all(is_plain) && !run.out.contains('\u{202e}'), "{}", run.out);
    }
    assert!(text.out.contains("31m</failure>\"}<&]]>"), "{}", text.out);
    let report: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(report["verdict"], "passed");
    let xml = std::fs::read_to_string(path).unwrap();
    let document = Document::parse(&xml).unwrap();
    let failures: Vec<_> = document.descendants().filter(|node| node.has_tag_name("failure")).collect();
    assert_eq!(failures.len(), 1, "{xml}");
    assert!(failures[0].attribute("message").unwrap().contains("31m</failure>\"}<&]]>"), "{xml}");
}
