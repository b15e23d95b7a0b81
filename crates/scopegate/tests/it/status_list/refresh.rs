//! When is a list fetched, and how many lists are there?

use std::time::Duration;

use scopegate::{Error, StatusList, Verifier};
use serde_json::json;
use testkit::{KEY, pass};

use super::fixture::{Reply, Server, list, sign, token_of};

const MINUTE: Duration = Duration::from_secs(60);

fn is_unavailable<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::StatusUnavailable { .. }))
}

/// Publishes a list for each name.
fn publish_all(server: &Server, names: impl Iterator<Item = usize>) {
    for name in names {
        let uri = server.uri_of(&name.to_string());
        server.reply(&name.to_string(), Reply::Document(sign(&list(&uri, 8, &[0, 1]))));
    }
}

async fn verify(verifier: &Verifier, server: &Server, name: usize) -> Result<(), Error> {
    let token = token_of(&server.uri_of(&name.to_string()), 0).sign_with(&KEY);
    verifier.verify_or_refresh(token).await.map(drop)
}

#[tokio::test]
async fn thousand_first_requests_cause_one_fetch() {
    // SL15
    let server = Server::start().await;
    server.publish(&[0; 1_000]);
    let verifier = server.verifier(StatusList::required());
    let first: Vec<_> = (0..1_000)
        .map(|index| {
            let (verifier, token) = (verifier.clone(), server.token(index).sign_with(&KEY));
            tokio::spawn(async move { verifier.verify_or_refresh(token).await.is_ok() })
        })
        .collect();
    for first in first {
        assert!(first.await.unwrap());
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn verify_does_not_wait_for_a_list() {
    // SL15
    let server = Server::start().await;
    server.publish(&[0]);
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).sign_with(&KEY);
    assert!(is_unavailable(&verifier.verify(&token)));
    while verifier.verify(&token).is_err() {
        tokio::task::yield_now().await;
    }
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn changed_status_is_seen_after_the_ttl() {
    // SL07, SL15, SL17
    for (ttl, before, after) in [(json!(100), 69, 90), (json!(1), 20, 27), (json!(1e9), 30_000, 38_100)] {
        let server = Server::start().await;
        let mut payload = server.payload(8, &[0]);
        payload["ttl"] = ttl;
        server.reply("1", Reply::Document(sign(&payload)));
        let verifier = server.verifier(StatusList::required());
        let token = server.token(0).sign_with(&KEY);
        assert!(verifier.verify_or_refresh(&token).await.is_ok());
        server.publish(&[1]);
        pass(Duration::from_secs(before)).await;
        server.set_clock(before.try_into().unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(verifier.verify(&token).is_ok() && server.requests() == 1);
        pass(Duration::from_secs(after - before)).await;
        while verifier.verify(&token).is_ok() {
            tokio::task::yield_now().await;
        }
        assert!(matches!(verifier.verify(&token), Err(Error::InvalidStatus { found: Some(1), .. })));
        assert_eq!(server.requests(), 2);
    }
}

#[tokio::test]
async fn failed_refresh_is_retried_with_backoff() {
    // SL14
    let server = Server::start().await;
    server.publish(&[0]);
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).sign_with(&KEY);
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    server.reply("1", Reply::Status(503));
    pass(Duration::from_secs(265)).await;
    server.until_requests(2).await;
    server.publish(&[1]);
    while verifier.verify(&token).is_ok() {
        pass(Duration::from_millis(100)).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(server.requests(), 3);
}

#[tokio::test]
async fn request_after_suspension_waits_for_a_fetch() {
    // SL15: the wall clock has advanced, and the timers of the runtime have not.
    let server = Server::start().await;
    server.publish(&[0]);
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).sign_with(&KEY);
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    server.publish(&[1]);
    server.set_clock(300 + 9);
    assert!(verifier.verify_or_refresh(&token).await.is_ok() && server.requests() == 1);
    server.set_clock(300 + 10);
    let result = verifier.verify_or_refresh(&token).await;
    assert!(matches!(result, Err(Error::InvalidStatus { .. })), "{result:?}");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn number_of_lists_is_bounded() {
    // SL15
    let server = Server::start().await;
    publish_all(&server, 0..1_000);
    let verifier = server.verifier(StatusList::required().max_lists(4));
    for name in 0..1_000 {
        let result = verify(&verifier, &server, name).await;
        assert_eq!(result.is_ok(), name < 4, "{name}: {result:?}");
        assert!(name < 4 || is_unavailable(&result), "{result:?}");
    }
    assert_eq!(server.requests(), 4);
    assert_eq!(verifier.status().issuers()[0].status_lists.len(), 4);
}

#[tokio::test]
async fn unused_list_makes_room_for_another() {
    // SL15
    let server = Server::start().await;
    publish_all(&server, 0..4);
    let verifier = server.verifier(StatusList::required().max_lists(2));
    for name in [0, 1] {
        assert!(verify(&verifier, &server, name).await.is_ok());
    }
    assert!(is_unavailable(&verify(&verifier, &server, 2).await));
    pass(MINUTE).await;
    // List 0 is in use.
    assert!(verify(&verifier, &server, 0).await.is_ok());
    assert!(verify(&verifier, &server, 2).await.is_ok());
    assert!(verify(&verifier, &server, 0).await.is_ok());
    assert_eq!(server.requests(), 3);
    // The cached token of list 1 starts it again once list 2 was unused from one search to the next.
    for is_searched in [false, true] {
        assert!(is_unavailable(&verify(&verifier, &server, 1).await), "{is_searched}");
        pass(MINUTE).await;
        assert!(verify(&verifier, &server, 0).await.is_ok());
    }
    assert!(verify(&verifier, &server, 1).await.is_ok());
    assert_eq!(server.requests(), 4);
}

#[tokio::test]
async fn idle_list_is_not_fetched() {
    // SL15
    let server = Server::start().await;
    server.publish(&[0]);
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).sign_with(&KEY);
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    let mut after_an_hour = 0;
    for minute in 1..=300 {
        pass(MINUTE).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        if minute == 90 {
            after_an_hour = server.requests();
        }
    }
    assert!((10..=20).contains(&after_an_hour), "{after_an_hour}");
    assert_eq!(server.requests(), after_an_hour);
    assert_eq!(verifier.status().issuers()[0].status_lists[0].bytes, 0);
    // The next token is worth a fetch.
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    assert_eq!(server.requests(), after_an_hour + 1);
}

#[tokio::test]
async fn lists_end_with_the_trust_in_their_issuer() {
    // SL15
    let server = Server::start().await;
    server.publish(&[0]);
    let verifier = server.verifier(StatusList::required());
    let token = server.token(0).sign_with(&KEY);
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    assert!(verifier.distrust(testkit::ISSUER).unwrap());
    pass(10 * MINUTE).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(verifier.verify(&token).is_err() && server.requests() == 1);

    // Other rules, and another fetch.
    verifier.trust(server.issuer(StatusList::optional())).unwrap();
    assert!(verifier.verify_or_refresh(&token).await.is_ok() && server.requests() == 2);
    verifier.trust(server.issuer(StatusList::optional())).unwrap();
    assert!(verifier.verify_or_refresh(&token).await.is_ok() && server.requests() == 2);
}

#[tokio::test]
async fn changed_rules_of_the_issuer_keep_its_lists() {
    // SL15: each change would otherwise make all tokens wait for a fetch.
    let server = Server::start().await;
    server.publish(&[0, 1]);
    let verifier = server.verifier(StatusList::required());
    let (valid, revoked) = (server.token(0).sign_with(&KEY), server.token(1).sign_with(&KEY));
    assert!(verifier.verify_or_refresh(&valid).await.is_ok());
    server.reply("1", Reply::Hangs);
    verifier.trust(server.issuer(StatusList::required()).client("another")).unwrap();
    assert!(verifier.verify(&valid).is_ok());
    assert!(matches!(verifier.verify(&revoked), Err(Error::InvalidStatus { .. })));
    assert_eq!(server.requests(), 1);
    // They are fetched again when they are due.
    pass(10 * MINUTE).await;
    server.until_requests(2).await;
}

#[tokio::test]
async fn cached_token_is_looked_up_at_each_use() {
    // SL16, SL17
    let server = Server::start().await;
    server.publish(&[0]);
    for capacity in [4, 0] {
        let builder = server.builder().trust(server.issuer(StatusList::required()));
        let verifier = builder.cache_capacity(capacity).start_lazy().unwrap();
        let token = server.token(0).sign_with(&KEY);
        server.publish(&[0]);
        assert!(verifier.verify_or_refresh(&token).await.is_ok());
        assert!(verifier.verify_or_refresh(&token).await.is_ok() && verifier.verify(&token).is_ok());
        server.publish(&[1]);
        pass(Duration::from_secs(265)).await;
        while verifier.verify(&token).is_ok() {
            tokio::task::yield_now().await;
        }
        server.publish(&[0]);
        pass(Duration::from_secs(265)).await;
        while verifier.verify(&token).is_err() {
            tokio::task::yield_now().await;
        }
    }
}
