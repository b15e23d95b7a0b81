//! The addresses of the proxies that may set a header.

use std::net::IpAddr;

use crate::error::config::ConfigError;

/// The addresses of the proxies that may set a header.
///
/// Take the address of a peer from the connection, and never from a header.
///
/// ```
/// use scopegate::http::TrustedProxies;
///
/// let proxies = TrustedProxies::new(["10.0.0.0/8", "::1"])?;
/// assert!(proxies.contain("10.1.2.3".parse().unwrap()));
/// assert!(!proxies.contain("11.1.2.3".parse().unwrap()));
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TrustedProxies(Vec<Network>);

/// The addresses with one prefix, as 128 bits. IPv4 addresses are mapped to IPv6, and no IPv6 address
/// is in a network of IPv4, because mapped addresses count as IPv4.
#[derive(Clone, Debug)]
struct Network {
    first: u128,
    mask: u128,
}

/// The length of the prefix of all mapped IPv4 addresses (RFC 4291 §2.5.5.2).
const MAPPED_PREFIX: u32 = 96;

impl TrustedProxies {
    /// Reads addresses and networks. An IPv4 address that is mapped to IPv6 counts as IPv4.
    ///
    /// # Errors
    /// Returns [`ConfigError::OutOfRange`] if a string is neither an IP address nor a network such as
    /// `10.0.0.0/8`, or if the network has bits after its prefix. A prefix of 0 is rejected, because
    /// every address would be trusted.
    pub fn new<I>(texts: I) -> Result<Self, ConfigError>
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let network = |text: I::Item| {
            Network::parse(text.as_ref()).ok_or_else(|| ConfigError::OutOfRange {
                setting: "trusted proxies",
                expected: "an IP address or a network such as 10.0.0.0/8, without bits after its prefix",
                found: text.as_ref().to_owned(),
            })
        };
        Ok(Self(texts.into_iter().map(network).collect::<Result<_, _>>()?))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether the address is one of a trusted proxy.
    pub fn contain(&self, peer: IpAddr) -> bool {
        let peer = bits(peer);
        self.0.iter().any(|network| peer & network.mask == network.first)
    }
}

impl Network {
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        // The prefix of a mapped network could count from either address.
        if prefix.is_some() && address.to_canonical() != address {
            return None;
        }
        let (offset, width) = if address.is_ipv4() { (MAPPED_PREFIX, 32) } else { (0, 128) };
        let length = match prefix {
            None => width,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        // All addresses would be trusted.
        if !(1..=width).contains(&length) {
            return None;
        }
        let mask = u128::MAX.checked_shl(128 - offset - length).unwrap_or(0);
        let first = bits(address);
        let holds_mapped = address.is_ipv6() && bits(IpAddr::from([0, 0, 0, 0])) & mask == first;
        (first & mask == first && (!holds_mapped || prefix.is_none())).then_some(Self { first, mask })
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
    .to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, peer: &str) -> bool {
        TrustedProxies::new([network]).unwrap().contain(peer.parse().unwrap())
    }

    #[test]
    fn network_contains_addresses_with_its_prefix() {
        // MT06
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.5", "10.0.0.5", "10.0.0.4"),
            ("10.0.0.4/31", "10.0.0.5", "10.0.0.6"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("::ffff:10.0.0.5", "10.0.0.5", "10.0.0.6"),
            ("128.0.0.0/1", "255.255.255.255", "127.255.255.255"),
            ("fd00::/8", "fdff::1", "fc00::1"),
            ("2001:db8::1", "2001:db8::1", "2001:db8::2"),
            ("::1", "::1", "127.0.0.1"),
        ] {
            assert!(contains(network, inside), "{network} {inside}");
            assert!(!contains(network, outside), "{network} {outside}");
        }
    }

    #[test]
    fn other_strings_are_rejected() {
        for text in [
            "",
            "/",
            "10.0.0.0/",
            "10.0.0.0/0",
            "::/0",
            "10.0.0.0/33",
            "fd00::/129",
            "10.0.0.1/8",
            "fd00::1/8",
            "10.0.0.0/+8",
            "10.0.0.0/-8",
            "10.0.0.0/8/8",
            " 10.0.0.0/8",
            "10.0.0/8",
            "10.0.0.0/255.0.0.0",
            "proxy.example",
            "::ffff:10.0.0.0/104",
            "::/1",
            "::/80",
            "fe80::1%eth0",
            "10.0.0.5:80",
        ] {
            assert!(TrustedProxies::new([text]).is_err(), "{text}");
        }
    }
}
