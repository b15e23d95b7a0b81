//! Was a DPoP proof used before? Each used proof is a key of the server, which expires.
//!
//! The key is `{prefix}:{hash}`. The hash is 128 bits of a SHA-256 over the client's key and the
//! `jti`, in base64url. The value is the number of the call that has written it.

mod builder;
mod entry;
mod link;
mod opened;
mod outage;
mod server;

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scopegate::{ProofUse, ReplayStore, ReplayStoreError, UsedProof};
use scopegate_proto::base64url;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::connection::Redis;
use crate::error::{Chain, RedisError};
pub use crate::replay::builder::RedisReplayStoreBuilder;
use crate::replay::entry::Entry;
use crate::replay::link::Link;
use crate::replay::opened::Opened;
use crate::replay::outage::Outage;

/// Used DPoP proofs that a fleet shares through a server (RFC 9449 §11.1). Pass it to
/// [`Dpop::replay_store`](scopegate::Dpop::replay_store). Cloning shares the connection.
///
/// ```no_run
/// # // Not run, because it needs a Redis server.
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
/// 1. The server does not respond within the [timeout](RedisReplayStoreBuilder::timeout).
/// 2. The server cannot be reached, rejects the login, or has no memory left.
/// 3. 1,024 requests of this store wait for the server.
///
/// If the connection is lost, or there is no response for half of the timeout, the command is sent
/// again on another connection, once. The first attempt still counts if its response comes first.
/// The value of the key shows whether one of the two has written it, so a valid proof is not taken
/// for a replay. A connection is replaced for a late response when it is a second old.
///
/// A lost connection is opened again when a request needs it. After a failure, the next attempt
/// follows after at most 100 ms, doubled up to 1 s, with jitter. The same applies if a new
/// connection rejects writes, as a replica's does. Until then, requests with proofs fail at once.
/// The failure is logged once a minute at most, and the recovery too.
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

    fn identity(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.shared).addr())
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
        waited.unwrap_or_else(|_| Err(reason(&RedisError::Timeout { address: address(), limit: self.limit })))
    }

    async fn record_or_retry(&self, entry: &Entry) -> Result<ProofUse, ReplayStoreError> {
        let opened = self.link.get().await?;
        let mut first = pin!(entry.insert(&opened));
        let response = match timeout(self.limit / 2, &mut first).await {
            Ok(response) => response,
            Err(_) if self.link.replace_stalled(&opened) => return self.race(entry, &opened, first).await,
            Err(_) => first.await,
        };
        match response {
            Ok(used) => Ok(used),
            Err(error) if !helps_another_connection(&error) => Err(reason(&error)),
            Err(error) => {
                self.link.replace(&opened, &error);
                let other = self.link.get().await?;
                let used = self.insert_again(entry, &other).await?;
                entry.verdict(used, &other).await
            }
        }
    }

    /// Sends the command on another connection too, and decides by the response that arrives first.
    async fn race(
        &self,
        entry: &Entry,
        late: &Arc<Opened>,
        first: impl Future<Output = Result<ProofUse, RedisError>>,
    ) -> Result<ProofUse, ReplayStoreError> {
        let first = async {
            let response = first.await;
            let used = response.inspect_err(|error| self.link.replace(late, error));
            used.map(|used| (used, Arc::clone(late))).map_err(|error| reason(&error))
        };
        let retry = async {
            let other = self.link.after(late).await?;
            self.insert_again(entry, &other).await.map(|used| (used, other))
        };
        let (used, opened) = first_success(first, retry).await?;
        entry.verdict(used, &opened).await
    }

    async fn insert_again(&self, entry: &Entry, other: &Arc<Opened>) -> Result<ProofUse, ReplayStoreError> {
        let response = entry.insert(other).await;
        if let Err(error) = &response
            && helps_another_connection(error)
        {
            self.link.replace(other, error);
        }
        response.map_err(|error| reason(&error))
    }

    fn entry(&self, key: [u8; 16], retention: Duration) -> Entry {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        // The server stores a number of 63 bits without a string.
        let number = self.numbers.hash_one(call) >> 1;
        Entry { key: format!("{}:{}", self.prefix, base64url::encode(key)), number, retention }
    }
}

/// Returns the success that comes first. If both fail, returns the error that comes last.
async fn first_success<T, E>(
    one: impl Future<Output = Result<T, E>>,
    other: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    let (mut one, mut other) = (pin!(one), pin!(other));
    tokio::select! {
        result = &mut one => if result.is_ok() { result } else { other.await },
        result = &mut other => if result.is_ok() { result } else { one.await },
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

fn reason(error: &RedisError) -> ReplayStoreError {
    ReplayStoreError::new(Chain(error).to_string())
}

impl fmt::Debug for RedisReplayStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("RedisReplayStore");
        shown.field("redis", &self.shared.link.redis).field("prefix", &self.shared.prefix);
        shown.finish_non_exhaustive()
    }
}
