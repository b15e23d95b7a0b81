//! One user pool: its handle for tests, and its state.
//!
//! The rules of rotation are in `key_ring.rs`; this file makes the keys and takes the lock.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::alg::Alg;
use crate::clock::Clock;
use crate::config::{ClientConfig, PoolConfig};
use crate::fault::Fault;
use crate::key::SigningKey;
use crate::key_ring::KeyRing;
use crate::mint::Mint;
use crate::server::Server;

/// A handle on one pool of a [`LocalIssuer`](crate::LocalIssuer).
///
/// Cloning is cheap; while a handle lives, so does the server.
#[derive(Clone)]
pub struct Pool {
    state: Arc<PoolState>,
    server: Arc<Server>,
}

impl Pool {
    pub(crate) fn new(state: Arc<PoolState>, server: Arc<Server>) -> Self {
        Self { state, server }
    }

    /// The pool's id, `eu-west-1_Local0001`.
    pub fn id(&self) -> &str {
        &self.state.config.id
    }

    /// The issuer identifier, `http://127.0.0.1:PORT/eu-west-1_Local0001`: the `iss` of its tokens.
    pub fn issuer(&self) -> &str {
        self.state.issuer()
    }

    /// Where the key set is: the issuer followed by `/.well-known/jwks.json`.
    pub fn jwks_uri(&self) -> String {
        self.state.jwks_uri()
    }

    /// Where tokens are to be had: the issuer followed by `/oauth2/token`.
    pub fn token_endpoint(&self) -> String {
        self.state.token_endpoint()
    }

    /// The clients, in the order of the configuration.
    pub fn clients(&self) -> &[ClientConfig] {
        &self.state.config.clients
    }

    /// A good token of the pool's first client with all its scopes, to be bent. It is signed with whichever key the
    /// pool signs with when [`Mint::sign`] is called.
    pub fn mint(&self) -> Mint {
        self.state.mint()
    }

    /// The key set as it is published now, without faults and without counting as a fetch.
    pub fn jwks(&self) -> String {
        self.state.jwks()
    }

    /// The key that signs access tokens now.
    pub fn signing_key(&self) -> SigningKey {
        self.state.signing_key()
    }

    /// The published key that signs no access tokens: in Cognito, it signs ID tokens.
    pub fn id_token_key(&self) -> SigningKey {
        self.state.keys().id_token().clone()
    }

    /// A new signing key; the one before stays published. Two generations at most.
    pub fn rotate(&self) {
        self.rotate_to(self.state.new_key());
    }

    /// Like [`rotate`](Self::rotate), to a given key: of another algorithm, say.
    pub fn rotate_to(&self, key: SigningKey) {
        self.state.keys().rotate(key);
    }

    /// A new signing key; all earlier ones leave the set at once.
    pub fn rotate_without_overlap(&self) {
        let key = self.state.new_key();
        self.state.keys().rotate_without_overlap(key);
    }

    /// A new signing key that is not in the set before [`publish`](Self::publish): an issuer that publishes late.
    pub fn rotate_unpublished(&self) {
        let key = self.state.new_key();
        self.state.keys().rotate_unpublished(key);
    }

    /// Puts the current signing key into the set.
    pub fn publish(&self) {
        self.state.keys().publish();
    }

    /// Drops every generation of the signing key but the current one. The key for ID tokens stays, since it is not
    /// an earlier generation of it.
    pub fn revoke_previous(&self) {
        self.state.keys().revoke_previous();
    }

    /// A new signing key under the key id of the current one, which it replaces.
    pub fn replace_key_material(&self) {
        let key = self.state.new_key();
        self.state.keys().replace_key_material(key);
    }

    /// From now on the key set endpoint misbehaves. Counted as fetches all the same.
    pub fn set_fault(&self, fault: Fault) {
        *self.state.fault_slot() = Some(fault);
    }

    /// The key set endpoint answers again. A [`Fault::Drip`] that has begun goes on.
    pub fn clear_fault(&self) {
        *self.state.fault_slot() = None;
    }

    /// How often the key set was asked for, faults included.
    pub fn jwks_fetches(&self) -> u64 {
        self.state.jwks_fetches.load(Ordering::SeqCst)
    }

    /// How often a token was asked for by `POST`, refusals included. A request to the address that all pools share
    /// counts for the pool of its client, or for the default pool when it has no such client.
    pub fn token_requests(&self) -> u64 {
        self.state.token_requests.load(Ordering::SeqCst)
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("issuer", &self.state.issuer).finish_non_exhaustive()
    }
}

/// What a pool is. Shared by its handles, its mints and the endpoints.
pub(crate) struct PoolState {
    config: PoolConfig,
    issuer: String,
    /// Made when first asked for, since it is slow and not every pool of a configuration is used.
    keys: OnceLock<Mutex<KeyRing>>,
    fault: Mutex<Option<Fault>>,
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
            fault: Mutex::new(None),
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

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault_slot().clone()
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
    fn new_key(&self) -> SigningKey {
        let alg = self.keys().current().alg();
        SigningKey::generate(alg)
    }

    /// Makes the keys if nothing has asked for them yet.
    pub(crate) fn prepare_keys(&self) {
        drop(self.keys());
    }

    // A panic while a lock is held leaves whole values behind, so a poisoned lock is as good as another.
    fn keys(&self) -> MutexGuard<'_, KeyRing> {
        let keys = self.keys.get_or_init(|| Mutex::new(two_rsa_keys()));
        keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault_slot(&self) -> MutexGuard<'_, Option<Fault>> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for PoolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolState").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Side by side, since each takes some tens of milliseconds.
fn two_rsa_keys() -> KeyRing {
    let id_token = thread::spawn(|| SigningKey::generate(Alg::RS256));
    let access_token = SigningKey::generate(Alg::RS256);
    KeyRing::new(access_token, id_token.join().unwrap_or_else(|_| SigningKey::generate(Alg::RS256)))
}
