//! The state of one pool: configuration, keys, faults and counters.
//!
//! The rules of rotation are in `key_ring.rs`; this file makes the keys and holds the locks.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::alg::Alg;
use crate::caching::Caching;
use crate::client_assertion::Seen;
use crate::clock::Clock;
use crate::config::{ClientConfig, PoolConfig};
use crate::fault::Fault;
use crate::fault::plan::FaultPlan;
use crate::key::SigningKey;
use crate::key_ring::KeyRing;
use crate::mint::Mint;

/// What a pool is. Shared by its handles, its mints and the endpoints.
pub(crate) struct PoolState {
    config: PoolConfig,
    issuer: String,
    /// Made when first asked for, since it is slow and not every pool of a configuration is used.
    keys: OnceLock<Mutex<KeyRing>>,
    /// A new key that nothing has used yet.
    spare: Mutex<Option<SigningKey>>,
    caching: Caching,
    fault: Mutex<FaultPlan>,
    token_fault: Mutex<FaultPlan>,
    seen_assertions: Seen,
    jwks_fetches: AtomicU64,
    token_requests: AtomicU64,
    clock: Arc<Clock>,
}

impl PoolState {
    pub(crate) fn new(config: PoolConfig, base: &str, clock: Arc<Clock>) -> Self {
        Self {
            issuer: format!("{base}/{}", config.id),
            config,
            keys: OnceLock::new(),
            spare: Mutex::default(),
            caching: Caching::default(),
            fault: Mutex::default(),
            token_fault: Mutex::default(),
            seen_assertions: Seen::default(),
            jwks_fetches: AtomicU64::new(0),
            token_requests: AtomicU64::new(0),
            clock,
        }
    }

    pub(crate) fn config(&self) -> &PoolConfig {
        &self.config
    }

    pub(crate) fn client(&self, id: &str) -> Option<&ClientConfig> {
        self.config.clients.iter().find(|client| client.id == id)
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn jwks_uri(&self) -> String {
        format!("{}/.well-known/jwks.json", self.issuer)
    }

    pub(crate) fn authorization_endpoint(&self) -> String {
        format!("{}/oauth2/authorize", self.issuer)
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/oauth2/token", self.issuer)
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    pub(crate) fn jwks(&self) -> String {
        self.keys().jwks().to_string()
    }

    pub(crate) fn signing_key(&self) -> SigningKey {
        self.keys().current().clone()
    }

    pub(super) fn plan_fault(&self, plan: FaultPlan) {
        *locked(&self.fault) = plan;
    }

    pub(super) fn plan_token_fault(&self, plan: FaultPlan) {
        *locked(&self.token_fault) = plan;
    }

    pub(super) fn jwks_fetches(&self) -> u64 {
        self.jwks_fetches.load(Ordering::SeqCst)
    }

    pub(super) fn token_requests(&self) -> u64 {
        self.token_requests.load(Ordering::SeqCst)
    }

    /// The fault of this request for the key set. Ask once for each request.
    pub(crate) fn take_fault(&self) -> Option<Fault> {
        locked(&self.fault).take()
    }

    /// The fault of this request for a token. Ask once for each request.
    pub(crate) fn take_token_fault(&self) -> Option<Fault> {
        locked(&self.token_fault).take()
    }

    pub(crate) fn seen_assertions(&self) -> &Seen {
        &self.seen_assertions
    }

    pub(crate) fn caching(&self) -> &Caching {
        &self.caching
    }

    pub(crate) fn count_jwks_fetch(&self) {
        self.jwks_fetches.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn count_token_request(&self) {
        self.token_requests.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn mint(self: &Arc<Self>) -> Mint {
        // A checked configuration has a client in every pool.
        match self.config.clients.first() {
            Some(client) => self.mint_for(client),
            None => Mint::of_pool(self, ""),
        }
    }

    pub(crate) fn mint_for(self: &Arc<Self>, client: &ClientConfig) -> Mint {
        Mint::of_pool(self, &client.id)
            .scope(&client.scopes.join(" "))
            .lifetime(client.access_token_lifetime_secs)
    }

    /// Of the current algorithm. Slow, so it is made before the lock is taken to use it.
    pub(super) fn new_key(&self) -> SigningKey {
        let alg = self.keys().current().alg();
        let spare = locked(&self.spare).take();
        spare.filter(|spare| spare.alg() == alg).unwrap_or_else(|| SigningKey::generate(alg))
    }

    /// Makes the next new key now, so that [`new_key`](Self::new_key) is quick.
    pub(crate) fn prepare_new_key(&self) {
        let key = self.new_key();
        *locked(&self.spare) = Some(key);
    }

    /// Makes the keys if nothing has asked for them yet.
    pub(crate) fn prepare_keys(&self) {
        drop(self.keys());
    }

    pub(super) fn keys(&self) -> MutexGuard<'_, KeyRing> {
        locked(self.keys.get_or_init(|| Mutex::new(two_rsa_keys())))
    }
}

impl fmt::Debug for PoolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolState").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// A panic while a lock is held leaves whole values behind, so a poisoned lock is as good as another.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Side by side, since each takes some tens of milliseconds.
fn two_rsa_keys() -> KeyRing {
    let id_token = thread::spawn(|| SigningKey::generate(Alg::RS256));
    let access_token = SigningKey::generate(Alg::RS256);
    KeyRing::new(access_token, id_token.join().unwrap_or_else(|_| SigningKey::generate(Alg::RS256)))
}
