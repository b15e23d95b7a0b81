//! Was a DPoP proof used before? Each used proof is a key of the server, which expires.
//!
//! The key is `{prefix}:{hash}`. The hash is 128 bits of a SHA-256 over the client's key and the
//! `jti`, in base64url. The value is the number of the call that has written it.

mod builder;
mod link;
mod outage;
mod server;

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::Cmd;
use scopegate::{ProofUse, ReplayStore, ReplayStoreError, UsedProof};
use scopegate_proto::base64url;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::connection::Redis;
use crate::error::{Chain, RedisError};
pub use crate::replay::builder::RedisReplayStoreBuilder;
use crate::replay::link::{Link, Opened};
use crate::replay::outage::Outage;

/// Used DPoP proofs that a fleet shares through a server (RFC 9449 §11.1). Pass it to
/// [`Dpop::replay_store`](scopegate::Dpop::replay_store). Cloning shares the connection.
///
/// ```no_run
/// use scopegate::{Dpop, Issuer, Verifier};
/// use scopegate_redis::{Redis, RedisReplayStore};
///
/// # async fn run(issuer: Issuer) -> Result<(), Box<dyn std::error::Error>> {
/// let redis = Redis::new("rediss://orders:secret@redis.example")?;
/// let used = RedisReplayStore::connect(&redis).await?;
/// let dpop = Dpop::accept().origin("https://api.example").replay_store(used);
/// let verifier = Verifier::builder().trust(issuer).dpop(dpop).start().await?;
/// # let _ = verifier;
/// # Ok(()) }
/// ```
///
/// A request with a proof waits for one `SET … NX PX`. Of several simultaneous uses of a proof, in
/// all instances together, one is the first. Bearer tokens are accepted without the server.
///
/// # Failures
///
/// If the use of a proof cannot be recorded, the request gets a 503 with `Retry-After`. The proof
/// may be used up then, so the client signs another one. The reasons are:
///
/// 1. The server does not respond to two attempts, each within half of the
///    [timeout](RedisReplayStoreBuilder::timeout).
/// 2. The server cannot be reached, rejects the login, or has no memory left.
/// 3. 1,024 requests of this store wait for the server.
///
/// If the connection is lost, or there is no response for half of the timeout, the command is sent
/// again on another connection, once. The value of the key shows whether the first command was
/// executed, so a valid proof is not taken for a replay.
///
/// A lost connection is opened again when a request needs it. After a failure, the next attempt
/// follows after at most 100 ms, doubled up to 1 s, with jitter. Until then, requests with proofs
/// fail at once. The failure is logged once a minute at most, and the recovery too.
#[derive(Clone)]
pub struct RedisReplayStore {
    shared: Arc<Shared>,
}

/// The requests that wait for the server at the same time. Each holds some hundred bytes. At 1 ms for
/// a response, it is a million requests per second.
const MAX_PENDING: usize = 1_024;

struct Shared {
    link: Arc<Link>,
    prefix: String,
    limit: Duration,
    pending: Semaphore,
    outage: Outage,
    /// The numbers of calls are random, because instances must not use the same ones.
    numbers: RandomState,
    calls: AtomicU64,
}

impl RedisReplayStore {
    /// Connects to a server, with the default settings.
    ///
    /// # Errors
    /// Returns an error as [`RedisReplayStoreBuilder::connect`] does.
    pub async fn connect(redis: &Redis) -> Result<Self, RedisError> {
        Self::builder(redis).connect().await
    }

    /// Returns the settings of a store, which can be changed before it connects.
    pub fn builder(redis: &Redis) -> RedisReplayStoreBuilder {
        RedisReplayStoreBuilder::new(redis)
    }

