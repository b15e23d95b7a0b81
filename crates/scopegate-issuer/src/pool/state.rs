//! The state of one pool: configuration, keys, faults and counters.
//!
//! The keys have separate locks, in `keys/pool_keys.rs`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::config::PoolConfig;
use crate::config::client::ClientConfig;
use crate::dpop::DpopState;
use crate::fault::Fault;
use crate::fault::plan::FaultPlan;
use crate::http::caching::Caching;
use crate::keys::pool_keys::PoolKeys;
use crate::mint::Mint;
use crate::pool::events::EventQueue;
use crate::pool::opaque_tokens::OpaqueTokens;
use crate::pool::replay_cache::ReplayCache;
use crate::pool::revoked::RevokedTokens;
use crate::pool::status_list::StatusList;

/// A defect that a test adds to a document.
pub(super) type ChangeMint = Box<dyn Fn(Mint) -> Mint + Send + Sync>;

/// The state of a pool. Shared by its handles and the endpoints.
pub(crate) struct PoolState {
    config: PoolConfig,
    issuer: String,
    /// The URL of the token endpoint that all pools share.
    shared_token_endpoint: String,
    /// Shared with the mints of this pool, which need only its keys.
    keys: Arc<PoolKeys>,
    caching: Caching,
    fault: Mutex<FaultPlan>,
    token_fault: Mutex<FaultPlan>,
    introspection_fault: Mutex<FaultPlan>,
    signed_introspection: Mutex<Option<ChangeMint>>,
    replay_cache: ReplayCache,
    dpop: DpopState,
    events: EventQueue,
    revoked: RevokedTokens,
    opaque_tokens: OpaqueTokens,
    jwks_fetches: AtomicU64,
    token_requests: AtomicU64,
    introspection_requests: AtomicU64,
    status_list: StatusList,
    clock: Arc<Clock>,
}

impl PoolState {
    pub(crate) fn new(config: PoolConfig, base: &str, clock: Arc<Clock>) -> Self {
        Self {
            issuer: format!("{base}/{}", config.id),
            shared_token_endpoint: format!("{base}/oauth2/token"),
            dpop: DpopState::new(config.dpop_nonces),
            config,
            keys: Arc::default(),
            caching: Caching::default(),
            fault: Mutex::default(),
            token_fault: Mutex::default(),
            introspection_fault: Mutex::default(),
            signed_introspection: Mutex::default(),
            replay_cache: ReplayCache::default(),
            events: EventQueue::default(),
            revoked: RevokedTokens::default(),
            opaque_tokens: OpaqueTokens::default(),
            jwks_fetches: AtomicU64::new(0),
            token_requests: AtomicU64::new(0),
            introspection_requests: AtomicU64::new(0),
            status_list: StatusList::default(),
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

    pub(crate) fn status_list_uri(&self) -> String {
        format!("{}/status-list", self.issuer)
    }

    pub(crate) fn status_list(&self) -> &StatusList {
        &self.status_list
    }

    pub(crate) fn authorization_endpoint(&self) -> String {
        format!("{}/oauth2/authorize", self.issuer)
    }

    pub(crate) fn token_endpoint(&self) -> String {
        format!("{}/oauth2/token", self.issuer)
    }

    pub(crate) fn shared_token_endpoint(&self) -> &str {
        &self.shared_token_endpoint
    }

    pub(crate) fn revocation_endpoint(&self) -> String {
        format!("{}/oauth2/revoke", self.issuer)
    }

    pub(crate) fn introspection_endpoint(&self) -> String {
        format!("{}/oauth2/introspect", self.issuer)
    }

    pub(crate) fn opaque_tokens(&self) -> &OpaqueTokens {
        &self.opaque_tokens
    }

    pub(crate) fn events(&self) -> &EventQueue {
        &self.events
    }

    pub(crate) fn revoked(&self) -> &RevokedTokens {
        &self.revoked
    }

    pub(crate) fn now(&self) -> u64 {
        self.clock.now()
    }

    pub(crate) fn jwks(&self) -> String {
        self.keys.ring().jwks().to_string()
    }

    pub(super) fn plan_fault(&self, plan: FaultPlan) {
        *locked(&self.fault) = plan;
    }

    pub(super) fn plan_token_fault(&self, plan: FaultPlan) {
        *locked(&self.token_fault) = plan;
    }

    pub(super) fn plan_introspection_fault(&self, plan: FaultPlan) {
        *locked(&self.introspection_fault) = plan;
    }

    pub(super) fn change_signed_introspection(&self, change: ChangeMint) {
        *locked(&self.signed_introspection) = Some(change);
    }

    /// Returns a signed response with the defects that are set.
    pub(crate) fn signed_introspection(&self, response: Mint) -> Mint {
        match &*locked(&self.signed_introspection) {
            Some(change) => change(response),
            None => response,
        }
    }

    pub(super) fn introspection_requests(&self) -> u64 {
        self.introspection_requests.load(Ordering::SeqCst)
    }

    pub(super) fn jwks_fetches(&self) -> u64 {
        self.jwks_fetches.load(Ordering::SeqCst)
    }

    pub(super) fn token_requests(&self) -> u64 {
        self.token_requests.load(Ordering::SeqCst)
    }

    /// Begins a request for the key set, and returns its fault.
    ///
    /// The fault is taken before the request is counted. So if a test sees the new count and
    /// changes the fault, only later requests are affected.
    pub(crate) fn begin_jwks_fetch(&self) -> Option<Fault> {
        let fault = locked(&self.fault).take();
        self.jwks_fetches.fetch_add(1, Ordering::SeqCst);
        fault
    }

    /// Begins a request for a token in the order of [`begin_jwks_fetch`](Self::begin_jwks_fetch).
    pub(crate) fn begin_token_request(&self) -> Option<Fault> {
        let fault = locked(&self.token_fault).take();
        self.token_requests.fetch_add(1, Ordering::SeqCst);
        fault
    }

    /// Begins an introspection in the order of [`begin_jwks_fetch`](Self::begin_jwks_fetch).
    pub(crate) fn begin_introspection(&self) -> Option<Fault> {
        let fault = locked(&self.introspection_fault).take();
        self.introspection_requests.fetch_add(1, Ordering::SeqCst);
        fault
    }

    pub(crate) fn replay_cache(&self) -> &ReplayCache {
        &self.replay_cache
    }

    pub(crate) fn dpop(&self) -> &DpopState {
        &self.dpop
    }

    pub(crate) fn keys(&self) -> &PoolKeys {
        &self.keys
    }

    pub(crate) fn caching(&self) -> &Caching {
        &self.caching
    }

    pub(crate) fn mint(&self) -> Mint {
        // In a checked configuration, each pool has a client.
        match self.config.clients.first() {
            Some(client) => self.mint_for(client),
            None => self.mint_of(""),
        }
    }

    pub(crate) fn mint_for(&self, client: &ClientConfig) -> Mint {
        let mint = self.mint_of(&client.id).scope(&client.scopes.join(" "));
        let mint = mint.lifetime(client.access_token_lifetime_secs);
        let mint = client.claims.iter().fold(mint, |mint, (name, value)| mint.claim(name, value.clone()));
        match &client.certificate {
            Some(certificate) => mint.with_certificate(certificate),
            None => mint,
        }
    }

    fn mint_of(&self, client_id: &str) -> Mint {
        Mint::with_keys(Arc::clone(&self.keys), self.now(), &self.issuer, client_id)
    }
}

impl fmt::Debug for PoolState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolState").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Locks a part of the state. A panic under the lock leaves it valid, so a poisoned lock is used too.
fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
