//! A host that is allowed in requests, in addition to the names of this machine.
//!
//! It is compared with the `Host` of a request (RFC 9110 §7.2), which prevents DNS rebinding.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// A host name or an IP address, and optionally the only allowed port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllowedHost {
    /// In lower case; an IPv6 address within brackets.
    host: String,
    port: Option<u16>,
}

impl AllowedHost {
    /// Parses `host` or `host:port`. Returns `None` for anything else, such as a wildcard.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = split_authority(text)?;
        // A colon without a port is probably a mistake here, although it is valid in `Host`.
        if text.ends_with(':') || !(is_name(host) || is_address(host)) {
            return None;
        }
        Some(Self { host: host.to_ascii_lowercase(), port })
    }

    /// Returns the host of this address with any port, because a forwarded port has another number.
    pub(crate) fn of(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        Self { host, port: None }
    }

    /// Returns whether an authority, as in `Host`, is allowed. An entry without a port allows every
    /// port.
    pub(crate) fn matches(&self, authority: &str) -> bool {
        split_authority(authority).is_some_and(|(host, port)| {
            let is_port = self.port.is_none_or(|expected| expected == port.unwrap_or(HTTP_PORT));
            is_port && host.eq_ignore_ascii_case(&self.host)
        })
    }

    /// Returns `host:port`. If the entry has no port, it gets this one.
    pub(crate) fn authority(&self, port: u16) -> String {
        format!("{}:{}", self.host, self.port.unwrap_or(port))
    }
}

/// Splits `host` or `host:port`. The port may be empty (RFC 9110 §4.2.1). Returns `None` if the
/// port is invalid.
pub(crate) fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are within brackets.
        Some((_, port)) if port.ends_with(']') => (authority, ""),
        Some((host, port)) => (host, port),
        None => (authority, ""),
    };
    if port.is_empty() {
        return Some((host, None));
    }
    let digits_only = port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| digits_only).map(|port| (host, Some(port)))
}

/// Returns whether this is a host name. Compose allows `_` in the names of services.
pub(crate) fn is_name(host: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // Browsers read a host that ends in a number as an IPv4 address (WHATWG URL, "ends in a number").
    let ends_in_number =
        host.rsplit('.').next().is_some_and(|label| label.bytes().all(|b| b.is_ascii_digit()));
    host.len() <= MAX_NAME_BYTES && !ends_in_number && host.split('.').all(is_label)
}

/// Returns whether this is the address of one host, in the canonical spelling of URL parsers.
fn is_address(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address
            .parse()
            .is_ok_and(|parsed: Ipv6Addr| !parsed.is_unspecified() && parsed.to_string() == address),
        None => host.parse().is_ok_and(|address: Ipv4Addr| !address.is_unspecified()),
    }
}

/// The port of an authority without a port.
const HTTP_PORT: u16 = 80;

/// RFC 1035 §2.3.4.
const MAX_NAME_BYTES: usize = 253;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allowed_hosts_are_names_or_addresses() {
        // FR-E1
        let longest = format!("{}.example", "a".repeat(MAX_NAME_BYTES - ".example".len()));
        for host in
            ["issuer", "issuer:9400", "my_issuer", "Issuer.test:80", "10.0.0.5", "[fd00::5]:9400", &longest]
        {
            assert!(AllowedHost::parse(host).is_some(), "{host}");
        }
        for host in [
            "",
            ":9400",
            "issuer:",
            "issuer:65536",
            "issuer:+80",
            "*",
            "*.example",
            ".example",
            "issuer.",
            "http://issuer:9400",
            "issuer/path",
            "user@issuer",
            "my issuer",
            "issu\u{e9}r",
            "0.0.0.0",
            "[::]",
            "[FD00::5]",
            "fd00::5",
            "127.1",
            "0x7f.1",
            &format!("a{longest}"),
        ] {
            assert_eq!(AllowedHost::parse(host), None, "{host}");
        }
    }

    #[test]
    fn host_matches_in_any_case_at_its_port() {
        // FR-E1
        let allowed = |text| AllowedHost::parse(text).unwrap();
        for (entry, authority) in [
            ("issuer", "issuer"),
            ("issuer", "ISSUER:1"),
            ("issuer:9400", "Issuer:9400"),
            ("issuer:80", "issuer"),
            ("issuer:80", "issuer:"),
            ("[fd00::5]", "[fd00::5]:9400"),
        ] {
            assert!(allowed(entry).matches(authority), "{entry} {authority}");
        }
        for (entry, authority) in [
            ("issuer", "issuer.example"),
            ("issuer", "evil.issuer"),
            ("issuer", "user@issuer"),
            ("issuer", "issuer:x"),
            ("issuer:9400", "issuer:9401"),
            ("issuer:9400", "issuer"),
            ("issuer", ""),
        ] {
            assert!(!allowed(entry).matches(authority), "{entry} {authority}");
        }
    }
}
