//! Checks the values of a configuration, and returns the first error.

use std::collections::HashSet;
use std::ops::RangeInclusive;

use super::allowed_host::AllowedHost;
use super::base_url::authority_of;
use super::claims::WRITTEN_BY_ISSUER;
use super::client::ClientConfig;
use super::error::ConfigError;
use super::{Config, PoolConfig};
use crate::scope;

/// The range of Cognito: 5 minutes to one day.
pub(super) const LIFETIME_IN_FILE: RangeInclusive<u64> = 300..=86_400;
const LIFETIME_IN_CODE: RangeInclusive<u64> = 1..=86_400;

impl Config {
    /// Checks a configuration that was made in code.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_with(&LIFETIME_IN_CODE)
    }

    pub(super) fn check_with(&self, lifetime: &RangeInclusive<u64>) -> Result<(), ConfigError> {
        if !self.listen.ip().is_loopback() && !self.allow_other_machines {
            return Err(ConfigError::NotLoopback { found: self.listen });
        }
        check_names(self)?;
        if self.pools.is_empty() {
            return Err(invalid("pools", "at least one pool", "none"));
        }
        let mut pool_ids = HashSet::new();
        let mut client_ids = HashSet::new();
        for (index, pool) in self.pools.iter().enumerate() {
            let at = format!("pools[{index}]");
            check_pool(pool, &at)?;
            if !pool_ids.insert(&pool.id) {
                return Err(duplicate(format!("{at}.id"), &pool.id));
            }
            let scopes: HashSet<_> = pool.scopes().collect();
            for (index, client) in pool.clients.iter().enumerate() {
                let at = format!("{at}.clients[{index}]");
                check_client(client, &scopes, lifetime, &at)?;
                // Across pools: `POST /oauth2/token` finds the pool by the client id.
                if !client_ids.insert(&client.id) {
                    return Err(duplicate(format!("{at}.id"), &client.id));
                }
            }
        }
        Ok(())
    }
}

fn check_names(config: &Config) -> Result<(), ConfigError> {
    for (index, host) in config.allow_hosts.iter().enumerate() {
        if AllowedHost::parse(host).is_none() {
            let expected = "a host name or an IP address, alone or with a port, such as issuer:9400";
            return Err(invalid(format!("allow_hosts[{index}]"), expected, format!("{host:?}")));
        }
    }
    match &config.url {
        Some(url) if authority_of(url).and_then(AllowedHost::parse).is_none() => {
            let expected = "http or https, a host and perhaps a port, without a slash at the end, such as http://issuer:9400";
            Err(invalid("url", expected, format!("{url:?}")))
        }
        _ => Ok(()),
    }
}

fn check_pool(pool: &PoolConfig, at: &str) -> Result<(), ConfigError> {
    if !is_pool_id(&pool.id) {
        let expected = "a region, `_` and letters or digits, such as eu-west-1_Local0001";
        return Err(invalid(format!("{at}.id"), expected, format!("{:?}", pool.id)));
    }
    for (index, server) in pool.resource_servers.iter().enumerate() {
        let at = format!("{at}.resource_servers[{index}]");
        if !scope::is_scope_token(&server.identifier) {
            return Err(invalid(format!("{at}.identifier"), SCOPE_TOKEN, format!("{:?}", server.identifier)));
        }
        for (index, name) in server.scopes.iter().enumerate() {
            if !scope::is_scope_token(name) {
                return Err(invalid(format!("{at}.scopes[{index}]"), SCOPE_TOKEN, format!("{name:?}")));
            }
        }
    }
    if pool.clients.is_empty() {
        return Err(invalid(format!("{at}.clients"), "at least one client", "none"));
    }
    Ok(())
}

fn check_client(
    client: &ClientConfig,
    defined: &HashSet<String>,
    lifetime: &RangeInclusive<u64>,
    at: &str,
) -> Result<(), ConfigError> {
    if client.id.is_empty() {
        return Err(invalid(format!("{at}.id"), "a client id", "an empty string"));
    }
    if client.secret.is_empty() && client.key.is_none() {
        // There are no public clients: client_credentials is for confidential ones only (RFC 6749 §4.4).
        return Err(invalid(format!("{at}.secret"), "a secret", "an empty string"));
    }
    if !lifetime.contains(&client.access_token_lifetime_secs) {
        let expected = format!("{} to {} seconds", lifetime.start(), lifetime.end());
        let found = client.access_token_lifetime_secs.to_string();
        return Err(invalid(format!("{at}.access_token_lifetime_secs"), expected, found));
    }
    if client.scopes.is_empty() {
        return Err(invalid(format!("{at}.scopes"), "at least one scope", "none"));
    }
    for (index, scope) in client.scopes.iter().enumerate() {
        let at = format!("{at}.scopes[{index}]");
        if !scope::is_scope_token(scope) {
            return Err(invalid(at, SCOPE_TOKEN, format!("{scope:?}")));
        }
        if !defined.contains(scope) {
            let expected = "a scope that a resource server of this pool defines, as identifier/name";
            return Err(invalid(at, expected, format!("{scope:?}")));
        }
        if client.scopes.iter().take(index).any(|earlier| earlier == scope) {
            return Err(duplicate(at, scope));
        }
    }
    for name in client.claims.keys() {
        if name.is_empty() {
            return Err(invalid(format!("{at}.claims"), "the name of a claim", "an empty string"));
        }
        if WRITTEN_BY_ISSUER.contains(&name.as_str()) {
            let expected = "a claim that the issuer does not write into every token itself";
            return Err(invalid(format!("{at}.claims"), expected, format!("{name:?}")));
        }
    }
    Ok(())
}

/// Returns whether an id matches Cognito's pattern for user pool ids, which is safe as one path
/// segment.
fn is_pool_id(id: &str) -> bool {
    let Some((region, name)) = id.rsplit_once('_') else { return false };
    let in_region = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !region.is_empty()
        && region.bytes().all(in_region)
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn invalid(field: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) -> ConfigError {
    ConfigError::Invalid { field: field.into(), expected: expected.into(), found: found.into() }
}

fn duplicate(field: impl Into<String>, value: &str) -> ConfigError {
    ConfigError::Duplicate { field: field.into(), value: value.to_owned() }
}

/// RFC 6749 §3.3.
const SCOPE_TOKEN: &str = "printable ASCII without space, `\"` and `\\`";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pool_id_grammar_is_that_of_cognito() {
        for id in ["eu-west-1_Local0001", "us-east-1_aB3", "local_1"] {
            assert!(is_pool_id(id), "{id:?}");
        }
        for id in ["", "oauth2", ".well-known", "eu-west-1_", "_x", "a/b_c", "eu-west-1_a.b", "eu_a b"] {
            assert!(!is_pool_id(id), "{id:?}");
        }
    }
}
