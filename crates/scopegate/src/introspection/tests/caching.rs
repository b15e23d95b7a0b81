//! Cached results, rejected tokens, and requests that share a call.

use std::sync::atomic::Ordering;

use testkit::{NOW, pass, poll_once};

use super::fixture::{Behavior, Fixture, SECOND, Server};
use crate::introspection::introspector::Introspected;

#[tokio::test]
async fn result_is_used_for_ten_seconds() {
    // IN11
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    pass(9 * SECOND).await;
    assert_eq!(fixture.ask_now("valid"), "active s");
    assert_eq!(server.calls(), 1);
    pass(SECOND).await;
    assert_eq!(fixture.ask("valid").await, "active s");
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn result_of_expiring_token_ends_with_it() {
    // IN11
    let server = Server::start().await;
    server.set(Behavior::Works { exp: NOW + 3 });
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    fixture.clock.store(NOW + 2, Ordering::Relaxed);
    assert_eq!(fixture.ask_now("valid"), "active s");
    fixture.clock.store(NOW + 3, Ordering::Relaxed);
    assert_eq!(fixture.ask_now("valid"), "pending");
    assert_eq!(fixture.ask("valid").await, "active s", "within the leeway, if the issuer says so");
    assert_eq!(server.calls(), 2);
    fixture.clock.store(NOW + 63, Ordering::Relaxed);
    assert!(fixture.ask("valid").await.starts_with("rejected: expired at"));
}

#[tokio::test]
async fn thousand_first_requests_make_one_call() {
    // IN14
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    let pending = |introspected| match introspected {
        Introspected::Pending(pending) => pending,
        Introspected::Settled(_) => panic!("nothing is known yet"),
    };
    let first = pending(fixture.look_up("valid"));
    let mut cancelled = Box::pin(first.settled());
    assert!(poll_once(&mut cancelled).await.is_none());
    drop(cancelled);
    let waiting: Vec<_> = (1..1_000).map(|_| pending(fixture.look_up("valid"))).collect();
    for pending in waiting {
        assert_eq!(super::fixture::shown(&pending.settled().await), "active s");
    }
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn rejected_token_is_asked_once_in_five_seconds() {
    // IN12
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    for _ in 0..1_000 {
        assert_eq!(fixture.ask("unknown").await, "inactive");
    }
    assert_eq!(server.calls(), 1);
    pass(5 * SECOND).await;
    assert_eq!(fixture.ask("unknown").await, "inactive");
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn flood_of_invented_tokens_is_bounded() {
    // IN12, IN13
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    let answers: Vec<String> = (0..10_000).map(|n| fixture.ask_now(&format!("invented-{n}"))).collect();
    let begun = answers.iter().filter(|answer| *answer == "pending").count();
    assert!((299..400).contains(&begun), "{begun} calls");
    assert!(answers.iter().all(|answer| answer == "pending" || answer == "undecided 1"));
    // A known token is cached, and is asked for again without a budget.
    assert_eq!(fixture.ask_now("valid"), "active s");
    pass(10 * SECOND).await;
    let spent = (0..2_000).filter(|n| fixture.ask_now(&format!("more-{n}")) == "pending").count();
    assert!(spent < 500, "{spent} calls");
    assert_eq!(fixture.ask("valid").await, "active s");
}

#[tokio::test]
async fn revoked_token_is_rejected_after_the_lifetime() {
    // IN13
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    let inactive = r#"{"active":false}"#.to_owned();
    server.set(Behavior::Responds(200, "application/json", "", inactive));
    assert_eq!(fixture.ask_now("valid"), "active s");
    pass(10 * SECOND).await;
    assert_eq!(fixture.ask("valid").await, "inactive");
    assert_eq!(fixture.ask_now("valid"), "inactive");
    server.works();
    pass(5 * SECOND).await;
    assert_eq!(fixture.ask("valid").await, "active s", "it may become active again");
}
