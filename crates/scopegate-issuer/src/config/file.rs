//! Reads a configuration from TOML. The allowed values are in `check.rs`.

use std::net::SocketAddr;

use serde::Deserialize;

use super::check::LIFETIME_IN_FILE;
use super::error::ConfigError;
use super::{Config, PoolConfig};

/// The file, before its values are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    listen: Option<String>,
    #[serde(default)]
    allow_other_machines: bool,
    #[serde(default)]
    allow_hosts: Vec<String>,
    url: Option<String>,
    #[serde(default)]
    pools: Vec<PoolConfig>,
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// Optional fields are `listen` (default: a free port of `127.0.0.1`) and a client's `name`,
    /// `access_token_lifetime_secs` (default: 3600), [`claims`](crate::ClientConfig::claim),
    /// [`dpop_bound_access_tokens`](crate::ClientConfig::dpop_bound_access_tokens),
    /// [`opaque_tokens`](crate::ClientConfig::opaque_tokens) and
    /// [`certificate`](crate::ClientConfig::certificate). A pool may have
    /// [`dpop_nonces`](PoolConfig::dpop_nonces). In a container, begin the file with:
    ///
    /// ```toml
    /// listen = "0.0.0.0:9400"
    /// allow_other_machines = true     # see Config::allow_other_machines
    /// allow_hosts = ["issuer:9400"]   # see Config::allow_host
    /// url = "http://issuer:9400"      # see Config::url, and its default
    /// ```
    ///
    /// ```
    /// use scopegate_issuer::Config;
    ///
    /// let config = Config::from_toml(r#"
    ///     listen = "127.0.0.1:9400"
    ///     [[pools]]
    ///     id = "eu-west-1_Local0001"
    ///       [[pools.resource_servers]]
    ///       identifier = "https://my-api-server.org"
    ///       scopes = ["api.read", "api.write"]
    ///       [[pools.clients]]
    ///       id = "reader-id"
    ///       name = "reader"
    ///       secret = "choose one"
    ///       access_token_lifetime_secs = 3600
    ///       scopes = ["https://my-api-server.org/api.read"]
    ///       claims = { tenant = "acme", roles = ["auditor"] }
    /// "#);
    /// assert!(config.is_ok());
    ///
    /// let error = Config::from_toml("listen = \"0.0.0.0:9400\"").unwrap_err();
    /// assert!(error.to_string().starts_with("`listen`: expected a loopback address"));
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ConfigError`] if the file is malformed or a value is not allowed. Unknown fields
    /// are rejected, so that misspelled names are detected.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        let file: File = toml::from_str(text).map_err(|error| syntax(&error, text))?;
        let mut config = Self::empty();
        if let Some(listen) = file.listen {
            config.listen = parse_listen(&listen)?;
        }
        config.allow_other_machines = file.allow_other_machines;
        config.allow_hosts = file.allow_hosts;
        config.url = file.url;
        config.pools = file.pools;
        config.check_with(&LIFETIME_IN_FILE)?;
        Ok(config)
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, ConfigError> {
    text.parse().map_err(|_| ConfigError::Invalid {
        field: "listen".into(),
        expected: "an address and a port, such as 127.0.0.1:9400".into(),
        found: format!("{text:?}"),
    })
}

/// Returns the message without the excerpt that TOML's `Display` adds, because that line may
/// contain a secret.
fn syntax(error: &toml::de::Error, text: &str) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| before.matches('\n').count() + 1);
    let field = line.and_then(|line| field_on(text.lines().nth(line - 1)?));
    // Join messages of several lines: an error has one line.
    let message = error.message().lines().collect::<Vec<_>>().join(", ");
    ConfigError::Syntax { line, field, message }
}

/// Returns the plain key that this line assigns to.
fn field_on(line: &str) -> Option<String> {
    let key = line.split_once('=')?.0.trim();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (!key.is_empty() && key.bytes().all(plain)).then(|| key.to_owned())
}
