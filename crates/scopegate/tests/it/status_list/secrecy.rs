//! Do errors, the status and the log leave out the query of a list's URL? It may be a credential.

use scopegate::{Error, StatusList};
use serde_json::json;
use testkit::{KEY, Log};
use tracing::level_filters::LevelFilter;

use super::fixture::{Reply, Server, list, sign, token_of};

#[tokio::test]
async fn query_of_list_is_not_shown() {
    let log = Log::of_thread(LevelFilter::TRACE);
    let other = |query: &str| format!("https://elsewhere.example/2{query}");
    for (name, query, status, expected) in [
        ("invalid", "?sig=s3cret", 1, "expected status 0"),
        ("sub", "?sig=s3cret", 0, "is unavailable"),
        ("redirect", "?sig=s3cret", 0, "is unavailable"),
        ("missing", "?sig=s3cret", 0, "is unavailable"),
        ("long", &format!("?{}sig=s3cret", "a".repeat(2_048)), 0, "expected an https URL"),
        ("http://plain.example", "?sig=s3cret", 0, "expected an https URL"),
        ("https://elsewhere.example/1", "?sig=s3cret", 0, "a list at the origin"),
    ] {
        let server = Server::start().await;
        let uri =
            if name.starts_with("http") { format!("{name}{query}") } else { server.uri_of(name) + query };
        match name {
            "invalid" => server.reply(name, Reply::Document(sign(&list(&uri, 8, &[status])))),
            "sub" => server.reply(name, Reply::Document(sign(&list(&other(query), 8, &[status])))),
            "redirect" => server.reply(name, Reply::Redirect(other(query))),
            _ => {}
        }
        let verifier = server.verifier(StatusList::required());
        let error = verifier.verify_or_refresh(token_of(&uri, 0).sign_with(&KEY)).await.unwrap_err();
        let (status, shown) = (format!("{:?}", verifier.status()), format!("{error} {error:?}"));
        assert!(shown.contains(expected), "{name}: {shown}");
        assert!(!shown.contains("s3cret") && !status.contains("s3cret"), "{name}: {shown} {status}");
        let found_elsewhere = status.contains("elsewhere.example/2?…");
        assert_eq!(found_elsewhere, ["sub", "redirect"].contains(&name), "{name}: {status}");
    }
    let text = log.text();
    assert!(text.contains("status list fetch failed, no list yet"), "{text}");
    assert!(!text.lines().any(|line| line.contains("scopegate::") && line.contains("s3cret")), "{text}");
}

#[tokio::test]
async fn uri_that_is_no_string_is_shown_by_type() {
    let server = Server::start().await;
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).claim("status", json!({ "status_list": { "idx": 0, "uri": 7 } }));
    let error = verifier.verify(token.sign_with(&KEY)).unwrap_err();
    assert!(
        matches!(error, Error::MalformedClaim { .. }) && error.to_string().contains("a number"),
        "{error}"
    );
}
