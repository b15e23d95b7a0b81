//! Servers that cannot record a proof: the result is an error within the time limit, never `First`.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use scopegate::{ProofUse, ReplayStore as _};
use scopegate_redis::{Redis, RedisError, RedisReplayStore};
use testkit::{KEY, Log};
use tokio::net::TcpListener;
use tracing_subscriber::filter::LevelFilter;

use crate::replay::{api, proof, send, store, used_proof};
use crate::server::{Server, server};

#[tokio::test]
async fn server_that_never_responds_is_503_in_time() {
    // DP28
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let redis = Redis::new(&format!("redis://{}", listener.local_addr().unwrap())).unwrap();
    let redis = redis.timeout(Duration::from_millis(500));
    let store = RedisReplayStore::builder(&redis).timeout(Duration::from_millis(100)).connect_lazy().unwrap();
    let api = api(store, KEY.jwk());
    let proof = proof();
    let begun = Instant::now();
    let rejection = send(&api, &proof).await.unwrap_err();
    let waited = begun.elapsed();
    assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (503, "replay_store_unavailable"));
    assert!(rejection.to_string().contains("no response from 127.0.0.1"), "{rejection}");
    assert!(waited >= Duration::from_millis(100), "{waited:?}");
    // The limit of the verifier is 1 s. A busy machine may be slow.
    assert!(waited < Duration::from_millis(900), "{waited:?}");
    let error = RedisReplayStore::connect(&redis).await.unwrap_err();
    assert!(matches!(error, RedisError::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn frozen_server_is_an_error_until_it_continues() {
    // DP28
    let server = server!();
    let builder = RedisReplayStore::builder(&server.redis()).timeout(Duration::from_millis(100));
    let store = builder.connect().await.unwrap();
    let used = used_proof().await;
    server.signal("STOP");
    let error = store.record(used).await.unwrap_err().to_string();
    assert!(error.starts_with("no response from 127.0.0.1"), "{error}");
    server.signal("CONT");
    let _ = server.client().await;
    // The server has executed the command of the failed request in the meantime.
    assert_eq!(store.record(used).await.unwrap(), ProofUse::Repeated);
    assert_eq!(store.record(used_proof().await).await.unwrap(), ProofUse::First);
}

#[tokio::test]
async fn waiting_requests_are_bounded() {
    // DP29
    let server = server!();
    let builder = RedisReplayStore::builder(&server.redis()).timeout(Duration::from_millis(900));
    let store = builder.connect().await.unwrap();
    let used = used_proof().await;
    server.signal("STOP");
    let waiting: Vec<_> = (0..1_024).map(|_| tokio::spawn(store.record(used))).collect();
    // The runtime polls some tasks in each turn.
    for _ in 0..1_024 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    let error = store.record(used).await.unwrap_err().to_string();
    assert_eq!(error, "1024 requests wait for the server");
    assert!(begun.elapsed() < Duration::from_millis(450), "it does not wait");
    waiting.iter().for_each(tokio::task::JoinHandle::abort);
    for one in waiting {
        let _ = one.await;
    }
    server.signal("CONT");
    let _ = server.client().await;
    assert_eq!(store.record(used_proof().await).await.unwrap(), ProofUse::First);
}

#[tokio::test]
async fn full_server_is_503() {
    // DP28, DP29
    let server = server!("--maxmemory-policy", "noeviction");
    let store = store(&server).await;
    let api = api(store.clone(), KEY.jwk());
    let _: String = server.command(&["CONFIG", "SET", "maxmemory", "1"]).await;
    let rejection = send(&api, &proof()).await.unwrap_err();
    assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (503, "replay_store_unavailable"));
    assert!(rejection.to_string().contains("command rejected with OOM"), "{rejection}");
    let error = RedisReplayStore::connect(&server.redis()).await.unwrap_err();
    assert!(matches!(&error, RedisError::Rejected { code, .. } if code == "OOM"), "{error:?}");
    let _: String = server.command(&["CONFIG", "SET", "maxmemory", "0"]).await;
    assert!(send(&api, &proof()).await.is_ok());
}

#[tokio::test]
async fn read_only_replica_is_an_error() {
    let (primary, server) = (server!(), server!());
    let store = store(&server).await;
    let port = primary.address().port().to_string();
    let _: String = server.command(&["REPLICAOF", "127.0.0.1", &port]).await;
    let error = store.record(used_proof().await).await.unwrap_err().to_string();
    assert!(error.contains("command rejected with READONLY"), "{error}");
    let error = RedisReplayStore::connect(&server.redis()).await.unwrap_err();
    assert!(matches!(&error, RedisError::Rejected { code, .. } if code == "READONLY"), "{error:?}");
    let _: String = server.command(&["REPLICAOF", "NO", "ONE"]).await;
    // The next attempt follows within a second.
    let begun = Instant::now();
    while store.record(used_proof().await).await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not recover");
    }
    assert_eq!(store.record(used_proof().await).await.unwrap(), ProofUse::First);
}

#[tokio::test]
async fn read_only_replica_gets_few_connections() {
    let (primary, server) = (server!(), server!());
    let store = store(&server).await;
    let port = primary.address().port().to_string();
    let _: String = server.command(&["REPLICAOF", "127.0.0.1", &port]).await;
    let used = used_proof().await;
    let before = connections(&server).await;
    let begun = Instant::now();
    for _ in 0..1_000 {
        let error = store.record(used).await.unwrap_err().to_string();
        assert!(error.contains("command rejected with READONLY"), "{error}");
        tokio::task::yield_now().await;
    }
    // The retry of the first call, and one after each delay. The shortest is 50 ms. One is the
    // test's.
    let expected = 2 + u64::try_from(begun.elapsed().as_millis() / 50).unwrap();
    let opened = connections(&server).await - before;
    assert!((2..=expected).contains(&opened), "{opened}, expected {expected}");
}

/// Returns how many connections a server has accepted.
async fn connections(server: &Server) -> u64 {
    let info: String = server.command(&["INFO", "stats"]).await;
    let count = info.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    count.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn wrong_password_is_503_and_logged() {
    // DP28
    let log = Log::of_thread(LevelFilter::TRACE);
    let server = server!("--requirepass", "s3cret-right");
    let redis = |password: &str| Redis::new(&format!("redis://{password}{}", server.address())).unwrap();
    for wrong in [":s3cret-wrong@", ""] {
        let error = RedisReplayStore::connect(&redis(wrong)).await.unwrap_err();
        assert!(matches!(error, RedisError::AuthenticationFailed { .. }), "{error:?}");
        let store = RedisReplayStore::builder(&redis(wrong)).connect_lazy().unwrap();
        let rejection = send(&api(store, KEY.jwk()), &proof()).await.unwrap_err();
        assert_eq!(rejection.status().as_u16(), 503);
        let text = log.take();
        let failed = text.lines().find(|line| line.contains("replay store failed")).unwrap();
        assert!(failed.contains("ERROR"), "{failed}");
        assert!(failed.contains("rejected the user name or the password"), "{failed}");
        let shown = format!("{text} {error} {error:?} {rejection} {rejection:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let store = RedisReplayStore::connect(&redis(":s3cret-right@")).await.unwrap();
    assert!(send(&api(store, KEY.jwk()), &proof()).await.is_ok());
    assert!(!log.text().contains("s3cret"));
}
