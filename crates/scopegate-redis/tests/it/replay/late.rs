//! Responses that arrive after half of the time limit: the result for each order of the two
//! attempts. The table is in `docs/design/dpop-redis.md`.

use std::sync::mpsc;
use std::time::Duration;

use scopegate::{ProofUse, ReplayStore as _, ReplayStoreError};
use scopegate_redis::RedisReplayStore;
use tokio::task::JoinHandle;
use tokio::time::{advance, pause, resume};

use crate::replay::used_proof;
use crate::scripted::{Received, Scripted};

const LIMIT: Duration = Duration::from_millis(900);

type Recorded = JoinHandle<Result<ProofUse, ReplayStoreError>>;

/// The time of the runtime stands still, also while it waits for sockets, and however busy the
/// machine is.
struct StoppedTime {
    /// The runtime does not advance the time while a blocking task runs, which ends with this
    /// value.
    _task: mpsc::Sender<()>,
}

impl StoppedTime {
    fn stop() -> Self {
        let (task, ends) = mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || ends.recv().is_err());
        pause();
        Self { _task: task }
    }
}

impl Drop for StoppedTime {
    fn drop(&mut self) {
        resume();
    }
}

/// Advances the time so far that timers of this length have ended.
async fn pass(time: Duration) {
    advance(time + Duration::from_millis(1)).await;
    tokio::task::yield_now().await;
}

/// Connects a store to a server, and returns both when the connection is a second old.
async fn connected() -> (StoppedTime, Scripted, RedisReplayStore) {
    let (time, server, store) = just_connected().await;
    pass(Duration::from_secs(1)).await;
    (time, server, store)
}

async fn just_connected() -> (StoppedTime, Scripted, RedisReplayStore) {
    let time = StoppedTime::stop();
    let mut server = Scripted::start().await;
    let builder = RedisReplayStore::builder(&server.redis()).timeout(LIMIT);
    let connecting = tokio::spawn(builder.connect());
    server.next("SET", 0).await.ok().await;
    (time, server, connecting.await.unwrap().unwrap())
}

/// Returns a call whose first attempt has no response for half of the limit.
async fn late(server: &mut Scripted, store: &RedisReplayStore) -> (Recorded, Received) {
    let call = tokio::spawn(store.record(used_proof().await));
    let first = server.next("SET", 0).await;
    pass(LIMIT / 2).await;
    (call, first)
}

async fn result(call: Recorded) -> ProofUse {
    call.await.unwrap().unwrap()
}

#[tokio::test]
async fn late_response_of_first_attempt_counts() {
    // DP24: the retry has no response yet.
    let (_time, mut server, store) = connected().await;
    let (call, first) = late(&mut server, &store).await;
    let retry = server.next("SET", 1).await;
    assert_eq!(first.words, retry.words);
    first.ok().await;
    assert_eq!(result(call).await, ProofUse::First);
}

#[tokio::test]
async fn retry_that_writes_is_first_use() {
    // DP24: the first attempt never arrives.
    let (_time, mut server, store) = connected().await;
    let (call, _first) = late(&mut server, &store).await;
    server.next("SET", 1).await.ok().await;
    assert_eq!(result(call).await, ProofUse::First);
}

#[tokio::test]
async fn retry_that_finds_own_number_is_first_use() {
    // DP24: the first attempt was executed, and its response is lost.
    let (_time, mut server, store) = connected().await;
    let (call, first) = late(&mut server, &store).await;
    server.next("SET", 1).await.nothing().await;
    server.next("GET", 1).await.text(first.value()).await;
    assert_eq!(result(call).await, ProofUse::First);
}

#[tokio::test]
async fn retry_that_finds_other_number_is_replay() {
    // DP24: another call has written the entry before the first attempt, or between the two.
    let (_time, mut server, store) = connected().await;
    let (call, _first) = late(&mut server, &store).await;
    server.next("SET", 1).await.nothing().await;
    server.next("GET", 1).await.text("1").await;
    assert_eq!(result(call).await, ProofUse::Repeated);
}

#[tokio::test]
async fn late_attempt_finds_entry_of_its_retry() {
    // DP24: the retry has written the entry before the first attempt was executed.
    let (_time, mut server, store) = connected().await;
    let (call, first) = late(&mut server, &store).await;
    let retry = server.next("SET", 1).await;
    first.nothing().await;
    server.next("GET", 0).await.text(retry.value()).await;
    assert_eq!(result(call).await, ProofUse::First);
}

#[tokio::test]
async fn late_attempt_that_finds_other_number_is_replay() {
    // DP24: the twin, whose entry another call has written.
    let (_time, mut server, store) = connected().await;
    let (call, first) = late(&mut server, &store).await;
    let _retry = server.next("SET", 1).await;
    first.nothing().await;
    server.next("GET", 0).await.text("1").await;
    assert_eq!(result(call).await, ProofUse::Repeated);
}

#[tokio::test]
async fn entry_that_vanishes_is_an_error() {
    // DP28: a failover or an eviction between the two commands.
    for of_first in [true, false] {
        let (_time, mut server, store) = connected().await;
        let (call, first) = late(&mut server, &store).await;
        let retry = server.next("SET", 1).await;
        let (answered, connection) = if of_first { (&first, 0) } else { (&retry, 1) };
        answered.nothing().await;
        server.next("GET", connection).await.nothing().await;
        let error = call.await.unwrap().unwrap_err().to_string();
        assert!(error.contains("the entry that `SET` has found"), "{error}");
    }
}

#[tokio::test]
async fn failed_attempt_leaves_verdict_to_the_other() {
    // DP24
    for of_first in [true, false] {
        let (_time, mut server, store) = connected().await;
        let (call, first) = late(&mut server, &store).await;
        let retry = server.next("SET", 1).await;
        let (failed, other) = if of_first { (first, retry) } else { (retry, first) };
        failed.respond("-OOM command not allowed\r\n").await;
        other.ok().await;
        assert_eq!(result(call).await, ProofUse::First);
    }
}

#[tokio::test]
async fn two_attempts_without_response_are_an_error() {
    // DP28
    let (_time, mut server, store) = connected().await;
    let (call, _first) = late(&mut server, &store).await;
    let _retry = server.next("SET", 1).await;
    pass(LIMIT / 2).await;
    let error = call.await.unwrap().unwrap_err().to_string();
    assert!(error.starts_with("no response from 127.0.0.1"), "{error}");
}

#[tokio::test]
async fn slow_server_records_each_proof() {
    // Each response takes longer than half of the limit. A younger connection is not replaced.
    let (_time, mut server, store) = just_connected().await;
    for _ in 0..2 {
        let (call, first) = late(&mut server, &store).await;
        first.ok().await;
        assert_eq!(result(call).await, ProofUse::First);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn slow_connection_is_used_until_another_is_open() {
    // The server does not accept another connection in time.
    let (_time, mut server, store) = connected().await;
    server.hold_logins();
    let (call, first) = late(&mut server, &store).await;
    // A further request does not wait for the login.
    let further = tokio::spawn(store.record(used_proof().await));
    let second = server.next("SET", 0).await;
    first.ok().await;
    second.ok().await;
    assert_eq!((result(call).await, result(further).await), (ProofUse::First, ProofUse::First));
    // The attempt fails, and the connection has responded meanwhile, so it stays.
    pass(Duration::from_secs(2)).await;
    let call = tokio::spawn(store.record(used_proof().await));
    server.next("SET", 0).await.ok().await;
    assert_eq!(result(call).await, ProofUse::First);
    assert_eq!(server.connections(), 2);
}
