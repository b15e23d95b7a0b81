//! Tokens that fail do not affect other tokens, and waiting for other calls is no failure.

use std::time::Duration;

use testkit::{StillClock, pass};

use super::fixture::{Behavior, Fixture, SECOND, Server, shown};
use crate::introspection::calls::origin::Origin;
use crate::introspection::introspector::Introspected;

#[tokio::test]
async fn queued_calls_leave_the_circuit_closed() {
    // IN15
    let (clock, server) = (StillClock::start(), Server::start().await);
    let fixture = Fixture::new(&server);
    server.set(Behavior::Waits);
    for n in 0..74 {
        assert_eq!(fixture.ask_now(&format!("valid-{n}")), "pending");
    }
    server.has_received(64).await;
    clock.pass(SECOND).await;
    server.release();
    server.has_received(74).await;
    // The calls that were queued for half of their time are not slow themselves.
    clock.pass(Duration::from_millis(1_200)).await;
    fixture.has_calls_under_way(10).await;
    assert_eq!(fixture.ask_now("valid-0"), "active s");
    assert_eq!(fixture.ask_now("valid-other"), "pending");
    server.release();
}

#[tokio::test]
async fn call_without_a_place_is_no_failure() {
    // IN15
    let (clock, server) = (StillClock::start(), Server::start().await);
    let fixture = Fixture::new(&server);
    server.set(Behavior::Waits);
    let begin = |range: std::ops::Range<usize>| {
        range.for_each(|n| assert_eq!(fixture.ask_now(&format!("valid-{n}")), "pending"));
    };
    begin(0..64);
    server.has_received(64).await;
    clock.pass(SECOND / 2).await;
    begin(64..138);
    // Their tasks begin to wait now. The runtime polls 61 of them for one poll of the test.
    for _ in 0..4 {
        tokio::task::yield_now().await;
    }
    clock.pass(Duration::from_millis(900)).await;
    server.release();
    server.has_received(128).await;
    // Now the last ten calls have waited for two seconds, and the others for less.
    clock.pass(Duration::from_millis(1_200)).await;
    fixture.has_calls_under_way(64).await;
    assert_eq!(fixture.ask_now("valid-137"), "pending", "its first call was given up");
    assert_eq!(fixture.ask_now("valid-other"), "pending");
    server.release();
}

#[tokio::test]
async fn queued_calls_are_bounded_for_verified_tokens_too() {
    // IN15
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    server.set(Behavior::Waits);
    let ask = |n: usize| match fixture.look_up_as(&format!("valid-{n}"), Origin::Verified) {
        Introspected::Settled(outcome) => shown(&outcome),
        Introspected::Pending(_) => "pending".to_owned(),
    };
    assert!((0..64 + 1_024).all(|n| ask(n) == "pending"));
    assert_eq!(ask(2_000), "undecided 1");
    assert_eq!(ask(1), "pending", "a call of its own is under way");
    assert_eq!(fixture.ask_now("valid-unseen"), "pending", "unseen tokens have places of their own");
}

/// Asks about ten tokens whose response differs, and then about two usual ones.
async fn ask_beside(behavior: Behavior) -> (String, String) {
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    assert_eq!(fixture.ask("valid-known").await, "active s");
    pass(10 * SECOND).await;
    server.set(behavior);
    let mut differing = Vec::new();
    for n in 0..10 {
        differing.push(fixture.ask(&format!("evil-{n}")).await);
    }
    differing.dedup();
    (differing.join(", "), [fixture.ask("valid").await, fixture.ask("valid-known").await].join(", "))
}

