//! The handle on a running server: starts it, finds its pools, and stands for the first of them.
//!
//! What a pool does is in `pool.rs`; connections are in `server.rs`.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::error::ConfigError;
use crate::config::{ClientConfig, Config};
use crate::endpoints;
use crate::fault::Fault;
use crate::http::caching::InvalidHeaderValue;
use crate::mint::Mint;
use crate::pool::Pool;
use crate::pool::state::PoolState;
use crate::server::Server;

/// A running authorization server on a loopback address.
///
/// Cloning is cheap. The server runs on the tokio runtime it was started on, so it answers for as long as
/// that one runs. It stops when the last handle on it or on one of its [pools](Pool) is dropped, which also
/// ends open connections. A [`Mint`] does not keep it running.
///
/// Methods about clients, keys, caching, faults and tokens act on the [default pool](Self::default_pool).
#[derive(Clone)]
pub struct LocalIssuer {
    url: Arc<str>,
    pools: Arc<[Pool]>,
    default_pool: Pool,
    clock: Arc<Clock>,
}

impl LocalIssuer {
    /// Starts with [`Config::default`] on a free port of `127.0.0.1`.
    ///
    /// # Errors
    ///
    /// When no port can be opened.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Config::default()).await.map_err(|error| match error {
            StartError::Listen(error) => error,
            other @ StartError::Config(_) => io::Error::other(other),
        })
    }

    /// Starts with this configuration. Makes the RSA keys of the default pool, which takes about a tenth of a
    /// second; another pool makes its own when they are first asked for.
    ///
    /// # Errors
    ///
    /// When the configuration says something that is not allowed, or its address cannot be listened on.
    #[allow(clippy::missing_panics_doc, reason = "the check above it makes the panic impossible")]
    pub async fn start_with(config: Config) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        let listener = TcpListener::bind(config.listen).await.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;

        let url = format!("http://{address}");
        let clock = Arc::new(Clock::system());
        let pools = config.pools.into_iter();
        let states: Arc<[Arc<PoolState>]> =
            pools.map(|pool| Arc::new(PoolState::new(pool, &url, Arc::clone(&clock)))).collect();
        prepare_default_pool(&states).await;
        let server = Arc::new(Server::start(listener, address, endpoints::routes(Arc::clone(&states))));
        let pools: Arc<[Pool]> =
            states.iter().map(|state| Pool::new(Arc::clone(state), Arc::clone(&server))).collect();
        let default_pool = pools.first().cloned().expect("a checked configuration has a pool");
        Ok(Self { url: url.into(), pools, default_pool, clock })
    }

    /// The base address, `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The pool with this id.
    pub fn pool(&self, id: &str) -> Option<Pool> {
        self.pools.iter().find(|pool| pool.id() == id).cloned()
    }

    /// All pools, in the order of the configuration.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.iter()
    }

    /// The first pool of the configuration.
    pub fn default_pool(&self) -> Pool {
        self.default_pool.clone()
    }

    /// See [`Pool::issuer`].
    pub fn issuer(&self) -> &str {
        self.default_pool.issuer()
    }

    /// See [`Pool::jwks_uri`].
    pub fn jwks_uri(&self) -> String {
        self.default_pool.jwks_uri()
    }

    /// See [`Pool::token_endpoint`].
    pub fn token_endpoint(&self) -> String {
        self.default_pool.token_endpoint()
    }

    /// See [`Pool::client`].
    ///
    /// ```
    /// # use scopegate_issuer::LocalIssuer;
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
    /// let issuer = LocalIssuer::start().await?;
    /// let writer = issuer.client("writer").expect("the built-in configuration has it");
    /// let form = [("client_id", writer.id()), ("client_secret", writer.secret())];
    ///
    /// // A client of another pool is found there.
    /// assert!(issuer.client("other").is_none());
    /// assert!(issuer.pools().any(|pool| pool.client("other").is_some()));
    /// # let _ = form; Ok(()) }
    /// ```
    pub fn client(&self, name: &str) -> Option<&ClientConfig> {
        self.default_pool.client(name)
    }

    /// See [`Pool::mint`].
    pub fn mint(&self) -> Mint {
        self.default_pool.mint()
    }

    /// See [`Pool::rotate`].
    pub fn rotate(&self) {
        self.default_pool.rotate();
    }

    /// See [`Pool::rotate_without_overlap`].
    pub fn rotate_without_overlap(&self) {
        self.default_pool.rotate_without_overlap();
    }

    /// See [`Pool::rotate_unpublished`].
    pub fn rotate_unpublished(&self) {
        self.default_pool.rotate_unpublished();
    }

    /// See [`Pool::publish`].
    pub fn publish(&self) {
        self.default_pool.publish();
    }

    /// See [`Pool::publish_after`].
    pub fn publish_after(&self, delay: Duration) {
        self.default_pool.publish_after(delay);
    }

    /// See [`Pool::revoke_previous`].
    pub fn revoke_previous(&self) {
        self.default_pool.revoke_previous();
    }

    /// See [`Pool::replace_key_material`].
    pub fn replace_key_material(&self) {
        self.default_pool.replace_key_material();
    }

    /// See [`Pool::set_fault`].
    pub fn set_fault(&self, fault: Fault) {
        self.default_pool.set_fault(fault);
    }

    /// See [`Pool::fail_next`].
    pub fn fail_next(&self, n: u64, fault: Fault) {
        self.default_pool.fail_next(n, fault);
    }

    /// See [`Pool::clear_fault`].
    pub fn clear_fault(&self) {
        self.default_pool.clear_fault();
    }

    /// See [`Pool::set_cache_control`].
    ///
    /// # Errors
    ///
    /// See there.
    pub fn set_cache_control(&self, value: Option<&str>) -> Result<(), InvalidHeaderValue> {
        self.default_pool.set_cache_control(value)
    }

    /// See [`Pool::enable_etags`].
    pub fn enable_etags(&self) {
        self.default_pool.enable_etags();
    }

    /// See [`Pool::disable_etags`].
    pub fn disable_etags(&self) {
        self.default_pool.disable_etags();
    }

    /// See [`Pool::set_token_fault`].
    pub fn set_token_fault(&self, fault: Fault) {
        self.default_pool.set_token_fault(fault);
    }

    /// See [`Pool::fail_next_token`].
    pub fn fail_next_token(&self, n: u64, fault: Fault) {
        self.default_pool.fail_next_token(n, fault);
    }

    /// See [`Pool::clear_token_fault`].
    pub fn clear_token_fault(&self) {
        self.default_pool.clear_token_fault();
    }

    /// See [`Pool::jwks_fetches`].
    pub fn jwks_fetches(&self) -> u64 {
        self.default_pool.jwks_fetches()
    }

    /// See [`Pool::jwks_not_modified`].
    pub fn jwks_not_modified(&self) -> u64 {
        self.default_pool.jwks_not_modified()
    }

    /// See [`Pool::token_requests`].
    pub fn token_requests(&self) -> u64 {
        self.default_pool.token_requests()
    }

    /// Fixes the time of all pools, in seconds since 1970: the `iat` of what they issue and mint from now on.
    pub fn set_now(&self, unix_seconds: u64) {
        self.clock.set(unix_seconds);
    }

    /// Goes back to the system's clock, which is what a server starts with.
    pub fn use_system_clock(&self) {
        self.clock.use_system();
    }

    /// Stops the server for all handles: no more connections, and open requests have 5 seconds to be
    /// answered.
    pub async fn shut_down(self) {
        self.default_pool.server().shut_down().await;
    }
}

impl fmt::Debug for LocalIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalIssuer")
            .field("url", &self.url)
            .field("pools", &self.pools)
            .finish_non_exhaustive()
    }
}

/// Why a server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is not allowed.
    Config(ConfigError),
    /// The address cannot be listened on.
    Listen(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(_) => "the configuration of the local issuer is not allowed",
            Self::Listen(_) => "the local issuer cannot listen",
        })
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(match self {
            Self::Config(error) => error,
            Self::Listen(error) => error,
        })
    }
}

/// The caller's runtime goes on meanwhile. Should the task fail, the keys are made at their first use.
async fn prepare_default_pool(pools: &[Arc<PoolState>]) {
    if let Some(default) = pools.first().cloned() {
        let _ = tokio::task::spawn_blocking(move || default.keys().prepare()).await;
    }
}
