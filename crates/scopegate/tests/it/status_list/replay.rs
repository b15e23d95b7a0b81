//! Can an older list replace a newer one, or an old list stay in use?

use std::time::Duration;

use scopegate::{Error, ErrorKind, StatusList, Verifier};
use serde_json::{Value, json};
use testkit::{KEY, NOW, pass};

use super::fixture::{Reply, Server, list, sign, token_of};

const MINUTE: Duration = Duration::from_secs(60);

/// Publishes a list of one status that was issued at this time.
fn publish(server: &Server, name: &str, issued_at: u64, status: u8, exp: Option<u64>) {
    let mut payload: Value = list(&server.uri_of(name), 8, &[status]);
    payload["iat"] = json!(issued_at);
    if let Some(exp) = exp {
        payload["exp"] = json!(exp);
    }
    server.reply(name, Reply::Document(sign(&payload)));
}

async fn verify(verifier: &Verifier, server: &Server, name: &str) -> Result<(), Error> {
    let token = token_of(&server.uri_of(name), 0).sign_with(&KEY);
    verifier.verify_or_refresh(token).await.map(drop)
}

fn failure(verifier: &Verifier) -> Option<String> {
    verifier.status().issuers()[0].status_lists[0].last_failure.clone()
}

fn is_revoked(result: &Result<(), Error>) -> bool {
    matches!(result, Err(Error::InvalidStatus { found: Some(1), .. }))
}

#[tokio::test]
async fn older_list_does_not_replace_a_newer_one() {
    // SL07, SL14: a replayed list would make a revoked token valid again.
    for (earlier, replaces) in [(0, true), (1, false)] {
        let server = Server::start().await;
        publish(&server, "1", NOW, 1, None);
        let verifier = server.verifier(StatusList::required());
        assert!(is_revoked(&verify(&verifier, &server, "1").await));
        publish(&server, "1", NOW - earlier, 0, None);
        pass(Duration::from_secs(265)).await;
        server.until_requests(2).await;
        // Until the second fetch has an effect.
        for _ in 0..1_000 {
            tokio::time::sleep(Duration::from_millis(1)).await;
            if verify(&verifier, &server, "1").await.is_ok() || failure(&verifier).is_some() {
                break;
            }
        }
        assert_eq!(verify(&verifier, &server, "1").await.is_ok(), replaces);
        let reason = "the list is older than an earlier one: expected an `iat` of 2027-";
        assert_eq!(failure(&verifier).is_some_and(|failure| failure.starts_with(reason)), !replaces);
    }
}

#[tokio::test]
async fn dropped_list_is_not_replaced_by_an_older_one() {
    // SL07, SL15: the list made room for another one, or no token used it for an hour.
    for drops_for_another in [true, false] {
        for (earlier, kind) in [(0, None), (1, Some(ErrorKind::StatusUnavailable))] {
            let server = Server::start().await;
            publish(&server, "1", NOW, 1, None);
            publish(&server, "2", NOW, 0, None);
            let verifier = server.verifier(StatusList::required().max_lists(1));
            assert!(is_revoked(&verify(&verifier, &server, "1").await));
            publish(&server, "1", NOW - earlier, 0, None);
            if drops_for_another {
                // The first search for an unused list spares it.
                assert!(verify(&verifier, &server, "2").await.is_err());
                for name in ["2", "1"] {
                    for _ in 0..2 {
                        pass(MINUTE).await;
                        let _ = verify(&verifier, &server, name).await;
                    }
                }
            } else {
                // Its one fetch within the hour fails.
                server.reply("1", Reply::Status(500));
                for _ in 0..90 {
                    pass(MINUTE).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                assert_eq!(verifier.status().issuers()[0].status_lists[0].bytes, 0);
                publish(&server, "1", NOW - earlier, 0, None);
            }
            let result = verify(&verifier, &server, "1").await;
            let found = result.as_ref().err().map(Error::kind);
            assert_eq!(found, kind, "{drops_for_another} {earlier}: {result:?}");
        }
    }
}

#[tokio::test]
async fn list_without_expiry_is_as_old_as_its_iat() {
    // SL14: a replayed list would otherwise be as new as its last fetch.
    let max_stale = Duration::from_secs(3_600);
    for (age, exp, usable) in [
        (3_599, None, true),
        (3_600, None, false),
        (3_600, Some(NOW + 1), true),
        (1_000_000, Some(NOW + 1), true),
    ] {
        let server = Server::start().await;
        publish(&server, "1", NOW - age, 0, exp);
        let verifier = server.verifier(StatusList::required().max_stale(max_stale));
        let result = verify(&verifier, &server, "1").await;
        assert_eq!(result.is_ok(), usable, "{age} {exp:?}: {result:?}");
        let reason = "the list has no `exp` and is too old: expected an `iat` within 3600 s, found 2027-";
        assert_eq!(failure(&verifier).is_some_and(|failure| failure.starts_with(reason)), !usable);
        server.set_clock(1);
        assert!(verify(&verifier, &server, "1").await.is_err(), "{age} {exp:?}");
    }
}
