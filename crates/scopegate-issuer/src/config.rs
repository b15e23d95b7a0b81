//! Which pools, resource servers and clients does a server have? The types, their builders and the default.

mod check;
pub(crate) mod client;
pub(crate) mod error;
mod file;
pub(crate) mod secret;

use std::net::{Ipv4Addr, SocketAddr};

use serde::Deserialize;

use self::client::ClientConfig;

/// The configuration of a [`LocalIssuer`](crate::LocalIssuer).
///
/// [`Config::default`] is enough for most tests: it listens on a free loopback port and has two pools, so that a
/// token of the one can be presented where only the other is trusted.
///
/// | pool | name | client id | secret | scopes |
/// | --- | --- | --- | --- | --- |
/// | `eu-west-1_Local0001` | `reader` | `local-reader` | `local-reader-secret` | `https://my-api-server.org/api.read` |
/// | `eu-west-1_Local0001` | `writer` | `local-writer` | `local-writer-secret` | `https://my-api-server.org/api.read`, `…/api.write` |
/// | `eu-west-1_Local0002` | `other` | `local-other` | `local-other-secret` | `https://other-api-server.org/api.read` |
///
/// None of it need be repeated: [`Pool::client`](crate::Pool::client) finds a client by its name, and
/// [`LocalIssuer::pools`](crate::LocalIssuer::pools) has the second pool.
///
/// A configuration made in code is checked by [`LocalIssuer::start_with`](crate::LocalIssuer::start_with),
/// one from a file already by [`Config::from_toml`].
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
    pub(crate) pools: Vec<PoolConfig>,
}

impl Config {
    /// No pools yet, and a free port of `127.0.0.1`. Add at least one pool.
    #[must_use]
    pub fn empty() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), pools: Vec::new() }
    }

    /// Where to listen. A loopback address; port 0 picks a free port, which is the default.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
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
}

impl PoolConfig {
    /// A pool without clients. Its id looks like Cognito's, a region, `_` and letters or digits:
    /// `eu-west-1_Local0001`. It is the path of the issuer's address.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), resource_servers: Vec::new(), clients: Vec::new() }
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

    /// Every scope that the resource servers of this pool define, written in full.
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