#[tokio::test]
async fn response_about_one_token_leaves_others_alone() {
    // IN05, IN06
    let large = format!(r#"{{"active":true,"x":"{}"}}"#, "x".repeat(300_000)).into_bytes();
    let (json, html) = ("application/json", "text/html");
    for (status, content_type, body) in [
        (403, html, b"<html>blocked</html>".to_vec()),
        (403, json, b"{}".to_vec()),
        (200, json, large),
        (200, json, b"{\"active\":true,\"name\":\"\xff\"}".to_vec()),
        (400, json, Vec::new()),
    ] {
        let shown = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
        let (differing, others) =
            ask_beside(Behavior::Differs(status, "content-type", content_type, body)).await;
        assert_eq!(differing, "undecided 1", "{status} {shown}");
        assert_eq!(others, "active s, active s", "{status} {shown}");
    }
}

#[tokio::test]
async fn rejection_of_our_credentials_suspends_unseen_tokens() {
    // IN05, IN13: the endpoint accepts them for a token that was accepted before.
    for (status, header, value, body) in [
        (401, "content-type", "text/html", ""),
        (403, "www-authenticate", "Basic", ""),
        (403, "content-type", "application/json", r#"{"error":"access_denied"}"#),
    ] {
        let (_, others) = ask_beside(Behavior::Differs(status, header, value, body.into())).await;
        assert_eq!(others, "misconfigured, active s", "{status} {header}");
    }
}

#[tokio::test]
async fn different_accepted_tokens_without_result_open_the_circuit() {
    // IN05
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    let known = ["valid-0", "valid-1", "valid-2", "valid-3", "valid-4", "valid-5"];
    for token in known {
        assert_eq!(fixture.ask(token).await, "active s");
    }
    pass(10 * SECOND).await;
    server.set(Behavior::Responds(403, "text/html", "", "<html>".to_owned()));
    for token in ["valid-0", "valid-0", "valid-0", "valid-0", "valid-0", "valid-0"] {
        assert_eq!(fixture.ask(token).await, "undecided 1", "one token opens nothing");
    }
    for token in &known[1..5] {
        assert_eq!(fixture.ask(token).await, "undecided 1");
    }
    let calls = server.calls();
    assert_eq!(fixture.ask_now("valid-5"), "undecided 2");
    assert_eq!(server.calls(), calls, "the circuit is open");
    server.works();
    pass(2 * SECOND).await;
    assert_eq!(fixture.ask_now("valid-invented"), "undecided 1", "an accepted token probes first");
    assert_eq!(fixture.ask("valid-5").await, "active s");
    assert_eq!(fixture.ask("valid-invented").await, "active s");
}

#[tokio::test]
async fn endpoint_that_fails_for_invented_tokens_serves_known_ones() {
    // IN13, IN15
    let (json, html) = ("application/json", "text/html");
    for (status, content_type, body) in [(500, html, "<html>"), (200, json, "{}"), (404, json, "{}")] {
        let behavior = Behavior::Differs(status, "content-type", content_type, body.into());
        let (evil, others) = ask_beside(behavior).await;
        assert!(evil.ends_with("undecided 3") || evil.ends_with("undecided 2"), "suspended: {evil}");
        let [unseen, known] = others.split(", ").collect::<Vec<_>>()[..] else { panic!("{others}") };
        assert!(unseen.starts_with("undecided"), "{unseen}");
        assert_eq!(known, "active s", "{status} {content_type}");
    }
}

#[tokio::test]
async fn known_token_that_fails_leaves_others_alone() {
    // IN13: its issuer has signed it, so an attacker has not invented it.
    for (status, content_type, body) in [(500, "text/html", "<html>"), (200, "application/json", "{}")] {
        let server = Server::start().await;
        let fixture = Fixture::new(&server);
        assert_eq!(fixture.ask_verified("valid").await, "active s");
        pass(10 * SECOND).await;
        server.set(Behavior::Differs(status, "content-type", content_type, body.into()));
        for _ in 0..20 {
            assert_eq!(fixture.ask_verified("evil").await, "undecided 1", "{status}");
        }
        assert_eq!(fixture.ask("valid").await, "active s", "{status}");
        assert_eq!(fixture.ask("valid-unseen").await, "active s", "{status}");
    }
}

#[tokio::test]
async fn failing_token_does_not_keep_the_circuit_open() {
    // IN13, IN15
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    for n in 0..5 {
        assert_eq!(fixture.ask(&format!("valid-{n}")).await, "active s");
    }
    assert_eq!(fixture.ask("valid-poison").await, "active s");
    pass(10 * SECOND).await;
    server.fails(500);
    for n in 0..5 {
        assert_eq!(fixture.ask(&format!("valid-{n}")).await, "undecided 1");
    }
    pass(2 * SECOND).await;
    assert_eq!(fixture.ask("valid-poison").await, "undecided 1", "the probe");
    server.works();
    pass(2 * SECOND).await;
    assert_eq!(fixture.ask_now("valid-poison"), "undecided 1", "another token probes first");
    assert_eq!(fixture.ask("valid-0").await, "active s");
}
