//! The names under which a server is reached: the URL that it gives itself, and the hosts that
//! requests may be for.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Config;
use super::allowed_host::AllowedHost;

impl Config {
    /// Returns the URL of a server that listens on this address.
    pub(crate) fn url_at(&self, address: SocketAddr) -> String {
        if let Some(url) = &self.url {
            return url.clone();
        }
        match self.allow_hosts.first().and_then(|host| AllowedHost::parse(host)) {
            Some(host) => format!("http://{}", host.authority(address.port())),
            None => format!("http://{}", with_one_host(address)),
        }
    }

    /// Returns the hosts, besides the local ones, that requests to this address may name.
    pub(crate) fn hosts_at(&self, address: SocketAddr) -> Vec<AllowedHost> {
        let named =
            self.allow_hosts.iter().map(String::as_str).chain(self.url.as_deref().and_then(authority_of));
        let mut hosts: Vec<_> = named.filter_map(AllowedHost::parse).collect();
        if !address.ip().is_loopback() && !address.ip().is_unspecified() {
            hosts.push(AllowedHost::of(address));
        }
        hosts
    }
}

/// Returns what follows the scheme of a base URL, or `None` if that is neither `http` nor `https`.
pub(super) fn authority_of(url: &str) -> Option<&str> {
    url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))
}

/// Replaces an address that stands for all interfaces by the loopback address of its family.
fn with_one_host(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}
