//! Which responses bring a list, and what happens without one?

use std::time::Duration;

use scopegate::{Error, ErrorKind, StatusList};
use serde_json::json;
use testkit::{KEY, NOW, pass};

use super::fixture::{Reply, Server, sign};

#[tokio::test]
async fn list_is_requested_by_its_media_type() {
    // SL14
    let server = Server::start().await;
    server.publish(&[0]);
    assert!(
        server
            .verifier(StatusList::required())
            .verify_or_refresh(server.token(0).sign_with(&KEY))
            .await
            .is_ok()
    );
    assert_eq!(server.accept().as_deref(), Some("application/statuslist+jwt"));
}

#[tokio::test]
async fn redirects_within_the_origin_are_followed() {
    // SL14
    let (server, other) = (Server::start().await, Server::start().await);
    let document = Reply::Document(sign(&server.payload(8, &[0])));
    server.reply("end", document.clone());
    other.reply("end", document);
    let result = async |target: String| {
        server.reply("1", Reply::Redirect(target));
        server
            .verifier(StatusList::required())
            .verify_or_refresh(server.token(0).sign_with(&KEY))
            .await
            .is_ok()
    };
    assert!(result("/end".to_owned()).await);
    assert!(result(server.uri_of("end")).await);
    for target in [other.uri_of("end"), String::new(), "ftp://x/end".to_owned(), "http://[".to_owned()] {
        assert!(!result(target.clone()).await, "{target}");
    }
    assert_eq!(other.requests(), 0);
    // At most three.
    server.reply("2", Reply::Redirect("/3".to_owned()));
    server.reply("3", Reply::Redirect("/end".to_owned()));
    assert!(result("/2".to_owned()).await);
    server.reply("3", Reply::Redirect("/4".to_owned()));
    server.reply("4", Reply::Redirect("/end".to_owned()));
    assert!(!result("/2".to_owned()).await);
}

#[tokio::test]
async fn other_responses_bring_no_list() {
    // SL14
    let server = Server::start().await;
    let page = "<!doctype html><title>Sign in</title>".to_owned();
    let large = "a".repeat((2 << 20) + 1);
    for reply in [
        Reply::Status(500),
        Reply::Status(404),
        Reply::Status(204),
        Reply::Document(page),
        Reply::Document(large),
    ] {
        server.reply("1", reply);
        let verifier = server.verifier(StatusList::required());
        let token = server.token(0).sign_with(&KEY);
        let error = verifier.verify_or_refresh(&token).await.unwrap_err();
        assert_eq!((error.kind(), error.kind().status()), (ErrorKind::StatusUnavailable, 503));
        let Error::StatusUnavailable { retry_after, .. } = error else { panic!("{error:?}") };
        assert_eq!(retry_after, Duration::from_secs(1));
        let status = verifier.status().issuers()[0].status_lists[0].clone();
        assert!(!status.usable && status.last_failure.is_some() && status.bytes == 0);
    }
}

#[tokio::test]
async fn current_list_is_used_until_its_expiry() {
    // SL14
    let server = Server::start().await;
    let mut payload = server.payload(8, &[0]);
    payload["exp"] = json!(NOW + 1_000);
    server.reply("1", Reply::Document(sign(&payload)));
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).sign_with(&KEY);
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    server.reply("1", Reply::Status(500));
    // The default period is 5 min.
    pass(Duration::from_secs(265)).await;
    server.set_clock(265);
    server.until_requests(2).await;
    for seconds in [265, 999] {
        server.set_clock(seconds);
        assert!(verifier.verify_or_refresh(&token).await.is_ok(), "{seconds}");
    }
    server.set_clock(1_000);
    let error = verifier.verify_or_refresh(&token).await.unwrap_err();
    assert!(matches!(error, Error::StatusUnavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn list_without_expiry_ends_at_stale_limit() {
    // SL14
    let server = Server::start().await;
    server.publish(&[0]);
    let verifier = server.verifier(StatusList::required().max_stale(Duration::from_secs(3_600)));
    let token = server.token(0).without_claim("iat").sign_with(&KEY);
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    server.reply("1", Reply::Status(500));
    for (seconds, usable) in [(3_599, true), (3_600, false), (-3_599, true), (-3_600, false)] {
        server.set_clock(seconds);
        assert_eq!(verifier.verify(&token).is_ok(), usable, "{seconds}");
    }
}

#[tokio::test]
async fn stalled_server_delays_a_request_two_seconds() {
    // SL15
    let server = Server::start().await;
    server.reply("1", Reply::Hangs);
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).sign_with(&KEY);
    let begin = tokio::time::Instant::now();
    let wait = async {
        server.until_requests(1).await;
        pass(Duration::from_millis(1_900)).await;
    };
    let (result, ()) = tokio::join!(verifier.verify_or_refresh(&token), wait);
    assert!(matches!(result, Err(Error::StatusUnavailable { .. })), "{result:?}");
    assert!((2_000..4_000).contains(&begin.elapsed().as_millis()), "{:?}", begin.elapsed());
}
