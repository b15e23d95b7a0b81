//! The first read, and what follows it.

use std::time::{Duration, UNIX_EPOCH};

use scopegate::{Error, Revocations};
use scopegate_redis::{Redis, RedisError, RedisRevocations};
use testkit::NOW;

use crate::server::{Instance, Proxy, revocation, server, token, until};

#[tokio::test(flavor = "multi_thread")]
async fn first_read_loads_all_revocations() {
    // RV09
    let server = server!();
    server.shared().publish_all(&[revocation("a"), revocation("b")]).await.unwrap();
    let instance = Instance::following(&server.shared()).await;
    assert!(instance.revokes("a") && instance.revokes("b") && !instance.revokes("c"));
    let source = instance.source();
    assert_eq!((source.entries, source.malformed, source.last_failure), (2, 0, None));
    assert!(source.synced_at.is_some() && instance.revocations.status().ready);
    assert_eq!(source.name, format!("redis {}/0 scopegate:revocations", server.address()));
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_token_is_rejected_after_publication() {
    // RV03
    let server = server!();
    let shared = server.shared();
    let instance = Instance::following(&shared).await;
    assert!(!instance.revokes("a"));
    assert!(!instance.revokes("a"), "from the cache");
    shared.publish(&revocation("a")).await.unwrap();
    instance.until_revoked("a", true).await;
    shared.withdraw(&revocation("a")).await.unwrap();
    instance.until_revoked("a", false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn new_instance_needs_no_stream() {
    // RV09
    let server = server!();
    let shared = server.shared();
    shared.publish_all(&[revocation("a"), revocation("b")]).await.unwrap();
    shared.withdraw(&revocation("b")).await.unwrap();
    let _: u64 = server.command(&["XTRIM", "{scopegate:revocations}:stream", "MAXLEN", "0"]).await;
    let instance = Instance::following(&shared).await;
    assert!(instance.revokes("a") && !instance.revokes("b"));
    shared.publish(&revocation("c")).await.unwrap();
    instance.until_revoked("c", true).await;
    assert!(instance.revokes("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn lazy_reader_is_ready_after_first_read() {
    // RV09
    let mut server = server!();
    let shared = server.shared();
    server.kill();
    let instance = Instance::new();
    shared.follow_lazy(&instance.revocations).unwrap();
    instance.until_failed("no connection to 127.0.0.1").await;
    assert!(!instance.revocations.status().ready && !instance.verifier.status().is_ready());
    server.restart().await;
    shared.publish_all([]).await.unwrap();
    instance.revocations.ready().await;
    assert!(instance.verifier.status().is_ready());
    shared.publish(&revocation("a")).await.unwrap();
    instance.until_revoked("a", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_start_leaves_nothing_behind() {
    let mut server = server!();
    let shared = server.shared().max_feed_age(Duration::from_secs(5));
    server.kill();
    let instance = Instance::new();
    let error = shared.follow(&instance.revocations).await.unwrap_err();
    assert!(matches!(error, RedisError::Unreachable { .. }), "{error:?}");
    assert!(instance.revocations.status().ready && !instance.revokes("a"));
    server.restart().await;
    shared.publish_all([]).await.unwrap();
    shared.follow(&instance.revocations).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn second_follow_changes_nothing() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    // A snapshot would withdraw it.
    let fields: Vec<String> = server.command(&["HKEYS", "{scopegate:revocations}:entries"]).await;
    let field = fields.iter().find(|field| field.ends_with(" a")).unwrap();
    let _: u64 = server.command(&["HDEL", "{scopegate:revocations}:entries", field]).await;
    let limited = shared.max_feed_age(Duration::from_secs(5));
    let errors = [limited.follow(&instance.revocations).await, limited.follow_lazy(&instance.revocations)];
    for error in errors {
        assert!(matches!(error, Err(RedisError::NotFollowed { .. })), "{error:?}");
    }
    assert!(instance.revokes("a"));
    assert_eq!(instance.source().max_feed_age, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_database_is_another_source() {
    let server = server!();
    let database = |number: u8| {
        let url = format!("redis://{}/{number}", server.address());
        RedisRevocations::new(&Redis::new(&url).unwrap())
    };
    let (one, other) = (database(0), database(1));
    one.publish(&revocation("a")).await.unwrap();
    other.publish(&revocation("b")).await.unwrap();
    let instance = Instance::following(&one).await;
    other.follow(&instance.revocations).await.unwrap();
    assert!(instance.revokes("a") && instance.revokes("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connection_continues_where_it_was() {
    let server = server!();
    let proxy = Proxy::new(&server).await;
    let (direct, instance) = (server.shared(), Instance::following(&proxy.shared()).await);
    direct.publish(&revocation("a")).await.unwrap();
    instance.until_revoked("a", true).await;
    proxy.cut();
    instance.until_failed("no connection to 127.0.0.1").await;
    assert!(instance.revokes("a"));
    direct.publish(&revocation("b")).await.unwrap();
    direct.withdraw(&revocation("a")).await.unwrap();
    let snapshots = scans(&server).await;
    proxy.mend();
    instance.until_recovered().await;
    assert!(instance.revokes("b") && !instance.revokes("a"));
    assert_eq!(scans(&server).await, snapshots, "the stream has everything");
}

#[tokio::test(flavor = "multi_thread")]
async fn trimmed_stream_causes_a_new_snapshot() {
    let server = server!();
    let proxy = Proxy::new(&server).await;
    let (direct, instance) = (server.shared(), Instance::following(&proxy.shared()).await);
    direct.publish_all(&[revocation("a"), revocation("z")]).await.unwrap();
    instance.until_revoked("z", true).await;
    for keep in ["0", "1"] {
        proxy.cut();
        instance.until_failed("no connection to 127.0.0.1").await;
        let (added, more) = (format!("b{keep}"), format!("c{keep}"));
        direct.publish(&revocation(&added)).await.unwrap();
        direct.withdraw(&revocation("a")).await.unwrap();
        direct.publish(&revocation(&more)).await.unwrap();
        // The snapshot has the last change that the reader knows: `z`.
        let trim = ["XTRIM", "{scopegate:revocations}:stream", "MAXLEN", keep];
        let _: u64 = server.command(&trim).await;
        let snapshots = scans(&server).await;
        proxy.mend();
        instance.until_recovered().await;
        assert!(instance.revokes(&added) && instance.revokes(&more) && !instance.revokes("a"));
        assert!(scans(&server).await > snapshots);
        let (again, last) = (revocation("a"), format!("z{keep}"));
        direct.publish_all([&again, &revocation(&last)]).await.unwrap();
        instance.until_revoked("a", true).await;
        instance.until_revoked(&last, true).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_changes_are_read_in_batches() {
    let server = server!();
    let proxy = Proxy::new(&server).await;
    let (direct, instance) = (server.shared(), Instance::following(&proxy.shared()).await);
    proxy.cut();
    instance.until_failed("no connection to 127.0.0.1").await;
    let all: Vec<_> = (0..1_500).map(|number| revocation(&format!("a{number}"))).collect();
    direct.publish_all(&all).await.unwrap();
    let snapshots = scans(&server).await;
    proxy.mend();
    instance.until_recovered().await;
    assert_eq!(instance.source().entries, 1_500);
    assert!(instance.revokes("a0") && instance.revokes("a1499"));
    assert_eq!(scans(&server).await, snapshots, "the stream has everything");
    let restarted = Instance::following(&direct).await;
    assert_eq!(restarted.source().entries, 1_500, "the snapshot has several pages");
}

#[tokio::test(flavor = "multi_thread")]
async fn full_store_fails_and_recovers() {
    let server = server!();
    let shared = server.shared();
    let all: Vec<_> = (0..20).map(|number| revocation(&format!("a{number}"))).collect();
    shared.publish_all(&all).await.unwrap();
    let revocations = Revocations::builder().capacity(10).build();
    let error = shared.follow(&revocations).await.unwrap_err();
    assert!(matches!(error, RedisError::NotStored { .. }), "{error:?}");
    shared.follow_lazy(&revocations).unwrap();
    let failure = || revocations.status().sources[0].last_failure.clone();
    until("the store is full", || failure().is_some_and(|failure| failure.contains("is full"))).await;
    for one in &all[..15] {
        shared.withdraw(one).await.unwrap();
    }
    until("it recovers", || failure().is_none()).await;
    assert_eq!(revocations.status().entries, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn dropped_store_ends_its_connection() {
    let server = server!();
    let instance = Instance::following(&server.shared()).await;
    assert_eq!(readers(&server).await, 1);
    drop(instance);
    let begun = std::time::Instant::now();
    while readers(&server).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "the connection stays");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_prefix_has_other_revocations() {
    let server = server!();
    let (one, other) = (server.shared(), server.shared().key_prefix("other"));
    one.publish(&revocation("a")).await.unwrap();
    other.publish(&revocation("b")).await.unwrap();
    let instance = Instance::following(&one).await;
    assert!(instance.revokes("a") && !instance.revokes("b"));
    other.follow(&instance.revocations).await.unwrap();
    assert!(instance.revokes("a") && instance.revokes("b"));
    let error = instance.verifier.verify(token("b")).unwrap_err();
    assert!(matches!(error, Error::Revoked { source, .. } if source.ends_with(" other")));
}

/// Returns how often pages of snapshots were read.
async fn scans(server: &crate::server::Server) -> usize {
    let statistics: String = server.command(&["INFO", "commandstats"]).await;
    let calls = statistics.split("cmdstat_hscan:calls=").nth(1).and_then(|rest| rest.split(',').next());
    calls.map_or(0, |calls| calls.parse().unwrap())
}

/// Returns the number of connections of readers.
async fn readers(server: &crate::server::Server) -> usize {
    let clients: String = server.command(&["CLIENT", "LIST"]).await;
    clients.lines().filter(|client| client.contains("cmd=xread")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn corrected_clock_restores_ended_entries() {
    // RV04
    const DAY: Duration = Duration::from_secs(86_400);
    let server = server!();
    let shared = server.shared();
    let ending = revocation("ending").ends_at(UNIX_EPOCH + Duration::from_secs(NOW + 1_000));
    let others: Vec<_> = (0..6).map(|number| revocation(&number.to_string())).collect();
    shared.publish_all(others.iter().chain([&ending])).await.unwrap();
    let instance = Instance::with_capacity(8);
    shared.follow(&instance.revocations).await.unwrap();
    assert!(instance.revokes("ending") && !instance.source().incomplete);
    // The store is crowded, so the next change removes ended entries.
    instance.pass(DAY);
    shared.publish(&revocation("more")).await.unwrap();
    until("it is removed", || instance.source().entries == 7).await;
    let snapshots = scans(&server).await;
    instance.return_by(DAY);
    until("it is read again", || !instance.source().incomplete).await;
    instance.until_revoked("ending", true).await;
    assert_eq!(scans(&server).await, snapshots + 1, "once");
}
