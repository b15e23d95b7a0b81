//! What can a test do with one user pool? The handle on its URLs, keys, faults and counters.

pub(crate) mod registry;
pub(crate) mod replay_cache;
pub(crate) mod state;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use self::state::PoolState;
use crate::config::ClientConfig;
use crate::fault::Fault;
use crate::fault::plan::FaultPlan;
use crate::http::caching::InvalidHeaderValue;
use crate::keys::signing_key::SigningKey;
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
        &self.state.config().id
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
        &self.state.config().clients
    }

    /// The first client with this [display name](ClientConfig::display_name): `reader` or `writer` in the
    /// default pool of [`Config::default`](crate::Config::default), `other` in its second pool.
    pub fn client(&self, name: &str) -> Option<&ClientConfig> {
        self.clients().iter().find(|client| client.display_name() == name)
    }

    /// A good token of the pool's first client with all its scopes, to be bent. It is signed with whichever
    /// key the pool signs with when [`Mint::sign`] is called.
    pub fn mint(&self) -> Mint {
        self.state.mint()
    }

    /// The key set as it is published now, without faults and without counting as a fetch.
    pub fn jwks(&self) -> String {
        self.state.jwks()
    }

    /// The key that signs access tokens now.
    pub fn signing_key(&self) -> SigningKey {
        self.state.keys().signing_key()
    }

    /// The published key that signs no access tokens: in Cognito, it signs ID tokens.
    pub fn id_token_key(&self) -> SigningKey {
        self.state.keys().ring().id_token().clone()
    }

    /// A new signing key; the one before stays published. Two generations at most.
    pub fn rotate(&self) {
        self.rotate_to(self.state.keys().new_key());
    }

    /// Like [`rotate`](Self::rotate), to a given key: of another algorithm, say.
    pub fn rotate_to(&self, key: SigningKey) {
        self.state.keys().ring().rotate(key);
    }

    /// A new signing key; all earlier ones leave the set at once.
    pub fn rotate_without_overlap(&self) {
        let key = self.state.keys().new_key();
        self.state.keys().ring().rotate_without_overlap(key);
    }

    /// A new signing key that is not in the set before [`publish`](Self::publish): an issuer that publishes
    /// late.
    pub fn rotate_unpublished(&self) {
        let key = self.state.keys().new_key();
        self.state.keys().ring().rotate_unpublished(key);
    }

    /// Puts the current signing key into the set.
    pub fn publish(&self) {
        self.state.keys().ring().publish();
    }

    /// Like [`rotate_unpublished`](Self::rotate_unpublished), and this key is published after the delay, by
    /// tokio's clock.
    ///
    /// Returns at once. Nothing is published when the key no longer is the signing key by then, or when the
    /// server has stopped.
    pub fn publish_after(&self, delay: Duration) {
        let key = self.state.keys().new_key();
        let kid = key.kid().to_owned();
        self.state.keys().ring().rotate_unpublished(key);
        let state = Arc::clone(&self.state);
        self.server.run_after(delay, move || state.keys().ring().publish_if_current(&kid));
    }

    /// Drops every generation of the signing key but the current one. The key for ID tokens stays, since it
    /// is not an earlier generation of it.
    pub fn revoke_previous(&self) {
        self.state.keys().ring().revoke_previous();
    }

    /// A new signing key under the key id of the current one, which it replaces.
    pub fn replace_key_material(&self) {
        let key = self.state.keys().new_key();
        self.state.keys().ring().replace_key_material(key);
    }

    /// From now on the key set endpoint misbehaves. Counted as fetches all the same.
    pub fn set_fault(&self, fault: Fault) {
        self.state.plan_fault(FaultPlan::Always(fault));
    }

    /// The next `n` requests for the key set are answered with this fault, and those after them rightly. Takes
    /// the place of a fault that is set, as [`set_fault`](Self::set_fault) and
    /// [`clear_fault`](Self::clear_fault) take its place. Counted as fetches all the same.
    pub fn fail_next(&self, n: u64, fault: Fault) {
        self.state.plan_fault(FaultPlan::Next(n, fault));
    }

    /// The key set endpoint answers again. A [`Fault::Drip`] that has begun goes on.
    pub fn clear_fault(&self) {
        self.state.plan_fault(FaultPlan::Well);
    }

    /// From now on every answer with the key set has exactly this `Cache-Control`, faults and 304 included.
    /// `None`, as at the start: it has none.
    ///
    /// # Errors
    ///
    /// When no header can have this value. Then nothing is changed.
    pub fn set_cache_control(&self, value: Option<&str>) -> Result<(), InvalidHeaderValue> {
        self.state.caching().set_cache_control(value)
    }

    /// From now on answers with the key set have a strong `ETag`, and a request whose `If-None-Match` has it is
    /// answered with 304 and no body (RFC 9110 §13.1.2). Disabled at the start.
    ///
    /// The tag is that of the body as it is sent, so a wrong one with status 200 ([`Fault::EmptySet`], say) has
    /// a tag of its own, and a client that kept it gets 304 for as long as the fault lasts. A body that breaks
    /// off ([`Fault::Truncated`]) has the tag of the whole one. Answers that do not end, and those with another
    /// status than 200, have no tag.
    pub fn enable_etags(&self) {
        self.state.caching().set_etags(true);
    }

    /// Answers with the key set have no `ETag` any more, and `If-None-Match` is not looked at.
    pub fn disable_etags(&self) {
        self.state.caching().set_etags(false);
    }

    /// From now on the token endpoint misbehaves, also for requests it would refuse. Counted all the same. At
    /// the address that all pools share, for the requests that count for this pool.
    pub fn set_token_fault(&self, fault: Fault) {
        self.state.plan_token_fault(FaultPlan::Always(fault));
    }

    /// The next `n` requests for a token are answered with this fault, and those after them rightly. Takes the place of a
    /// fault that is set.
    pub fn fail_next_token(&self, n: u64, fault: Fault) {
        self.state.plan_token_fault(FaultPlan::Next(n, fault));
    }

    /// The token endpoint answers again.
    pub fn clear_token_fault(&self) {
        self.state.plan_token_fault(FaultPlan::Well);
    }

    /// How often the key set was asked for, faults and 304 included.
    pub fn jwks_fetches(&self) -> u64 {
        self.state.jwks_fetches()
    }

    /// How often the answer was 304, because the client had the set already.
    pub fn jwks_not_modified(&self) -> u64 {
        self.state.caching().not_modified()
    }

    /// How often a token was asked for by `POST`, refusals included. A request to the address that all pools
    /// share counts for the pool of its client, or for the default pool when it has no such client.
    pub fn token_requests(&self) -> u64 {
        self.state.token_requests()
    }

    pub(crate) fn prepare_new_key(&self) {
        self.state.keys().prepare_new_key();
    }

    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}
