//! What can a test do with one user pool? The handle on its URLs, keys, faults and counters.

pub(crate) mod events;
pub(crate) mod opaque_tokens;
mod own_tokens;
pub(crate) mod registry;
pub(crate) mod replay_cache;
pub(crate) mod revoked;
pub(crate) mod state;
pub(crate) mod status_list;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use self::state::PoolState;
use crate::config::client::ClientConfig;
use crate::fault::Fault;
use crate::fault::plan::FaultPlan;
use crate::http::caching::InvalidHeaderValue;
use crate::keys::signing_key::SigningKey;
use crate::mint::Mint;
use crate::push::push;
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

    /// Returns the pool's id, `eu-west-1_Local0001`.
    pub fn id(&self) -> &str {
        &self.state.config().id
    }

    /// Returns the issuer identifier, `http://127.0.0.1:PORT/eu-west-1_Local0001`: the `iss` of its
    /// tokens.
    pub fn issuer(&self) -> &str {
        self.state.issuer()
    }

    /// Returns the URL of the key set: the issuer followed by `/.well-known/jwks.json`.
    pub fn jwks_uri(&self) -> String {
        self.state.jwks_uri()
    }

    /// Returns the URL of the introspection endpoint (RFC 7662): the issuer followed by
    /// `/oauth2/introspect`. Each client of the pool may use it, with its credentials.
    pub fn introspection_endpoint(&self) -> String {
        self.state.introspection_endpoint()
    }

    /// Returns the URL of the token endpoint: the issuer followed by `/oauth2/token`.
    pub fn token_endpoint(&self) -> String {
        self.state.token_endpoint()
    }

    /// Returns the clients, in the order of the configuration.
    pub fn clients(&self) -> &[ClientConfig] {
        &self.state.config().clients
    }

    /// Returns the first client with this [display name](ClientConfig::display_name): `reader` or
    /// `writer` in the default pool of [`Config::default`](crate::Config::default), `other` in its
    /// second pool.
    pub fn client(&self, name: &str) -> Option<&ClientConfig> {
        self.clients().iter().find(|client| client.display_name() == name)
    }

    /// Returns the builder of a valid token of the pool's first client with all its scopes.
    /// [`Mint::sign`] signs it with the pool's signing key at that time.
    pub fn mint(&self) -> Mint {
        self.state.mint()
    }

    /// Returns the builder of a security event token of this issuer (RFC 8417) for the receiver with
    /// this audience.
    pub fn security_event(&self, audience: &str) -> Mint {
        self.state.mint().into_security_event(audience)
    }

    /// Pushes a security event token to a receiver at an `http` URL (RFC 8935), signed with the
    /// pool's current key. Returns the status of the response.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no response, or if the URL has another scheme.
    ///
    /// # Panics
    ///
    /// Panics if the `Mint` has no pool, or if it is called outside of a Tokio runtime.
    pub async fn push_event(&self, url: &str, bearer_token: Option<&str>, set: &Mint) -> io::Result<u16> {
        push(url, bearer_token, set.sign()).await
    }

    /// Queues a security event token for receivers that poll (RFC 8936), under its `jti`. It waits
    /// until a receiver acknowledges or rejects it.
    ///
    /// # Panics
    ///
    /// Panics if the `Mint` has no pool.
    pub fn queue_event(&self, set: &Mint) {
        let id = set.claims().get("jti").and_then(|id| id.as_str().map(str::to_owned));
        self.state.events().push(id.unwrap_or_default(), set.sign());
    }

    /// Returns the URL of the poll endpoint: the issuer followed by `/events/poll`.
    pub fn poll_endpoint(&self) -> String {
        format!("{}/events/poll", self.issuer())
    }

    /// Returns the number of security event tokens that wait for a receiver.
    pub fn waiting_events(&self) -> usize {
        self.state.events().waiting()
    }

    /// Returns the ids of the security event tokens that a receiver has rejected, each with the
    /// receiver's code.
    pub fn rejected_events(&self) -> Vec<(String, String)> {
        self.state.events().rejected()
    }

    /// Returns the number of polls.
    pub fn polls(&self) -> u64 {
        self.state.events().polls()
    }

    /// Returns the ids (`jti`) of access tokens that their clients have revoked (RFC 7009), until
    /// 10 min after they expire: a verifier with a leeway accepts them for longer.
    pub fn revoked_token_ids(&self) -> Vec<String> {
        self.state.revoked().ids(self.state.now())
    }

    /// Returns the key set as it is published now, without faults. This is not counted as a fetch.
    pub fn jwks(&self) -> String {
        self.state.jwks()
    }

    /// Returns the key that signs access tokens now.
    pub fn signing_key(&self) -> SigningKey {
        self.state.keys().signing_key()
    }

    /// Returns the published key that signs no access tokens: in Cognito, it signs ID tokens.
    pub fn id_token_key(&self) -> SigningKey {
        self.state.keys().ring().id_token().clone()
    }

    /// Makes a new signing key and publishes it. The previous one stays published, and earlier ones
    /// are removed.
    pub fn rotate(&self) {
        self.rotate_to(self.state.keys().new_key());
    }

    /// Like [`rotate`](Self::rotate), with your own key, for example of another algorithm.
    pub fn rotate_to(&self, key: SigningKey) {
        self.state.keys().ring().rotate(key);
    }

    /// Makes a new signing key and publishes it. All earlier ones are removed at once.
    pub fn rotate_without_overlap(&self) {
        let key = self.state.keys().new_key();
        self.state.keys().ring().rotate_without_overlap(key);
    }

    /// Makes a new signing key and does not publish it until [`publish`](Self::publish), as an
    /// issuer that publishes late.
    pub fn rotate_unpublished(&self) {
        let key = self.state.keys().new_key();
        self.state.keys().ring().rotate_unpublished(key);
    }

    /// Publishes the current signing key.
    pub fn publish(&self) {
        self.state.keys().ring().publish();
    }

    /// Like [`rotate_unpublished`](Self::rotate_unpublished), but publishes the key after a delay
    /// of tokio's clock.
    ///
    /// Returns at once. Nothing is published if another key signs by then, or if the server has
    /// stopped.
    pub fn publish_after(&self, delay: Duration) {
        let key = self.state.keys().new_key();
        let kid = key.kid().to_owned();
        self.state.keys().ring().rotate_unpublished(key);
        let state = Arc::clone(&self.state);
        self.server.run_after(delay, move || state.keys().ring().publish_if_current(&kid));
    }

    /// Removes every earlier generation of the signing key. The key for ID tokens stays, because it
    /// is not one of them.
    pub fn revoke_previous(&self) {
        self.state.keys().ring().revoke_previous();
    }

    /// Replaces the signing key by a new one with the same key id.
    pub fn replace_key_material(&self) {
        let key = self.state.keys().new_key();
        self.state.keys().ring().replace_key_material(key);
    }

    /// Sets a fault of the key set endpoint, from now on. Requests are still counted as fetches.
    pub fn set_fault(&self, fault: Fault) {
        self.state.plan_fault(FaultPlan::Always(fault));
    }

    /// Sets a fault for the next `n` requests for the key set. They are still counted as fetches.
    ///
    /// Replaces a fault that is set, and is replaced by [`set_fault`](Self::set_fault) and
    /// [`clear_fault`](Self::clear_fault).
    pub fn fail_next(&self, n: u64, fault: Fault) {
        self.state.plan_fault(FaultPlan::Next(n, fault));
    }

    /// Clears the fault of the key set endpoint. A [`Fault::Drip`] that has begun continues.
    pub fn clear_fault(&self) {
        self.state.plan_fault(FaultPlan::Well);
    }

    /// Sets the exact `Cache-Control` of every response of the key set endpoint, including faults
    /// and 304. Default: `None`, no such header.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidHeaderValue`] if this is not a valid header value. The setting is then
    /// unchanged.
    pub fn set_cache_control(&self, value: Option<&str>) -> Result<(), InvalidHeaderValue> {
        self.state.caching().set_cache_control(value)
    }

    /// Adds a strong `ETag` to the key set, and responds with 304 and no body to a request whose
    /// `If-None-Match` has it (RFC 9110 §13.1.2). Disabled by default.
    ///
    /// The tag is made from the body that is sent. So a faulty body with status 200, such as
    /// [`Fault::EmptySet`], has a tag of its own, and a client that stored it gets 304 while the
    /// fault lasts. A body that breaks off ([`Fault::Truncated`]) has the tag of the complete one.
    /// Responses that do not end, and responses with another status than 200, have no tag.
    pub fn enable_etags(&self) {
        self.state.caching().set_etags(true);
    }

    /// Stops sending an `ETag`, and ignores `If-None-Match`.
    pub fn disable_etags(&self) {
        self.state.caching().set_etags(false);
    }

    /// Sets a fault of the token endpoint, from now on, also for requests that it would reject.
    /// Requests are still counted. The endpoint that all pools share has it for the requests that
    /// count for this pool.
    pub fn set_token_fault(&self, fault: Fault) {
        self.state.plan_token_fault(FaultPlan::Always(fault));
    }

    /// Sets a fault for the next `n` requests for a token. Replaces a fault that is set.
    pub fn fail_next_token(&self, n: u64, fault: Fault) {
        self.state.plan_token_fault(FaultPlan::Next(n, fault));
    }

    /// Clears the fault of the token endpoint.
    pub fn clear_token_fault(&self) {
        self.state.plan_token_fault(FaultPlan::Well);
    }

    /// Replaces the nonce that DPoP proofs for a token must have, if the pool
    /// [requires nonces](crate::PoolConfig::dpop_nonces). The earlier nonce is rejected from now on.
    pub fn renew_dpop_nonce(&self) {
        self.state.dpop().renew_nonce();
    }

    /// Sets a fault of the introspection endpoint, from now on, also for requests that it would reject.
    /// Requests are still counted.
    pub fn set_introspection_fault(&self, fault: Fault) {
        self.state.plan_introspection_fault(FaultPlan::Always(fault));
    }

    /// Sets a fault for the next `n` introspection requests. Replaces a fault that is set.
    pub fn fail_next_introspection(&self, n: u64, fault: Fault) {
        self.state.plan_introspection_fault(FaultPlan::Next(n, fault));
    }

    /// Clears the fault of the introspection endpoint.
    pub fn clear_introspection_fault(&self) {
        self.state.plan_introspection_fault(FaultPlan::Well);
    }

    /// Changes each signed response of the introspection endpoint (RFC 9701), from now on. The endpoint
    /// signs a response if the request accepts `application/token-introspection+jwt`.
    ///
    /// The `Mint` has the claims `iss`, `aud` (the client that asks), `iat` and `token_introspection`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let issuer = scopegate_issuer::LocalIssuer::start().await?;
    /// issuer.set_signed_introspection(|mint| mint.header("typ", "JWT"));
    /// # Ok(()) }
    /// ```
    pub fn set_signed_introspection(&self, change: impl Fn(Mint) -> Mint + Send + Sync + 'static) {
        self.state.change_signed_introspection(Box::new(change));
    }

    /// Returns the number of `POST` requests for introspection, including rejected ones and faults.
    pub fn introspection_requests(&self) -> u64 {
        self.state.introspection_requests()
    }

    /// Returns the number of requests for the key set, including faults and 304.
    pub fn jwks_fetches(&self) -> u64 {
        self.state.jwks_fetches()
    }

    /// Returns the number of 304 responses, which clients got that had the set already.
    pub fn jwks_not_modified(&self) -> u64 {
        self.state.caching().not_modified()
    }

    /// Returns the number of `POST` requests for a token, including rejected ones. A request to the
    /// endpoint that all pools share counts for the pool of its client, or for the default pool if
    /// no pool has that client.
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