    fn new(link: Arc<Link>, prefix: String, limit: Duration) -> Self {
        let shared = Shared {
            link,
            prefix,
            limit,
            pending: Semaphore::new(MAX_PENDING),
            outage: Outage::default(),
            numbers: RandomState::new(),
            calls: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }
}

impl ReplayStore for RedisReplayStore {
    fn record(
        &self,
        proof: UsedProof,
    ) -> Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>> {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let recorded = shared.record(&proof).await;
            shared.outage.note(shared.link.address(), recorded.as_ref().err());
            recorded
        })
    }
}

impl Shared {
    async fn record(&self, proof: &UsedProof) -> Result<ProofUse, ReplayStoreError> {
        let Ok(_permit) = self.pending.try_acquire() else {
            return Err(ReplayStoreError::new(format!("{MAX_PENDING} requests wait for the server")));
        };
        let entry = self.entry(proof.key(), proof.retention());
        let address = || self.link.address().to_owned();
        let waited = timeout(self.limit, self.record_or_retry(&entry)).await;
        waited.unwrap_or_else(|_| Err(reason(RedisError::Timeout { address: address(), limit: self.limit })))
    }

    async fn record_or_retry(&self, entry: &Entry) -> Result<ProofUse, ReplayStoreError> {
        let opened = self.link.get().await?;
        match timeout(self.limit / 2, entry.insert(&opened)).await {
            Ok(Ok(used)) => return Ok(used),
            Ok(Err(error)) if !helps_another_connection(&error) => return Err(reason(error)),
            Ok(Err(_)) => self.link.replace(&opened),
            Err(_) => self.link.replace_stalled(&opened),
        }
        let opened = self.link.get().await?;
        entry.insert_again(&opened).await.map_err(reason)
    }

    fn entry(&self, key: [u8; 16], retention: Duration) -> Entry {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        // The server stores a number of 63 bits without a string.
        let number = self.numbers.hash_one(call) >> 1;
        Entry { key: format!("{}:{}", self.prefix, base64url::encode(key)), number, retention }
    }
}

/// What one call writes.
struct Entry {
    key: String,
    number: u64,
    retention: Duration,
}

impl Entry {
    /// Writes the entry, if there is none.
    async fn insert(&self, opened: &Opened) -> Result<ProofUse, RedisError> {
        let mut command = redis::cmd("SET");
        let retention = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX / 2).saturating_add(1);
        command.arg(&self.key).arg(self.number).arg("NX").arg("PX").arg(retention);
        let response: Option<String> = opened.connection.concurrent_command(&command).await?;
        match response.as_deref() {
            Some("OK") => Ok(ProofUse::First),
            None => Ok(ProofUse::Repeated),
            Some(_) => Err(RedisError::UnexpectedResponse { expected: "`OK` or nothing" }),
        }
    }

    /// Writes the entry after an attempt that had no response. That attempt may have written it.
    async fn insert_again(&self, opened: &Opened) -> Result<ProofUse, RedisError> {
        if self.insert(opened).await? == ProofUse::First {
            return Ok(ProofUse::First);
        }
        let stored: Option<String> = opened.connection.concurrent_command(&Cmd::get(&self.key)).await?;
        match stored {
            Some(number) if number == self.number.to_string() => Ok(ProofUse::First),
            Some(_) => Ok(ProofUse::Repeated),
            None => Err(RedisError::UnexpectedResponse { expected: "the entry that `SET` has found" }),
        }
    }
}

/// Whether the command may succeed on another connection. A replica rejects it after a failover, and
/// the address may lead to the new primary. After a response of another form, later responses may
/// belong to other commands.
fn helps_another_connection(error: &RedisError) -> bool {
    match error {
        RedisError::UnexpectedResponse { .. } => true,
        RedisError::Rejected { code, .. } => code == "READONLY",
        other => other.is_of_connection(),
    }
}

fn reason(error: RedisError) -> ReplayStoreError {
    ReplayStoreError::new(Chain(error).to_string())
}

impl fmt::Debug for RedisReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedisReplayStore");
        shown.field("redis", &self.shared.link.redis).field("prefix", &self.shared.prefix);
        shown.finish_non_exhaustive()
    }
}
