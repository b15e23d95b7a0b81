//! Outages: the revocations stay, it is reported, and a limit for the age is enforced.

use std::time::Duration;

use scopegate::Error;
use testkit::Log;
use tracing_subscriber::filter::LevelFilter;

use crate::server::{Instance, revocation, server, token, until};

#[tokio::test(flavor = "multi_thread")]
async fn killed_server_leaves_its_revocations_effective() {
    // RV08
    let mut server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    server.kill();
    instance.until_failed("no connection to 127.0.0.1").await;
    instance.pass(Duration::from_secs(600));
    let status = instance.revocations.status();
    assert!(instance.revokes("a") && !instance.revokes("b"));
    assert!(status.ready && status.fresh && status.sources[0].age.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn feed_age_limit_ends_in_503() {
    // RV08
    let mut server = server!();
    let shared = server.shared().max_feed_age(Duration::from_secs(60));
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    server.kill();
    instance.until_failed("no connection to 127.0.0.1").await;
    instance.pass(Duration::from_secs(50));
    assert!(!instance.revokes("b"));
    instance.pass(Duration::from_secs(20));
    assert!(instance.revokes("a"), "its entry is still effective");
    let error = instance.verifier.verify(token("b")).unwrap_err();
    assert!(matches!(error, Error::RevocationsUnavailable { .. }), "{error}");
    assert!(!instance.revocations.status().fresh);
    server.restart().await;
    shared.publish(&revocation("c")).await.unwrap();
    instance.until_recovered().await;
    assert!(!instance.revokes("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_server_is_a_failure() {
    let server = server!();
    let redis = server.redis().timeout(Duration::from_millis(200));
    let shared = scopegate_redis::RedisRevocations::new(&redis);
    let instance = Instance::following(&shared).await;
    server.signal("STOP");
    instance.until_failed("no response from 127.0.0.1").await;
    let error = shared.publish(&revocation("a")).await.unwrap_err();
    assert!(error.to_string().starts_with("no response from 127.0.0.1"), "{error}");
    server.signal("CONT");
    instance.until_recovered().await;
    // A publication that had no response may be stored. It can be repeated.
    shared.publish(&revocation("a")).await.unwrap();
    instance.until_revoked("a", true).await;
}

/// The runtime has one thread, because the log is that of a thread.
#[tokio::test]
async fn outage_and_recovery_are_logged() {
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let mut server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    assert!(log.take().contains("revocation feed synced"));
    server.kill();
    instance.until_failed("no connection to 127.0.0.1").await;
    let text = log.take();
    assert!(text.contains("ERROR") && text.contains("revocation feed failed, keeping its entries"), "{text}");
    server.restart().await;
    instance.until_failed("the server lost its revocations").await;
    shared.publish_all([]).await.unwrap();
    instance.until_recovered().await;
    let text = log.take();
    assert!(text.contains("the server lost revocations, keeping the entries of this process"), "{text}");
    assert!(text.contains("revocation feed recovered"), "{text}");
    let unnumbered = ["XADD", "{scopegate:revocations}:stream", "*", "json", "{}"];
    let id: String = server.command(&unnumbered).await;
    until("it is reported", || instance.source().malformed == 1).await;
    let text = log.take();
    assert!(text.contains("malformed revocation, entry ignored") && text.contains(&id), "{text}");
}
