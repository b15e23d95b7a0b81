//! The base URL of a server, and the hosts that are allowed in requests to it.

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

    /// Returns the hosts that are allowed in requests to this address, except the local ones.
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

/// Returns a base URL without its scheme, or `None` if the scheme is neither `http` nor `https`.
pub(super) fn authority_of(url: &str) -> Option<&str> {
    url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))
}

/// Replaces the address of all interfaces by the loopback address of the same family.
fn with_one_host(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}
