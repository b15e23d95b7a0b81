//! The handle to a running server. It starts the server and gives access to its pools.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::config::Config;
use crate::config::error::ConfigError;
use crate::endpoints;
use crate::pool::Pool;
use crate::pool::state::PoolState;
use crate::server::Server;

/// A running authorization server, on a loopback address by default.
///
/// Cloning is cheap. The server runs on the tokio runtime on which you start it, and stops with
/// that runtime. It also stops when the last handle to it or to one of its [pools](Pool) is
/// dropped, which ends open connections. A [`Mint`](crate::Mint) does not keep it running.
///
/// # The default pool
///
/// A `LocalIssuer` dereferences to its first pool, so you can call every method of [`Pool`] on it:
/// `issuer.mint()` is `issuer.default_pool().mint()`. A function that takes `&Pool` also takes
/// `&issuer`.
///
/// ```
/// # use scopegate_issuer::LocalIssuer;
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// let issuer = LocalIssuer::start().await?;
/// let writer = issuer.client("writer").expect("the built-in configuration has this client");
/// let form = [("client_id", writer.id()), ("client_secret", writer.secret())];
///
/// // Look up a client of another pool in that pool.
/// assert!(issuer.client("other").is_none());
/// assert!(issuer.pools().any(|pool| pool.client("other").is_some()));
/// # let _ = form; Ok(()) }
/// ```
#[derive(Clone)]
pub struct LocalIssuer {
    url: Arc<str>,
    pools: Arc<[Pool]>,
    default_pool: Pool,
    clock: Arc<Clock>,
}

impl LocalIssuer {
    /// Starts a server with [`Config::default`] on a free port of `127.0.0.1`.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot listen on a port.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(Config::default()).await.map_err(|error| match error {
            StartError::Listen(error) => error,
            other @ StartError::Config(_) => io::Error::other(other),
        })
    }

    /// Starts a server with this configuration.
    ///
    /// Makes the RSA keys of the default pool, which takes about 0.1 s. Other pools make their keys
    /// on first use.
    ///
    /// # Errors
    ///
    /// - Returns [`StartError::Config`] if the configuration is invalid.
    /// - Returns [`StartError::Listen`] if the server cannot listen on the configured address.
    #[allow(clippy::missing_panics_doc, reason = "the check above it makes the panic impossible")]
    pub async fn start_with(config: Config) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        let listener = TcpListener::bind(config.listen).await.map_err(StartError::Listen)?;
        let address = listener.local_addr().map_err(StartError::Listen)?;

        if !address.ip().is_loopback() {
            tracing::warn!(%address, "listening on a non-loopback address, other machines can get tokens");
        }

        let url = config.url_at(address);
        let hosts = config.hosts_at(address).into();
        let clock = Arc::new(Clock::system());
        let pools = config.pools.into_iter();
        let states: Arc<[Arc<PoolState>]> =
            pools.map(|pool| Arc::new(PoolState::new(pool, &url, Arc::clone(&clock)))).collect();
        prepare_default_pool(&states).await;
        let server =
            Arc::new(Server::start(listener, address, endpoints::routes(Arc::clone(&states), hosts)));
        let pools: Arc<[Pool]> =
            states.iter().map(|state| Pool::new(Arc::clone(state), Arc::clone(&server))).collect();
        let default_pool = pools.first().cloned().expect("a checked configuration has a pool");
        Ok(Self { url: url.into(), pools, default_pool, clock })
    }

    /// Returns the base URL without a trailing slash: the value of [`Config::url`] or its default.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.default_pool.server().address()
    }

    /// Returns the pool with this id.
    pub fn pool(&self, id: &str) -> Option<Pool> {
        self.pools.iter().find(|pool| pool.id() == id).cloned()
    }

    /// Returns all pools, in the order of the configuration.
    pub fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.pools.iter()
    }

    /// Returns the first pool of the configuration.
    pub fn default_pool(&self) -> Pool {
        self.default_pool.clone()
    }

    /// Sets the current time of all pools to a fixed value, in seconds since 1970. It becomes the
    /// `iat` of tokens that they issue and mint from now on.
    pub fn set_now(&self, unix_seconds: u64) {
        self.clock.set(unix_seconds);
    }

    /// Switches all pools back to the system clock, which is the default.
    pub fn use_system_clock(&self) {
        self.clock.use_system();
    }

    /// Stops the server for all handles. New connections are rejected, and open requests have 5 s
    /// to complete.
    pub async fn shut_down(self) {
        self.default_pool.server().shut_down().await;
    }
}

/// Dereferences to the [default pool](LocalIssuer::default_pool).
impl Deref for LocalIssuer {
    type Target = Pool;

    fn deref(&self) -> &Pool {
        &self.default_pool
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

/// An error from starting a server.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The configuration is invalid.
    Config(ConfigError),
    /// The server cannot listen on its address.
    Listen(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Config(_) => "invalid configuration of the local issuer",
            Self::Listen(_) => "cannot listen on the address of the local issuer",
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

/// Makes the keys of the default pool on a blocking thread. If that fails, they are made on first
/// use.
async fn prepare_default_pool(pools: &[Arc<PoolState>]) {
    if let Some(default) = pools.first().cloned() {
        let _ = tokio::task::spawn_blocking(move || default.keys().prepare()).await;
    }
}
