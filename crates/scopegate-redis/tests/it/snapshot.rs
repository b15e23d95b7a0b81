//! A server whose data changes or is lost while a snapshot is read.

use scopegate::Revocation;

use crate::gate::Gate;
use crate::server::{Instance, Server, revocation, server, until};

const ENTRIES: &str = "{scopegate:revocations}:entries";

/// A snapshot of as many entries has several pages.
const FILLERS: usize = 1_200;

/// All entries: `a`, the fillers, and `first`, which was published before the data was saved.
const ALL: usize = FILLERS + 2;

/// Returns an instance that has read the first page of its second snapshot.
async fn amid_snapshot(server: &Server) -> (Gate, Instance) {
    let shared = server.shared();
    shared.publish(&revocation("first")).await.unwrap();
    server.save_data().await;
    let fillers = (0..FILLERS).map(|number| revocation(&format!("filler-{number}")));
    let all: Vec<Revocation> = fillers.chain([revocation("a")]).collect();
    shared.publish_all(&all).await.unwrap();
    let gate = Gate::new(server).await;
    let instance = Instance::following(&gate.shared()).await;
    assert_eq!(instance.source().entries, ALL);
    gate.hold("HSCAN", 1);
    // A number without a change: the reader has missed it.
    let _: u64 = server.command(&["HINCRBY", ENTRIES, "sequence", "1"]).await;
    gate.until_held().await;
    (gate, instance)
}

/// Removes an entry without a change in the stream.
async fn remove(server: &Server, id: &str) {
    let fields: Vec<String> = server.command(&["HKEYS", ENTRIES]).await;
    let field = fields.iter().find(|field| field.ends_with(&format!(" {id}"))).unwrap();
    let _: u64 = server.command(&["HDEL", ENTRIES, field]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flush_amid_snapshot_withdraws_nothing() {
    // RV08
    let server = server!();
    let (gate, instance) = amid_snapshot(&server).await;
    let _: String = server.command(&["FLUSHALL"]).await;
    gate.release();
    instance.until_failed("the server lost its revocations").await;
    assert_eq!(instance.source().entries, ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_data_amid_snapshot_withdraws_nothing() {
    let server = server!();
    let (gate, instance) = amid_snapshot(&server).await;
    let _: String = server.command(&["FLUSHALL"]).await;
    server.shared().publish(&revocation("b")).await.unwrap();
    gate.release();
    instance.until_revoked("b", true).await;
    assert_eq!(instance.source().entries, ALL + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn older_data_amid_snapshot_withdraws_nothing() {
    let server = server!();
    let (gate, instance) = amid_snapshot(&server).await;
    server.restore_data().await;
    gate.release();
    server.shared().publish(&revocation("b")).await.unwrap();
    instance.until_revoked("b", true).await;
    assert!(instance.revokes("a"));
    assert_eq!(instance.source().entries, ALL + 1);
}

/// The number that is known stays known while there is no position.
#[tokio::test(flavor = "multi_thread")]
async fn older_data_after_interrupted_snapshot_is_a_loss() {
    let server = server!();
    let (gate, instance) = amid_snapshot(&server).await;
    server.restore_data().await;
    let _: u64 = server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    instance.until_failed("no connection to 127.0.0.1").await;
    gate.release();
    instance.until_recovered().await;
    assert_eq!(instance.source().entries, ALL);
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_snapshot_is_no_loss() {
    let server = server!();
    let (gate, instance) = amid_snapshot(&server).await;
    remove(&server, "a").await;
    let _: u64 = server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    instance.until_failed("no connection to 127.0.0.1").await;
    gate.release();
    instance.until_recovered().await;
    assert_eq!(instance.source().entries, ALL - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_amid_snapshot_are_no_loss() {
    let server = server!();
    let (gate, instance) = amid_snapshot(&server).await;
    let shared = server.shared();
    shared.publish(&revocation("b")).await.unwrap();
    shared.withdraw(&revocation("a")).await.unwrap();
    gate.release();
    instance.until_revoked("b", true).await;
    instance.until_revoked("a", false).await;
    // A snapshot still withdraws.
    remove(&server, "b").await;
    let _: u64 = server.command(&["HINCRBY", ENTRIES, "sequence", "1"]).await;
    instance.until_revoked("b", false).await;
    assert_eq!(instance.source().entries, ALL - 1);
}

/// As after a failover between two pages: a cursor leads to other entries on another server.
#[tokio::test(flavor = "multi_thread")]
async fn incomplete_snapshot_is_read_again() {
    let server = server!();
    let (gate, instance) = amid_snapshot(&server).await;
    let mut client = server.client().await;
    for number in 0..600 {
        let json = revocation(&format!("more-{number}")).to_json();
        let mut command = redis::cmd("HSET");
        command.arg(ENTRIES).arg(format!("more {number}")).arg(format!("0000000000000000 {json}"));
        command.exec_async(&mut client).await.unwrap();
    }
    gate.release();
    until("all are loaded", || instance.source().entries == ALL + 600).await;
}
