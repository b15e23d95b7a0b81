//! A server that starts again, with and without its data.

use scopegate_redis::RedisError;

use crate::server::{Instance, revocation, server};

#[tokio::test(flavor = "multi_thread")]
async fn server_restart_with_data_continues() {
    let mut server = server!("--appendonly", "yes", "--appendfsync", "always");
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    server.kill();
    instance.until_failed("no connection to 127.0.0.1").await;
    assert!(instance.revokes("a") && instance.revocations.status().ready);
    server.restart().await;
    instance.until_recovered().await;
    server.client().await;
    shared.withdraw(&revocation("a")).await.unwrap();
    shared.publish(&revocation("b")).await.unwrap();
    instance.until_revoked("b", true).await;
    assert!(!instance.revokes("a"), "nothing was lost, so withdrawals are effective");
    assert!(Instance::following(&shared).await.revokes("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn server_restart_without_data_keeps_entries() {
    let mut server = server!();
    let shared = server.shared();
    shared.publish_all(&[revocation("a"), revocation("b")]).await.unwrap();
    let instance = Instance::following(&shared).await;
    server.kill();
    instance.until_failed("no connection to 127.0.0.1").await;
    server.restart().await;
    instance.until_failed("the server lost its revocations").await;
    assert!(instance.revokes("a") && instance.revokes("b"));

    shared.publish(&revocation("c")).await.unwrap();
    instance.until_recovered().await;
    assert!(instance.revokes("a") && instance.revokes("b") && instance.revokes("c"));
    // The status shows it until the next start.
    let degraded = instance.source().degraded.unwrap();
    assert!(degraded.starts_with("the server lost revocations;"), "{degraded}");
    assert_eq!(Instance::following(&shared).await.source().degraded, None);
    // A withdrawal is still effective, also of an entry that the server no longer has.
    shared.withdraw(&revocation("a")).await.unwrap();
    instance.until_revoked("a", false).await;
    assert!(instance.revokes("b"));
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_publication_ends_the_report_of_loss() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    let _: String = server.command(&["FLUSHALL"]).await;
    instance.until_failed("the server lost its revocations").await;
    shared.publish_all([]).await.unwrap();
    instance.until_recovered().await;
    assert!(instance.revokes("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_prepared_server_can_be_empty() {
    // RV09
    let server = server!();
    let shared = server.shared();
    for (prepared, left) in [(false, 1), (true, 0)] {
        let instance = Instance::new();
        // An entry of an earlier reader, whose runtime has ended.
        let source = format!("redis {}/0 scopegate:revocations", server.address());
        instance.revocations.source(&source).unwrap().revoke(revocation("a")).unwrap();
        if prepared {
            shared.publish_all([]).await.unwrap();
        }
        let followed = shared.follow(&instance.revocations).await;
        assert_eq!(instance.source().entries, left);
        match followed {
            Ok(()) => assert!(prepared),
            Err(error) => {
                assert!(!prepared && matches!(error, RedisError::NothingPublished { .. }), "{error:?}");
                let text = error.to_string();
                assert!(text.ends_with("if there are no revocations, publish an empty list"), "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instance_without_published_data_is_not_ready() {
    // RV09: a rolling restart after the server lost its data.
    let server = server!();
    let (shared, instance) = (server.shared(), Instance::new());
    shared.follow_lazy(&instance.revocations).unwrap();
    instance.until_failed("nothing was published to the server").await;
    assert!(!instance.revocations.status().ready && !instance.verifier.status().is_ready());
    assert_eq!(instance.source().synced_at, None);
    shared.publish_all([]).await.unwrap();
    instance.until_recovered().await;
    assert!(instance.revocations.status().ready && instance.verifier.status().is_ready());
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshot_after_loss_withdraws_nothing() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    // The data of an earlier moment, as after a failover to a replica that is behind.
    let entries = "{scopegate:revocations}:entries";
    let _: u64 = server.command(&["HDEL", entries, "jti 54 x"]).await;
    let _: u64 = server.command(&["HSET", entries, "sequence", "0"]).await;
    let _: u64 = server.command(&["DEL", "{scopegate:revocations}:stream"]).await;
    let fields: Vec<String> = server.command(&["HKEYS", entries]).await;
    for field in fields.iter().filter(|field| field.starts_with("jti")) {
        let _: u64 = server.command(&["HDEL", entries, field]).await;
    }
    shared.publish(&revocation("b")).await.unwrap();
    instance.until_revoked("b", true).await;
    assert!(instance.revokes("a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_stream_is_no_loss() {
    let server = server!();
    let shared = server.shared();
    shared.publish_all(&[revocation("a"), revocation("b")]).await.unwrap();
    let instance = Instance::following(&shared).await;
    let _: u64 = server.command(&["DEL", "{scopegate:revocations}:stream"]).await;
    shared.withdraw(&revocation("a")).await.unwrap();
    shared.publish(&revocation("c")).await.unwrap();
    instance.until_revoked("c", true).await;
    instance.until_revoked("a", false).await;
    assert!(instance.revokes("b"));
}
