//! The contents of a line.

use audit::audit::WhenFull;
use axum::http::StatusCode;
use serde_json::json;
use testkit::{CLIENT, ISSUER, NOW, Token as _, cognito_token};

use crate::service::{Folder, SCOPE, Service, lines, token};

#[tokio::test]
async fn each_decision_is_one_line() {
    let folder = Folder::new();
    let path = folder.file("audit.jsonl");
    let service = Service::start(&path, WhenFull::CountLosses);
    let expired = cognito_token().claim("jti", "old").expires_at(NOW - 1).compact();
    let mut statuses = Vec::new();
    for token in [Some(&*token("a")), None, Some(&*expired), Some(&*cognito_token().scope("other").compact())]
    {
        statuses.push(service.get(token).await);
    }
    service.close().await.unwrap();
    let lines = lines(&path);
    assert_eq!(lines.len(), 4);
    for (line, (status, id)) in lines.iter().zip(&statuses) {
        assert_eq!(
            (line["status"].as_u64(), line["request_id"].as_str()),
            (Some(status.as_u16().into()), id.as_deref())
        );
        assert_eq!((&line["method"], &line["route"]), (&json!("GET"), &json!("/orders/{id}")));
        assert!(line["time"].as_str().unwrap().ends_with('Z'));
    }
    let decided =
        |index: usize| (lines[index]["decision"].as_str().unwrap(), lines[index]["reason"].as_str().unwrap());
    assert_eq!(decided(0), ("accepted", "accepted"));
    assert_eq!(decided(1), ("rejected", "no_credentials"));
    assert_eq!(decided(2), ("rejected", "expired"));
    assert_eq!(decided(3), ("rejected", "insufficient_scope"));
    let verified = &lines[0]["token"];
    assert_eq!((&verified["issuer"], &verified["client_id"]), (&json!(ISSUER), &json!(CLIENT)));
    assert_eq!((&verified["jti"], &verified["scopes"]), (&json!("a"), &json!([SCOPE])));
    assert_eq!((&lines[2]["unverified"]["jti"], lines[2].get("token")), (&json!("\"old\""), None));
    assert_eq!(lines[3]["token"]["scopes"], json!(["other"]));
}

#[tokio::test]
async fn token_is_in_no_line() {
    let folder = Folder::new();
    let path = folder.file("audit.jsonl");
    let service = Service::start(&path, WhenFull::CountLosses);
    let valid = token("a");
    let (begin, _) = valid.rsplit_once('.').unwrap();
    let forged = format!("{begin}.AAAA");
    for token in [&valid, &forged] {
        service.get(Some(token)).await;
    }
    service.close().await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text.lines().count(), 2);
    for part in valid.split('.').chain(["AAAA"]) {
        assert!(!text.contains(part), "{part}");
    }
}

#[tokio::test]
async fn names_cannot_forge_or_hide_lines() {
    let folder = Folder::new();
    let path = folder.file("audit.jsonl");
    let service = Service::start(&path, WhenFull::CountLosses);
    let hostile = "a\n{\"decision\":\"accepted\"}\r\u{1b}[2K\u{9b}2K\u{2028}\u{202e}\u{0}\u{7f}\"\\";
    let valid = cognito_token().scope(SCOPE).claim("sub", hostile).compact();
    let forged = cognito_token().claim("sub", hostile).claim("aud", "x").issued_at(NOW - 7_200).compact();
    assert_eq!(service.get(Some(&valid)).await.0, StatusCode::OK);
    assert_eq!(service.get(Some(&forged)).await.0, StatusCode::UNAUTHORIZED);
    service.close().await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let is_plain = |c: char| c == '\n' || c.is_ascii_graphic() || c == ' ';
    assert!(text.chars().all(is_plain), "{text:?}");
    let lines = lines(&path);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["token"]["subject"], hostile, "it can be read back");
}
