//! Malformed entries: reported with their position, at the cost of no other entry.

use crate::server::{Instance, Server, revocation, server, until};

const STREAM: &str = "{scopegate:revocations}:stream";
const ENTRIES: &str = "{scopegate:revocations}:entries";

/// Appends a change with the next number, as a faulty writer would do.
async fn append(server: &Server, operation: &str, json: &str) -> String {
    let number: u64 = server.command(&["HINCRBY", ENTRIES, "sequence", "1"]).await;
    let (number, mark) = (number.to_string(), "00000000000000ff");
    let after: String = server.command(&["HGET", ENTRIES, "mark"]).await;
    let _: u64 = server.command(&["HSET", ENTRIES, "mark", mark]).await;
    let links = ["XADD", STREAM, "*", "n", &number, "mark", mark, "after", &after];
    server.command(&[&links[..], &["op", operation, "json", json]].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_change_costs_no_other_change() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    let unnumbered: String = server.command(&["XADD", STREAM, "*", "json", "{}"]).await;
    let typo = append(&server, "revoke", r#"{"iss":"i","jit":"user-1"}"#).await;
    let unknown = append(&server, "rewoke", r#"{"iss":"i","jti":"user-1"}"#).await;
    shared.publish(&revocation("b")).await.unwrap();
    instance.until_revoked("b", true).await;
    assert!(instance.revokes("a"));
    until("they are reported", || instance.source().malformed == 3).await;
    assert_eq!(
        instance.source().malformed_lines,
        [
            format!("{unnumbered}: expected a valid field `n`, found none"),
            format!(
                "{typo}: a member other than `iss`, `jti`, `sub`, `client_id`, `sid`, `kid`, `not_before` and `exp`"
            ),
            format!("{unknown}: `op`: expected `revoke` or `withdraw`, found \"rewoke\""),
        ]
    );
    assert_eq!(instance.source().last_failure, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_snapshot_entry_withdraws_nothing() {
    let server = server!();
    let shared = server.shared();
    shared.publish_all(&[revocation("a"), revocation("b")]).await.unwrap();
    let instance = Instance::following(&shared).await;
    let field = "sub 1 i user-1";
    let malformed = r#"00000000000000ff {"iss":"i","sub":"user-1"}"#;
    let _: u64 = server.command(&["HSET", ENTRIES, field, malformed]).await;
    // The reader misses the withdrawal, so it reads the snapshot.
    shared.withdraw(&revocation("a")).await.unwrap();
    instance.until_revoked("a", false).await;
    let _: u64 = server.command(&["HINCRBY", ENTRIES, "sequence", "1"]).await;
    until("it is reported", || instance.source().malformed == 1).await;
    assert_eq!(
        instance.source().malformed_lines,
        ["snapshot, sub of \"i\": expected `not_before`, found none"]
    );
    let fields: Vec<String> = server.command(&["HKEYS", ENTRIES]).await;
    let b = fields.iter().find(|field| field.ends_with(" b")).unwrap();
    let _: u64 = server.command(&["HDEL", ENTRIES, b]).await;
    let _: u64 = server.command(&["HINCRBY", ENTRIES, "sequence", "1"]).await;
    shared.publish(&revocation("c")).await.unwrap();
    instance.until_revoked("c", true).await;
    assert!(instance.revokes("b"), "the malformed entry could be this one");

    let _: u64 = server.command(&["HDEL", ENTRIES, field]).await;
    let _: u64 = server.command(&["HINCRBY", ENTRIES, "sequence", "1"]).await;
    instance.until_revoked("b", false).await;
    assert_eq!((instance.source().malformed, instance.revokes("c")), (0, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_malformed_entries_are_counted() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let mut client = server.client().await;
    for number in 0..1_000 {
        let mut command = redis::cmd("HSET");
        command.arg(ENTRIES).arg(format!("x{number}")).arg("x".repeat(100));
        command.exec_async(&mut client).await.unwrap();
    }
    let instance = Instance::following(&shared).await;
    let source = instance.source();
    assert!(instance.revokes("a") && source.malformed >= 1_000);
    assert_eq!(source.malformed_lines.len(), 10);
}

/// The runtime has one thread, so its clock can be advanced.
#[tokio::test]
async fn corrected_entry_is_no_longer_reported() {
    let server = server!();
    let shared = server.shared();
    shared.publish(&revocation("a")).await.unwrap();
    let instance = Instance::following(&shared).await;
    append(&server, "revoke", r#"{"iss":"i","jit":"user-1"}"#).await;
    until("it is reported", || instance.source().malformed == 1).await;
    // The snapshot has no such entry, and is read again in the background.
    testkit::pass(std::time::Duration::from_secs(600)).await;
    shared.publish(&revocation("b")).await.unwrap();
    instance.until_revoked("b", true).await;
    assert_eq!(instance.source().malformed, 1, "not before 10 min");
    testkit::pass(std::time::Duration::from_secs(601)).await;
    until("it is corrected", || instance.source().malformed == 0).await;
    assert!(instance.revokes("a") && instance.revokes("b"));
}
