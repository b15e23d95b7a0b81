//! Lost and stalled connections: the command is sent again, and has one result.

use std::time::Duration;

use scopegate::{ProofUse, ReplayStore as _};
use scopegate_redis::RedisReplayStore;

use crate::gate::Gate;
use crate::replay::{store, used_proof};
use crate::server::{Proxy, server, until};

#[tokio::test(flavor = "multi_thread")]
async fn lost_response_is_no_replay() {
    // DP24: the server has executed the command, and its client does not know.
    let server = server!();
    let gate = Gate::new(&server).await;
    let behind = RedisReplayStore::connect(&gate.redis()).await.unwrap();
    let used = used_proof().await;
    gate.lose_response("SET");
    assert_eq!(behind.record(used).await.unwrap(), ProofUse::First);
    assert_eq!(behind.record(used).await.unwrap(), ProofUse::Repeated);
    assert_eq!(store(&server).await.record(used).await.unwrap(), ProofUse::Repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_response_of_a_replay_is_a_replay() {
    // DP24: the twin, whose entry another instance has written.
    let server = server!();
    let gate = Gate::new(&server).await;
    let behind = RedisReplayStore::connect(&gate.redis()).await.unwrap();
    let used = used_proof().await;
    assert_eq!(store(&server).await.record(used).await.unwrap(), ProofUse::First);
    gate.lose_response("SET");
    assert_eq!(behind.record(used).await.unwrap(), ProofUse::Repeated);
}

#[tokio::test(flavor = "multi_thread")]
async fn closed_connection_is_replaced() {
    let server = server!();
    let proxy = Proxy::new(&server).await;
    let behind = RedisReplayStore::connect(&proxy.redis()).await.unwrap();
    proxy.cut();
    let error = behind.record(used_proof().await).await.unwrap_err().to_string();
    assert!(error.starts_with("no connection to 127.0.0.1"), "{error}");
    proxy.mend();
    // The next attempt follows within 100 ms, doubled for each failure in between.
    let mut failures = 0;
    while behind.record(used_proof().await).await.is_err() {
        tokio::task::yield_now().await;
        failures += 1;
        assert!(failures < 100_000, "it does not recover");
    }
    // A connection that was lost while it was idle costs no request.
    proxy.cut();
    proxy.mend();
    assert_eq!(behind.record(used_proof().await).await.unwrap(), ProofUse::First);
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_connection_is_replaced() {
    // The connection is open, and nothing arrives any more, as after a lost route.
    let server = server!();
    let gate = Gate::new(&server).await;
    let builder = RedisReplayStore::builder(&gate.redis()).timeout(Duration::from_millis(100));
    let behind = builder.connect().await.unwrap();
    assert_eq!(behind.record(used_proof().await).await.unwrap(), ProofUse::First);
    gate.stall("SET");
    let error = behind.record(used_proof().await).await.unwrap_err().to_string();
    assert!(error.starts_with("no response from 127.0.0.1"), "{error}");
    // A connection is replaced when it is one second old.
    let mut accepted = false;
    for _ in 0..300 {
        accepted = behind.record(used_proof().await).await.is_ok();
        if accepted {
            break;
        }
    }
    assert!(accepted);
    until("the stalled connection is closed", || gate.connections() == 1).await;
}
