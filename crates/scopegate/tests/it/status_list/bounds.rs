//! How many fetches can one issuer cause, and how much memory do its lists take?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scopegate::{Error, Issuer, StatusList, Verifier};
use serde_json::json;
use testkit::{CLIENT, KEY, NOW, jwks, listen, pass, read_request};
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinHandle;

use super::fixture::{Reply, Server, list, sign, token_of};

async fn verify(verifier: &Verifier, server: &Server, name: usize) -> Result<(), Error> {
    let token = token_of(&server.uri_of(&name.to_string()), 0).sign_with(&KEY);
    verifier.verify_or_refresh(token).await.map(drop)
}

/// Returns an issuer with this name, which has the key of the fixtures.
fn issuer_of(name: &str) -> Issuer {
    let issuer = Issuer::from_jwks(name, &jwks([KEY.jwk()])).unwrap();
    issuer.client(CLIENT).status_list(StatusList::required())
}

/// Starts a server that announces documents of the largest size, and sends none. Returns its URL and
/// the number of its responses.
async fn stalling_server() -> (String, Arc<AtomicUsize>, JoinHandle<()>) {
    let (listener, url) = listen().await;
    let responses = Arc::new(AtomicUsize::new(0));
    let sent = Arc::clone(&responses);
    let server = tokio::spawn(async move {
        let mut streams = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            read_request(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2097152\r\n\r\n").await.unwrap();
            streams.push(stream);
            sent.fetch_add(1, Ordering::SeqCst);
        }
    });
    (url, responses, server)
}

#[tokio::test]
async fn documents_under_way_share_64_mib() {
    // SL12: sixteen documents and their decoded parts take all memory.
    for (issuers, has_room) in [(3, true), (4, false)] {
        let (url, responses, stalling) = stalling_server().await;
        let server = Server::start().await;
        server.publish(&[0]);
        let builder = server.builder().fetch_timeout(Duration::from_secs(30));
        let verifier = builder.trust(server.issuer(StatusList::required())).start_lazy().unwrap();
        for issuer in 0..issuers {
            let name = format!("{url}/{issuer}");
            verifier.trust(issuer_of(&name)).unwrap();
            for list in 0..4 {
                let token = token_of(&format!("{name}/{list}"), 0).claim("iss", json!(name));
                assert!(matches!(
                    verifier.verify(token.sign_with(&KEY)),
                    Err(Error::StatusUnavailable { .. })
                ));
            }
        }
        while responses.load(Ordering::SeqCst) < 4 * issuers {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        let token = server.token(0).sign_with(&KEY);
        assert_eq!(verifier.verify_or_refresh(&token).await.is_ok(), has_room);
        // The documents will not arrive.
        stalling.abort();
        while verifier.verify(&token).is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(server.requests(), 1);
    }
}

#[tokio::test]
async fn list_that_expires_at_once_is_fetched_with_pauses() {
    // SL07, SL14: each response is valid for a second.
    let server = Server::start().await;
    let verifier = server.verifier(StatusList::required());
    let publish = |seconds: u64| {
        let mut payload = server.payload(8, &[0]);
        payload["exp"] = json!(NOW + seconds + 1);
        server.reply("1", Reply::Document(sign(&payload)));
        server.set_clock(seconds.try_into().unwrap());
    };
    let token = server.token(0).sign_with(&KEY);
    publish(0);
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    for seconds in 1..=4 {
        publish(seconds);
        let error = verifier.verify_or_refresh(&token).await.unwrap_err();
        let Error::StatusUnavailable { retry_after, .. } = error else { panic!("{error:?}") };
        assert!((1..=5).contains(&retry_after.as_secs()), "{retry_after:?}");
    }
    assert_eq!(server.requests(), 1);
    pass(Duration::from_secs(5)).await;
    assert!(verifier.verify_or_refresh(&token).await.is_ok());
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn four_lists_of_an_issuer_are_fetched_at_once() {
    // SL15
    let server = Server::start().await;
    let verifier = server.verifier(StatusList::required());
    for name in 0..8 {
        server.reply(&name.to_string(), Reply::Hangs);
        let token = token_of(&server.uri_of(&name.to_string()), 0).sign_with(&KEY);
        assert!(verifier.verify(token).is_err());
    }
    server.until_requests(4).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(server.requests(), 4);
    // The lists of another issuer are fetched.
    let other = Server::start().await;
    verifier.trust(issuer_of(&other.url)).unwrap();
    other.publish(&[0]);
    let token = other.token(0).claim("iss", json!(other.url));
    let fetched = verifier.verify_or_refresh(token.sign_with(&KEY)).await;
    assert!(fetched.is_ok() && other.requests() == 1, "{fetched:?}");
}

/// Publishes lists of the largest size.
fn publish_largest(server: &Server, names: std::ops::Range<usize>) {
    for name in names {
        let payload = list(&server.uri_of(&name.to_string()), 8, &vec![0; 4 << 20]);
        server.reply(&name.to_string(), Reply::Document(sign(&payload)));
    }
}

#[tokio::test]
async fn lists_of_an_issuer_have_64_mib() {
    // SL12
    let server = Server::start().await;
    publish_largest(&server, 0..17);
    let verifier = server.verifier(StatusList::required().max_lists(20));
    for name in 0..17 {
        let result = verify(&verifier, &server, name).await;
        assert_eq!(result.is_ok(), name < 16, "{name}: {result:?}");
    }
    let status = verifier.status();
    let failures: Vec<_> =
        status.issuers()[0].status_lists.iter().filter_map(|list| list.last_failure.as_deref()).collect();
    assert_eq!(failures, ["the status lists of the issuer have more than 67108864 bytes"]);
}

#[tokio::test]
async fn distrusted_issuer_returns_its_memory_at_once() {
    // SL12: cached tokens hold the lists of the first four issuers, which had all memory.
    let server = Server::start().await;
    publish_largest(&server, 0..16);
    let verifier = server.verifier(StatusList::required());
    for round in 0..5 {
        for name in 0..16 {
            let token = token_of(&server.uri_of(&name.to_string()), 0).claim("round", json!(round));
            let result = verifier.verify_or_refresh(token.sign_with(&KEY)).await;
            assert!(result.is_ok(), "{round} {name}: {result:?}");
        }
        assert!(verifier.distrust(testkit::ISSUER).unwrap());
        verifier.trust(server.issuer(StatusList::required())).unwrap();
    }
}
