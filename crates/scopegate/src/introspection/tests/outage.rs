//! Endpoints that fail, credentials that are rejected, and the circuit breaker.

use std::sync::atomic::Ordering;
use std::time::Duration;

use testkit::{NOW, pass};
use tokio::runtime::{Builder, Handle};
use tokio::time::Instant;

use super::fixture::{Behavior, Fixture, LIFETIMES, SECOND, Server, settled};
use crate::introspection::freshness::Lifetimes;
use crate::introspection::introspector::Introspected;

#[tokio::test]
async fn unusable_response_decides_nothing() {
    // IN06, IN21
    let server = Server::start().await;
    let json = "application/json";
    let large = format!(r#"{{"active":false,"x":"{}"}}"#, "x".repeat(300_000));
    for (status, content_type, retry_after, body, expected) in [
        (429, json, "7", "", "undecided 7"),
        (500, json, "", r#"{"active":false}"#, "undecided 1"),
        (503, json, "1000", "", "undecided 60"),
        (302, json, "", r#"{"active":true}"#, "undecided 1"),
        (404, json, "", "", "undecided 1"),
        (200, "text/html", "", r#"{"active":true}"#, "undecided 1"),
        (200, json, "", "<html>", "undecided 1"),
        (200, json, "", r#"{"active":fal"#, "undecided 1"),
        (200, json, "", r#"{"active":false,"active":false}"#, "undecided 1"),
        (200, json, "", r#"{"active":"false"}"#, "undecided 1"),
        (200, json, "", large.as_str(), "undecided 1"),
        (200, json, "", r#"{"active":true,"exp":"x"}"#, "undecided 1"),
        (200, json, "", r#"{"active":true}"#, "rejected: claim `aud` is absent"),
        (200, json, "", r#"{"active":false}"#, "inactive"),
    ] {
        let fixture = Fixture::new(&server);
        let before = server.calls();
        server.set(Behavior::Responds(status, content_type, retry_after, body.to_owned()));
        let shown = body.get(..40).unwrap_or(body);
        assert_eq!(fixture.ask("valid").await, expected, "{status} {shown}");
        assert_eq!(server.calls(), before + 1, "{status} {shown}");
    }
}

#[tokio::test]
async fn stalled_endpoint_is_given_up_after_two_seconds() {
    // IN15
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    for n in 0..5 {
        assert_eq!(fixture.ask(&format!("valid-{n}")).await, "active s");
    }
    pass(10 * SECOND).await;
    server.set(Behavior::Stalls);
    for n in 0..5 {
        let begin = Instant::now();
        let asking = tokio::spawn({
            let fixture = fixture.clone();
            async move { fixture.ask(&format!("valid-{n}")).await }
        });
        server.has_received(n + 6).await;
        pass(2 * SECOND).await;
        assert_eq!(asking.await.unwrap(), "undecided 1");
        assert!(begin.elapsed() < Duration::from_millis(2_500));
    }
    assert_eq!(fixture.ask_now("valid-5"), "undecided 3", "at once");
    assert_eq!(fixture.ask_now("valid-0"), "undecided 2", "at once");
    assert_eq!(server.calls(), 10);
    server.works();
    pass(2 * SECOND).await;
    assert_eq!(fixture.ask("valid-0").await, "active s");
    assert_eq!(fixture.ask("valid-5").await, "active s");
}

#[tokio::test]
async fn rejected_credentials_are_our_error() {
    // IN05
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    server.fails(401);
    for n in 0..5 {
        assert_eq!(fixture.ask(&format!("valid-{n}")).await, "misconfigured");
    }
    assert_eq!(fixture.ask_now("valid"), "misconfigured");
    assert_eq!(server.calls(), 5, "the circuit is open");
    let denied = r#"{"error":"access_denied"}"#.to_owned();
    server.set(Behavior::Responds(403, "application/json", "", denied));
    pass(3 * SECOND).await;
    assert_eq!(fixture.ask("valid").await, "misconfigured");
    server.works();
    pass(3 * SECOND).await;
    assert_eq!(fixture.ask("valid").await, "active s");
    assert_eq!(server.calls(), 7, "two probes");
    let log = log.text();
    assert!(log.contains("ERROR") && log.contains("introspection credentials are invalid"), "{log}");
    assert_eq!(log.matches("introspection keeps failing, calls are suspended").count(), 1, "{log}");
    assert_eq!(log.matches("introspection works again").count(), 1, "{log}");
    for secret in ["valid-", "s3cret-of-api", "tenant=1"] {
        assert!(!log.contains(secret), "IN22: {log}");
    }
}

#[tokio::test]
async fn stale_result_is_served_only_if_configured() {
    // IN17
    let server = Server::start().await;
    let lenient = Lifetimes { stale_for: Some(60 * SECOND), ..LIFETIMES };
    for (lifetimes, expected) in [(LIFETIMES, "undecided 1"), (lenient, "active s")] {
        let client = Fixture::client("s3cret-of-api");
        let fixture = Fixture::with(&server, client, lifetimes, &Handle::current());
        server.works();
        assert_eq!(fixture.ask("valid").await, "active s");
        server.fails(500);
        assert_eq!(fixture.ask("valid-unseen").await, "undecided 1");
        pass(10 * SECOND).await;
        assert_eq!(fixture.ask("valid").await, expected);
    }
}

#[tokio::test]
async fn stale_result_ends_with_token_limit_and_rejection() {
    // IN17
    let server = Server::start().await;
    let lenient = Lifetimes { stale_for: Some(60 * SECOND), ..LIFETIMES };
    let fixture = Fixture::with(&server, Fixture::client("s"), lenient, &Handle::current());
    assert_eq!(fixture.ask("valid").await, "active s");
    server.fails(500);
    pass(59 * SECOND).await;
    assert_eq!(fixture.ask("valid").await, "active s");
    fixture.clock.store(NOW + 600, Ordering::Relaxed);
    assert_eq!(fixture.ask("valid").await, "undecided 1", "the token has expired");
    fixture.clock.store(NOW, Ordering::Relaxed);
    pass(SECOND).await;
    assert_eq!(fixture.ask("valid").await, "undecided 1", "too old");
    server.works();
    assert_eq!(fixture.ask("valid").await, "active s");
    server.set(Behavior::Responds(200, "application/json", "", r#"{"active":false}"#.to_owned()));
    pass(10 * SECOND).await;
    assert_eq!(fixture.ask("valid").await, "inactive");
    server.fails(500);
    pass(5 * SECOND).await;
    assert_eq!(fixture.ask("valid").await, "undecided 1", "it was rejected");
}

#[test]
fn end_of_runtime_wakes_waiting_requests() {
    // IN14
    let main = Builder::new_current_thread().enable_all().build().unwrap();
    main.block_on(async {
        let server = Server::start().await;
        let other = Builder::new_current_thread().enable_all().build().unwrap();
        let fixture = Fixture::with(&server, Fixture::client("s"), LIFETIMES, other.handle());
        let Introspected::Pending(pending) = fixture.look_up("valid") else { panic!("not cached") };
        other.shutdown_background();
        let outcome = settled(&pending).await;
        assert_eq!(super::fixture::shown(&outcome), "undecided 1");
        assert_eq!(server.calls(), 0);
    });
}

#[tokio::test]
async fn open_circuit_passes_on_retry_after() {
    // IN06
    let server = Server::start().await;
    let fixture = Fixture::new(&server);
    server.set(Behavior::Responds(429, "application/json", "30", String::new()));
    for n in 0..5 {
        assert_eq!(fixture.ask(&format!("valid-{n}")).await, "undecided 30");
    }
    assert_eq!(fixture.ask_now("valid-6"), "undecided 30", "the circuit is open");
    pass(3 * SECOND).await;
    server.fails(500);
    assert_eq!(fixture.ask("valid-6").await, "undecided 1", "a probe");
    assert!(["undecided 2", "undecided 3"].contains(&&*fixture.ask_now("valid-6")));
}
