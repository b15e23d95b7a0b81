//! The writer: merging, expiry, limits and reconnection.

use std::time::{Duration, Instant, SystemTime};

use scopegate::Revocation;
use scopegate_redis::{RedisError, RedisRevocations};
use testkit::{ISSUER, Log, NOW, Token as _, cognito_token};
use tracing_subscriber::filter::LevelFilter;

use crate::gate::Gate;
use crate::server::{Instance, Server, revocation, server};

const ENTRIES: &str = "{scopegate:revocations}:entries";
const ENDS: &str = "{scopegate:revocations}:ends";
const STREAM: &str = "{scopegate:revocations}:stream";

fn date(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Returns the entries of the snapshot, and how many changes there were.
async fn stored(server: &Server) -> (Vec<String>, u64) {
    let mut all: Vec<String> = server.command(&["HVALS", ENTRIES]).await;
    all.retain(|value| value.contains('{'));
    // A mark and a space.
    for value in &mut all {
        value.drain(..17);
    }
    all.sort_unstable();
    (all, server.command(&["XLEN", STREAM]).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_publication_changes_nothing() {
    let server = server!();
    let shared = server.shared();
    let one = revocation("a").ends_at(date(NOW));
    shared.publish(&one).await.unwrap();
    shared.publish(&one).await.unwrap();
    shared.publish(&revocation("a").ends_at(date(NOW - 10))).await.unwrap();
    assert_eq!(stored(&server).await, (vec![one.to_json()], 1));
    shared.publish(&revocation("a").ends_at(date(NOW + 10))).await.unwrap();
    assert_eq!(stored(&server).await, (vec![revocation("a").ends_at(date(NOW + 10)).to_json()], 2));
    assert_eq!(server.command::<u64>(&["ZCARD", ENDS]).await, 1);
    shared.publish(&revocation("a")).await.unwrap();
    assert_eq!(stored(&server).await, (vec![revocation("a").to_json()], 3));
    assert_eq!(server.command::<u64>(&["ZCARD", ENDS]).await, 0, "it has no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn later_times_of_both_publications_apply() {
    // RV02
    let server = server!();
    let shared = server.shared();
    let subject = |before| Revocation::subject(ISSUER, "ä/user", date(before));
    shared.publish(&subject(NOW - 100).ends_at(date(NOW + 500))).await.unwrap();
    shared.publish(&subject(NOW - 50).ends_at(date(NOW + 400))).await.unwrap();
    let (all, changes) = stored(&server).await;
    let merged = Revocation::from_json(all[0].as_bytes()).unwrap();
    assert_eq!((all.len(), changes), (1, 2));
    assert_eq!(merged.to_json(), subject(NOW - 50).ends_at(date(NOW + 500)).to_json());

    let instance = Instance::following(&shared).await;
    let token = |issued| cognito_token().claim("sub", "ä/user").issued_at(issued).compact();
    assert!(instance.verifier.verify(token(NOW - 50)).is_err());
    assert!(instance.verifier.verify(token(NOW - 49)).is_ok());
    shared.withdraw(&subject(1)).await.unwrap();
    assert_eq!(stored(&server).await, (vec![], 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn spaces_in_names_keep_entries_apart() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&Revocation::session("i 1", "x y")).await.unwrap();
    shared.publish(&Revocation::session("i", "1 x y")).await.unwrap();
    shared.publish(&Revocation::session("i 1 x", "y")).await.unwrap();
    shared.publish(&Revocation::key("i 1 x", "y")).await.unwrap();
    assert_eq!(stored(&server).await.0.len(), 4);
    let hostile = revocation("\u{0}\n\"\\ '\u{2028}*");
    shared.publish(&hostile).await.unwrap();
    assert!(stored(&server).await.0.contains(&hostile.to_json()));
    assert!(Instance::following(&shared).await.revokes("\u{0}\n\"\\ '\u{2028}*"));
}

/// The runtime has one thread, because the log is that of a thread.
#[tokio::test]
async fn entries_are_removed_a_day_after_their_end() {
    // RV04
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let server = server!();
    let shared = server.shared();
    let now = SystemTime::now();
    let ended = |id: &str, seconds| revocation(id).ends_at(now - Duration::from_secs(seconds));
    let (kept, removed) = (ended("kept", 86_300), ended("removed", 86_500));
    shared.publish_all([&kept, &removed]).await.unwrap();
    assert_eq!(stored(&server).await.0.len(), 2);
    assert!(!log.take().contains("ended revocations were removed"));
    shared.publish(&revocation("a")).await.unwrap();
    let (all, _) = stored(&server).await;
    assert_eq!(all.len(), 2);
    assert!(all.contains(&kept.to_json()) && !all.contains(&removed.to_json()));
    assert_eq!(server.command::<u64>(&["ZCARD", ENDS]).await, 1);
    let text = log.take();
    assert!(text.contains("ended revocations were removed from the server removed=1"), "{text}");
}

/// The server's clock is ahead of the writer's clock.
#[tokio::test(flavor = "multi_thread")]
async fn both_clocks_must_have_passed_the_end() {
    let server = server!();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let one = revocation("a").ends_at(date(now - 90_000));
    server.shared().publish(&one).await.unwrap();
    let script = include_str!("../../src/revocations/publish.lua");
    for (clock, left) in [(now - 86_400, 1), (now, 0)] {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(3).arg(ENTRIES).arg(ENDS).arg(STREAM);
        command.arg("0".repeat(32)).arg(100).arg(clock);
        command.exec_async(&mut server.client().await).await.unwrap();
        assert_eq!(stored(&server).await.0.len(), left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn merging_keeps_a_long_name_short_enough() {
    let server = server!();
    let shared = server.shared();
    // Another encoder would escape each of them.
    let name = "/\u{7f}".repeat(8_000);
    let subject = |before| Revocation::subject(ISSUER, &name, date(before));
    shared.publish(&subject(NOW).ends_at(date(NOW - 10))).await.unwrap();
    shared.publish(&subject(1).ends_at(date(NOW))).await.unwrap();
    let merged = subject(NOW).ends_at(date(NOW)).to_json();
    assert_eq!(stored(&server).await, (vec![merged], 2));
    let instance = Instance::following(&shared).await;
    assert_eq!((instance.source().entries, instance.source().malformed), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn longest_published_name_can_be_merged() {
    let server = server!();
    let shared = server.shared();
    let revocation = |len, exp| Revocation::subject("i", "a".repeat(len), date(1)).ends_at(date(exp));
    let longest = 16 * 1024 - 22 - revocation(0, 2).to_json().len();
    let error = shared.publish(&revocation(longest + 1, 2)).await.unwrap_err();
    assert!(matches!(error, RedisError::InvalidRevocation { .. }), "{error:?}");
    shared.publish(&revocation(longest, 2)).await.unwrap();
    let last = Revocation::subject("i", "a".repeat(longest), date(253_402_300_799));
    let (mut script, json) = (redis::cmd("EVAL"), last.ends_at(date(253_402_300_799)).to_json());
    script.arg(include_str!("../../src/revocations/publish.lua"));
    script.arg(3).arg(ENTRIES).arg(ENDS).arg(STREAM).arg("0".repeat(32)).arg(100).arg(0);
    script.arg("revoke").arg(&json).exec_async(&mut server.client().await).await.unwrap();
    assert_eq!((stored(&server).await.0, json.len()), (vec![json], 16 * 1024));
    assert_eq!(Instance::following(&shared).await.source().malformed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_publication_has_a_limit_for_each_step() {
    let server = server!();
    let timeout = Duration::from_millis(400);
    let shared = RedisRevocations::new(&server.redis().timeout(timeout));
    let (mut published, mut entries) = (0, 20_000);
    loop {
        let all: Vec<_> =
            (published..published + entries).map(|number| revocation(&format!("a{number}"))).collect();
        let begun = Instant::now();
        shared.publish_all(&all).await.unwrap();
        published += entries;
        // The limit of a step.
        if begun.elapsed() > 2 * timeout {
            break;
        }
        entries *= 2;
    }
    assert_eq!(server.command::<usize>(&["HLEN", ENTRIES]).await, published + 3);
}

/// The runtime has one thread, so the second call waits before the first one continues.
#[tokio::test]
async fn short_publication_does_not_wait_for_a_long_one() {
    let server = server!();
    let gate = Gate::new(&server).await;
    let shared = gate.shared();
    gate.hold("EVAL", 0);
    let long = tokio::spawn({
        let shared = shared.clone();
        let all: Vec<_> = (0..1_000).map(|number| revocation(&format!("a{number}"))).collect();
        async move { shared.publish_all(&all).await.unwrap() }
    });
    gate.until_held().await;
    let urgent = tokio::spawn(async move { shared.publish(&revocation("urgent")).await.unwrap() });
    tokio::task::yield_now().await;
    gate.release();
    urgent.await.unwrap();
    long.await.unwrap();
    let changes: Vec<(String, Vec<String>)> = server.command(&["XRANGE", STREAM, "-", "+"]).await;
    let is_urgent = |fields: &Vec<String>| fields.iter().any(|field| field.contains("urgent"));
    assert_eq!(changes.iter().position(|(_, fields)| is_urgent(fields)), Some(250));
    assert_eq!(changes.len(), 1_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_response_repeats_publication_but_no_withdrawal() {
    let server = server!();
    let gate = Gate::new(&server).await;
    let shared = gate.shared();
    shared.publish(&revocation("a")).await.unwrap();
    gate.lose_response("\"sid\"");
    shared.publish(&Revocation::session(ISSUER, "s")).await.unwrap();
    assert_eq!(stored(&server).await.1, 2, "it was executed twice, and merged");
    gate.lose_response("withdraw\r");
    let error = shared.withdraw(&revocation("a")).await.unwrap_err();
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error:?}");
    assert_eq!(stored(&server).await.1, 3);
    // An entry that was published since stays.
    server.shared().publish(&revocation("a")).await.unwrap();
    assert!(Instance::following(&gate.shared()).await.revokes("a"));
    shared.withdraw(&revocation("a")).await.unwrap();
    assert_eq!(stored(&server).await.1, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawal_replaces_a_lost_connection() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let _: u64 = server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    shared.withdraw(&revocation("a")).await.unwrap();
    assert_eq!(stored(&server).await, (vec![], 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn stream_has_a_bounded_length() {
    let server = server!();
    let shared = server.shared().stream_length(100);
    let all: Vec<_> = (0..2_000).map(|number| revocation(&format!("a{number}"))).collect();
    shared.publish_all(&all).await.unwrap();
    let (entries, changes) = stored(&server).await;
    assert_eq!(entries.len(), 2_000);
    assert!((100..=300).contains(&changes), "{changes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unusable_revocation_is_not_published() {
    let server = server!();
    let shared = server.shared();
    for unusable in [revocation(""), revocation(&"a".repeat(16 * 1024))] {
        let error = shared.publish_all([&revocation("a"), &unusable]).await.unwrap_err();
        assert!(matches!(error, RedisError::InvalidRevocation { .. }), "{error:?}");
    }
    assert_eq!(stored(&server).await.0.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn writer_connects_again_after_an_outage() {
    let mut server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    server.kill();
    let error = shared.publish(&revocation("b")).await.unwrap_err();
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error:?}");
    server.restart().await;
    shared.publish(&revocation("b")).await.unwrap();
    server.kill();
    server.restart().await;
    // The connection is lost, which the writer notices only when it writes.
    shared.publish(&revocation("c")).await.unwrap();
    assert_eq!(stored(&server).await.0, [revocation("c").to_json()]);
}
