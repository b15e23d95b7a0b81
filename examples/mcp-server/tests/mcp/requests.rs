//! Requests that no official client sends. A tool must require its scope for each of them.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::Rig;

const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
const ACCEPT: &str = "application/json, text/event-stream";

fn call(tool: &str, arguments: &Value) -> String {
    json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": tool, "arguments": arguments } })
        .to_string()
}

fn write_note() -> String {
    call("write_note", &json!({ "text": "x" }))
}

impl Rig {
    fn post(&self, token: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.http.post(&self.url).bearer_auth(token).body(body);
        request.header("content-type", "application/json").header("accept", ACCEPT)
    }

    async fn notes(&self, token: &str) -> String {
        let answer = self.post(token, call("read_notes", &json!({}))).send().await.unwrap();
        let answer: Value = answer.error_for_status().unwrap().json().await.unwrap();
        answer.pointer("/result/content/0/text").unwrap().as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn writing_tool_requires_its_scope_in_any_request() {
    // F14, F15
    let rig = Rig::with_local_issuer().await;
    let reader = rig.token(&rig.url, "notes/read").await;
    let writer = rig.token(&rig.url, "notes/write").await;
    let lies = [("mcp-method", "tools/list"), ("mcp-name", "whoami")];
    let plain = rig.post(&reader, write_note());
    let headed = lies
        .iter()
        .fold(rig.post(&reader, write_note()), |request, (name, value)| request.header(*name, *value));
    let spaced = rig.post(&reader, format!("\n\t {}  ", write_note()));
    let escaped = rig.post(&reader, write_note().replace("write_note", r"\u0077rite_note"));
    // Unknown tools count as writing, and callers without the scope do not learn that they do not exist.
    let unknown = rig.post(&reader, call("delete_notes", &json!({})));
    let other_case = rig.post(&reader, call("Whoami", &json!({})));
    // Unknown methods count as writing, too.
    let method = |method: &str| {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": {} });
        rig.post(&reader, message.to_string())
    };
    let (custom, level) = (method("notes/purge"), method("logging/setLevel"));
    let odd = rig.post(&reader, write_note().replace(r#"{"text":"x"}"#, r#"["x"]"#));
    for request in [plain, headed, spaced, escaped, unknown, other_case, custom, level, odd] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
        assert!(challenge.contains(r#"scope="notes/write", error="insufficient_scope""#), "{challenge}");
        assert!(challenge.contains(METADATA), "{challenge}");
    }

    // More scopes would not make these valid.
    for body in [format!("[{}]", write_note()), "x".to_owned(), format!("\u{feff}{}", write_note())] {
        assert_eq!(rig.post(&reader, body).send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    }

    // None of these writes a note, regardless of the response.
    let twice = |first: &str, second: &str| {
        write_note().replace(r#""name":"write_note""#, &format!(r#""name":"{first}","name":"{second}""#))
    };
    for body in [
        twice("whoami", "write_note"),
        twice("write_note", "whoami"),
        write_note().replace(r#""method":"tools/call""#, r#""method":"tools/list","method":"tools/call""#),
        write_note().replace(r#""method":"tools/call""#, r#""method":"tools/call","method":"tools/list""#),
        write_note().replace(r#""id":1,"#, ""),
        format!("{}{}", call("whoami", &json!({})), write_note()),
    ] {
        rig.post(&reader, body).send().await.unwrap();
        assert_eq!(rig.notes(&reader).await, "");
    }

    assert_eq!(rig.post(&writer, write_note()).send().await.unwrap().status(), StatusCode::OK);
    assert_eq!(rig.notes(&reader).await, "local-agent: x");
}

#[tokio::test]
async fn write_scope_implies_reading() {
    // F16
    let rig = Rig::with_local_issuer().await;
    let writer = rig.token(&rig.url, "notes/write").await;
    assert_eq!(rig.notes(&writer).await, "");
    let foreign = rig.token("https://another.example/mcp", "notes/write").await;
    let refused = rig.post(&foreign, call("read_notes", &json!({}))).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_http_method_requires_token() {
    // F14, D07
    let rig = Rig::with_local_issuer().await;
    let token = rig.token(&rig.url, "notes/read").await;
    for method in ["GET", "POST", "DELETE", "PUT", "OPTIONS"] {
        let request = || rig.http.request(method.parse().unwrap(), &rig.url).header("accept", ACCEPT);
        let refused = request().send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{method}");
        assert!(refused.headers().contains_key("www-authenticate"), "{method}");
        // With a token, the request reaches rmcp, which decides about the method.
        let passed = request().bearer_auth(&token).send().await.unwrap();
        assert_ne!(passed.status(), StatusCode::UNAUTHORIZED, "{method}");
    }
}

#[tokio::test]
async fn body_over_limit_is_rejected() {
    let rig = Rig::with_local_issuer().await;
    let writer = rig.token(&rig.url, "notes/write").await;
    let of_length = |length: usize| format!("{}{}", write_note(), " ".repeat(length - write_note().len()));
    let bound = 64 * 1024;
    assert_eq!(rig.post(&writer, of_length(bound)).send().await.unwrap().status(), StatusCode::OK);
    let refused = rig.post(&writer, of_length(bound + 1)).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
    // The body of an unauthenticated request is read up to the same limit.
    let stranger = |length| rig.post("not-a-token", of_length(length)).send();
    assert_eq!(stranger(bound).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stranger(bound + 1).await.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn web_page_and_other_host_are_rejected() {
    let rig = Rig::with_local_issuer().await;
    let reader = rig.token(&rig.url, "notes/read").await;
    let call = || rig.post(&reader, call("whoami", &json!({})));
    assert_eq!(call().send().await.unwrap().status(), StatusCode::OK);
    let origin = rig.url.strip_suffix("/mcp").unwrap();
    for (name, value) in [("origin", origin), ("host", "rebound.example")] {
        let refused = call().header(name, value).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{name}");
        assert!(!refused.headers().contains_key("www-authenticate"), "{name}");
    }
}

#[tokio::test]
async fn named_server_accepts_only_its_own_host() {
    let rig = Rig::named("https://mcp.example/mcp").await;
    let address = rig.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
    let reader = rig.token("https://mcp.example/mcp", "notes/read").await;
    for (host, expected) in [("mcp.example", StatusCode::OK), (address, StatusCode::FORBIDDEN)] {
        let answer = rig.post(&reader, call("whoami", &json!({}))).header("host", host).send().await.unwrap();
        assert_eq!(answer.status(), expected, "{host}");
    }
}

#[tokio::test]
async fn rejection_before_body_keeps_connection_open() {
    // F14
    let rig = Rig::with_local_issuer().await;
    let address = rig.url.strip_prefix("http://").unwrap().strip_suffix("/mcp").unwrap();
    let mut connection = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /mcp HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    // A response on another connection shows that the server has had time to read the head.
    let refused = rig.http.post(&rig.url).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let next = format!("{{}}GET {METADATA} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(next.as_bytes()).await.unwrap();
    let mut answers = String::new();
    connection.read_to_string(&mut answers).await.unwrap();
    let statuses: Vec<_> =
        answers.split("HTTP/1.1 ").skip(1).map(|answer| answer.lines().next().unwrap()).collect();
    assert_eq!(statuses, ["401 Unauthorized", "200 OK"]);
}
