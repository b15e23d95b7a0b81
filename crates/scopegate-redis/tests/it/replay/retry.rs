//! Lost and stalled connections: the command is sent again, and has one result.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use scopegate::{ProofUse, ReplayStore as _};
use scopegate_redis::{Redis, RedisReplayStore};
use tokio::net::TcpListener;

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

#[tokio::test]
async fn attempts_to_connect_have_pauses() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let redis = Redis::new(&format!("redis://{}", listener.local_addr().unwrap())).unwrap();
    let connections = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::Relaxed);
            drop(stream);
        }
    });
    let store = RedisReplayStore::builder(&redis).connect_lazy().unwrap();
    let used = used_proof().await;
    let begun = Instant::now();
    for _ in 0..1_000 {
        let error = store.record(used).await.unwrap_err().to_string();
        assert!(error.starts_with("no connection to 127.0.0.1"), "{error}");
        tokio::task::yield_now().await;
    }
    // The shortest pause is 50 ms.
    let expected = 1 + u32::try_from(begun.elapsed().as_millis() / 50).unwrap();
    let connections = connections.load(Ordering::Relaxed);
    assert!((1..=expected).contains(&connections), "{connections}, expected {expected}");
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn store_outlives_the_runtime_that_connects() {
    let server = server!();
    let store = RedisReplayStore::builder(&server.redis()).connect_lazy().unwrap();
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    // One that has opened the connection.
    let opening = runtime();
    let recorded = opening.spawn(store.record(used_proof().await)).await.unwrap();
    assert_eq!(recorded.unwrap(), ProofUse::First);
    opening.shutdown_background();
    server.signal("STOP");
    // One that is still opening the next connection.
    let opening = runtime();
    let error = opening.spawn(store.record(used_proof().await)).await.unwrap().unwrap_err().to_string();
    assert!(error.starts_with("no response from 127.0.0.1"), "{error}");
    opening.shutdown_background();
    server.signal("CONT");
    let begun = Instant::now();
    while store.record(used_proof().await).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it waits for the runtime that has ended");
    }
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
