//! A server that continues with the data of an earlier moment, as after a failover to a replica that
//! was behind.

use crate::server::{Instance, Proxy, Server, revocation, server};

const STREAM: &str = "{scopegate:revocations}:stream";

/// Returns a reader that has `a` and `b` and is cut off. If `loses`, the server has lost `b`.
async fn after_failover(server: &Server, loses: bool) -> (Proxy, Instance) {
    let proxy = Proxy::new(server).await;
    let (direct, instance) = (server.shared(), Instance::following(&proxy.shared()).await);
    direct.publish(&revocation("a")).await.unwrap();
    server.save_data().await;
    direct.publish(&revocation("b")).await.unwrap();
    instance.until_revoked("b", true).await;
    proxy.cut();
    instance.until_failed("no connection to 127.0.0.1").await;
    if loses {
        server.restore_data().await;
    }
    (proxy, instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn other_changes_under_same_numbers_are_a_loss() {
    let server = server!();
    let (proxy, instance) = after_failover(&server, true).await;
    let direct = server.shared();
    direct.publish(&revocation("c")).await.unwrap();
    direct.publish(&revocation("d")).await.unwrap();
    // The clock of the new server was behind, so the reader has a later id than the first of them.
    let mut changes: Vec<(String, Vec<String>)> = server.command(&["XRANGE", STREAM, "-", "+"]).await;
    let (id, fields) = changes.remove(1);
    let _: u64 = server.command(&["XDEL", STREAM, &id]).await;
    assert!(fields.iter().any(|field| field.ends_with(r#""c"}"#)), "{fields:?}");
    proxy.mend();
    instance.until_recovered().await;
    instance.until_revoked("d", true).await;
    assert!(instance.revokes("a") && instance.revokes("b") && instance.revokes("c"));
}

#[tokio::test(flavor = "multi_thread")]
async fn same_number_of_other_change_is_a_loss() {
    let server = server!();
    let (proxy, instance) = after_failover(&server, true).await;
    server.shared().publish(&revocation("c")).await.unwrap();
    let _: u64 = server.command(&["XTRIM", STREAM, "MAXLEN", "0"]).await;
    proxy.mend();
    instance.until_recovered().await;
    assert!(instance.revokes("b") && instance.revokes("c"));
}

#[tokio::test(flavor = "multi_thread")]
async fn loss_beyond_the_stream_withdraws_nothing() {
    let server = server!();
    let (proxy, instance) = after_failover(&server, true).await;
    server.shared().publish_all(&[revocation("c"), revocation("d")]).await.unwrap();
    let _: u64 = server.command(&["XTRIM", STREAM, "MAXLEN", "0"]).await;
    proxy.mend();
    instance.until_recovered().await;
    assert!(instance.revokes("b") && instance.revokes("c") && instance.revokes("d"));
}

#[tokio::test(flavor = "multi_thread")]
async fn trimmed_stream_of_same_data_still_withdraws() {
    let server = server!();
    let (proxy, instance) = after_failover(&server, false).await;
    let direct = server.shared();
    direct.publish(&revocation("c")).await.unwrap();
    direct.withdraw(&revocation("a")).await.unwrap();
    let _: u64 = server.command(&["XTRIM", STREAM, "MAXLEN", "0"]).await;
    proxy.mend();
    instance.until_recovered().await;
    assert!(instance.revokes("b") && instance.revokes("c") && !instance.revokes("a"));
}
