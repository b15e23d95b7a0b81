//! The writer: merging, expiry, limits and reconnection.

use std::time::{Duration, SystemTime};

use scopegate::Revocation;
use scopegate_redis::RedisError;
use testkit::{ISSUER, NOW, Token as _, cognito_token};

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
    all.retain(|value| value.starts_with('{'));
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

#[tokio::test(flavor = "multi_thread")]
async fn ended_entries_are_removed_by_the_next_publication() {
    // RV04
    let server = server!();
    let shared = server.shared();
    let now = SystemTime::now();
    let ended = |id: &str, seconds| revocation(id).ends_at(now - Duration::from_secs(seconds));
    let (kept, removed) = (ended("kept", 590), ended("removed", 610));
    shared.publish_all([&kept, &removed]).await.unwrap();
    assert_eq!(stored(&server).await.0.len(), 2);
    shared.publish(&revocation("a")).await.unwrap();
    let (all, _) = stored(&server).await;
    assert_eq!(all.len(), 2);
    assert!(all.contains(&kept.to_json()) && !all.contains(&removed.to_json()));
    assert_eq!(server.command::<u64>(&["ZCARD", ENDS]).await, 1);
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
