//! Cached results, rejected tokens, and requests that share a call.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use scopegate_proto::client_auth::{Authenticator, ClientAuthentication};
use serde_json::json;
use testkit::{AUDIENCE, NOW, pass, poll_once};
use tokio::runtime::Handle;

use super::fixture::{Behavior, Fixture, SECOND, SETTINGS, Server, settled};
use crate::introspection::calls::budget::UnseenTokens;
use crate::introspection::endpoint::Credentials;
use crate::introspection::introspector::{Introspected, Settings};

#[tokio::test]
async fn result_is_used_for_ten_seconds() {
    // IN11
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    pass(7 * SECOND).await;
    assert_eq!(fixture.ask_now("valid"), "active s");
    assert_eq!(server.calls(), 1);
    pass(3 * SECOND).await;
    assert_eq!(fixture.ask_now("valid"), "pending");
    assert_eq!(fixture.ask("valid").await, "active s");
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn result_in_use_is_renewed_in_the_background() {
    // IN11
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    server.set(Behavior::Waits);
    pass(9 * SECOND).await;
    assert!((0..100).all(|_| fixture.ask_now("valid") == "active s"), "no request waits");
    server.has_received(2).await;
    server.release();
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    pass(7 * SECOND).await;
    assert_eq!(fixture.ask_now("valid"), "active s", "by the second result");
    assert_eq!(server.calls(), 2);
}

#[tokio::test]
async fn evicted_result_needs_no_budget() {
    // IN12
    let server = Server::start().await;
    let unseen = UnseenTokens { burst: 100, per_second: 1 };
    let settings = Settings { cached: 4, unseen, ..SETTINGS };
    let fixture = Fixture::with_settings(&server, Fixture::client("s"), settings, &Handle::current());
    for round in 1..=2 {
        for n in 0..100 {
            assert_eq!(fixture.ask(&format!("valid-{n}")).await, "active s");
        }
        assert!(server.calls() > 90 * round, "results were evicted");
    }
}

#[tokio::test]
async fn large_result_is_cached() {
    // IN11
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    for length in [20_000, 63 * 1_024] {
        let body = json!({ "active": true, "aud": AUDIENCE, "sub": "s", "x": "x".repeat(length) });
        let body = body.to_string().into_bytes();
        server.set(Behavior::Differs(200, "content-type", "application/json", body));
        let token = format!("evil-{length}");
        assert_eq!(fixture.ask(&token).await, "active s");
        assert_eq!(fixture.ask_now(&token), "active s", "{length}");
    }
}

#[tokio::test]
async fn successor_takes_over_tokens_and_results() {
    // IN12, IN16
    let server = Server::start().await;
    let first = Fixture::new(&server);
    let unseen = UnseenTokens { burst: 1, per_second: 1 };
    assert_eq!(first.ask("valid").await, "active s");
    let other = ClientAuthentication::client_secret_basic("other-api", "s3cret-of-api");
    let other = Credentials::Client(Authenticator::new(other).unwrap());
    for (credentials, same_rules, expected) in [
        (Fixture::client("new secret"), true, "active s"),
        (Fixture::client("new secret"), false, "pending"),
        (other, true, "pending"),
    ] {
        let settings = Settings { unseen, cached: SETTINGS.cached, ..SETTINGS };
        let mut next = Fixture::with_settings(&server, credentials, settings, &Handle::current());
        let introspector = Arc::get_mut(&mut next.introspector).unwrap();
        introspector.take_over(&first.introspector, same_rules);
        assert_eq!(next.ask_now("valid-unseen"), "pending", "the budget is one call");
        assert_eq!(next.ask_now("valid-other"), "undecided 1");
        assert_eq!(next.ask_now("valid"), expected, "it was accepted before");
    }
}

#[tokio::test]
async fn suspended_machine_uses_no_old_result() {
    // IN11
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid").await, "active s");
    fixture.clock.store(NOW + 10, Ordering::Relaxed);
    assert_eq!(fixture.ask_now("valid"), "pending");
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
    let mut cancelled = Box::pin(settled(&first));
    assert!(poll_once(&mut cancelled).await.is_none());
    drop(cancelled);
    let waiting: Vec<_> = (1..1_000).map(|_| pending(fixture.look_up("valid"))).collect();
    for pending in waiting {
        assert_eq!(super::fixture::shown(&settled(&pending).await), "active s");
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
