//! The configuration of a server: pools, resource servers and clients, their builders and defaults.

pub(crate) mod allowed_host;
mod base_url;
mod check;
pub(crate) mod claims;
pub(crate) mod client;
pub(crate) mod error;
mod file;
pub(crate) mod secret;

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use self::client::ClientConfig;

/// The configuration of a [`LocalIssuer`](crate::LocalIssuer).
///
/// [`Config::default`] is sufficient for most tests. It listens on a free loopback port and has two
/// pools, so you can present a token of an issuer that your service does not trust.
///
/// | pool | name | client id | secret | scopes |
/// | --- | --- | --- | --- | --- |
/// | `eu-west-1_Local0001` | `reader` | `local-reader` | `local-reader-secret` | `https://my-api-server.org/api.read` |
/// | `eu-west-1_Local0001` | `writer` | `local-writer` | `local-writer-secret` | `https://my-api-server.org/api.read`, `…/api.write` |
/// | `eu-west-1_Local0002` | `other` | `local-other` | `local-other-secret` | `https://other-api-server.org/api.read` |
///
/// [`Pool::client`](crate::Pool::client) finds a client by its name, and
/// [`LocalIssuer::pools`](crate::LocalIssuer::pools) includes the second pool.
///
/// [`LocalIssuer::start_with`](crate::LocalIssuer::start_with) checks a configuration that was made
/// in code. [`Config::from_toml`] checks a file.
///
/// ```
/// use scopegate_issuer::{ClientConfig, Config, PoolConfig};
///
/// let config = Config::empty().pool(
///     PoolConfig::new("eu-west-1_Shop00001")
///         .resource_server("orders", ["read", "write"])
///         .client(ClientConfig::new("report", "report-secret", ["orders/read"]).lifetime_secs(300)),
/// );
/// # let _ = config;
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) allow_other_machines: bool,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) url: Option<String>,
    pub(crate) pools: Vec<PoolConfig>,
}

impl Config {
    /// Creates a configuration without pools, on a free port of `127.0.0.1`. Add at least one pool.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_other_machines: false,
            allow_hosts: Vec::new(),
            url: None,
            pools: Vec::new(),
        }
    }

    /// Sets the address to listen on. It must be a loopback address, unless
    /// [`allow_other_machines`](Self::allow_other_machines) is set. Port 0 picks a free port.
    ///
    /// Default: `127.0.0.1:0`.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Allows [`listen`](Self::listen) an address that other machines can reach, such as
    /// `0.0.0.0:9400` in a container.
    ///
    /// Every machine that reaches the port can then get tokens, because the secrets of the built-in
    /// clients are public and there is no TLS. If the address is not a loopback address, the start
    /// is logged as a warning. Requests must still be for a local or an [allowed](Self::allow_host)
    /// host.
    ///
    /// ```
    /// use scopegate_issuer::Config;
    ///
    /// // A service `issuer` of docker compose, which the other containers reach as http://issuer:9400.
    /// let config = Config::default()
    ///     .listen(([0, 0, 0, 0], 9400).into())
    ///     .allow_other_machines()
    ///     .allow_host("issuer:9400");
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn allow_other_machines(mut self) -> Self {
        self.allow_other_machines = true;
        self
    }

    /// Allows requests for this host: a name or an IP address, alone or with a port. Without a
    /// port, every port is allowed.
    ///
    /// A request for any other host gets 421. This prevents DNS rebinding, where a web page points
    /// its own name at this server. Don't allow a name if an attacker can control its DNS records.
    ///
    /// Default: none, besides `localhost`, the names under it, loopback addresses, and the address
    /// listened on.
    #[must_use]
    pub fn allow_host(self, host: impl Into<String>) -> Self {
        self.allow_hosts([host])
    }

    /// Allows requests for these hosts, as [`allow_host`](Self::allow_host) does for one.
    #[must_use]
    pub fn allow_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.allow_hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Sets the URL that issuer identifiers and the URLs in metadata begin with: `http` or `https`,
    /// a host and perhaps a port. Its host is allowed, too. Use it if a proxy in front ends TLS or
    /// has another name.
    ///
    /// Default: `http` and the first allowed host, with the port listened on if it has none.
    /// Without allowed hosts, the address listened on; for `0.0.0.0` and `[::]` that is the
    /// loopback address.
    #[must_use]
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Adds a pool. The first one is the default pool.
    #[must_use]
    pub fn pool(mut self, pool: PoolConfig) -> Self {
        self.pools.push(pool);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        const API: &str = "https://my-api-server.org";
        const READ: &str = "https://my-api-server.org/api.read";
        const WRITE: &str = "https://my-api-server.org/api.write";
        Self::empty()
            .pool(
                PoolConfig::new("eu-west-1_Local0001")
                    .resource_server(API, ["api.read", "api.write"])
                    .client(ClientConfig::new("local-reader", "local-reader-secret", [READ]).name("reader"))
                    .client(
                        ClientConfig::new("local-writer", "local-writer-secret", [READ, WRITE])
                            .name("writer"),
                    ),
            )
            .pool(
                PoolConfig::new("eu-west-1_Local0002")
                    .resource_server("https://other-api-server.org", ["api.read"])
                    .client(
                        ClientConfig::new(
                            "local-other",
                            "local-other-secret",
                            ["https://other-api-server.org/api.read"],
                        )
                        .name("other"),
                    ),
            )
    }
}

/// One user pool: an issuer with its own keys, resource servers and clients.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolConfig {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) resource_servers: Vec<ResourceServer>,
    #[serde(default)]
    pub(crate) clients: Vec<ClientConfig>,
    #[serde(default)]
    pub(crate) dpop_nonces: bool,
}

impl PoolConfig {
    /// Creates a pool without clients. The id must have Cognito's format, a region, `_` and letters
    /// or digits: `eu-west-1_Local0001`. It is the path of the issuer's URL.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), resource_servers: Vec::new(), clients: Vec::new(), dpop_nonces: false }
    }

    /// Defines scopes: each is `identifier/name`, as in Cognito.
    #[must_use]
    pub fn resource_server<S: Into<String>>(
        mut self,
        identifier: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.resource_servers.push(ResourceServer { identifier: identifier.into(), scopes });
        self
    }

    /// Adds a client.
    #[must_use]
    pub fn client(mut self, client: ClientConfig) -> Self {
        self.clients.push(client);
        self
    }

    /// Requires a nonce of the pool in each DPoP proof for a token (RFC 9449 §8). In a file:
    /// `dpop_nonces = true`.
    ///
    /// A proof without the current nonce gets 400 `use_dpop_nonce`. Each response of the token endpoint
    /// has the nonce in `DPoP-Nonce`. [`Pool::renew_dpop_nonce`](crate::Pool::renew_dpop_nonce)
    /// replaces it.
    ///
    /// Default: no nonce is required.
    #[must_use]
    pub fn dpop_nonces(mut self) -> Self {
        self.dpop_nonces = true;
        self
    }

    /// Returns the scopes that the resource servers of this pool define, written in full.
    pub(crate) fn scopes(&self) -> impl Iterator<Item = String> + '_ {
        self.resource_servers
            .iter()
            .flat_map(|server| server.scopes.iter().map(|name| format!("{}/{name}", server.identifier)))
    }
}

/// A resource server of a pool: the identifier and the names that make up its scopes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResourceServer {
    pub(crate) identifier: String,
    pub(crate) scopes: Vec<String>,
}
