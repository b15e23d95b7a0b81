//! The addresses of the proxies that may set a header.

use std::net::IpAddr;

use crate::config_error::ConfigError;

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

/// The first mapped IPv4 address.
const MAPPED_FIRST: u128 = 0xffff_0000_0000;

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
        let network = |text: &I::Item| {
            Network::parse(text.as_ref()).ok_or_else(|| ConfigError::OutOfRange {
                setting: "trusted proxies",
                expected: "an IP address or a network such as 10.0.0.0/8, without bits after its prefix",
                found: text.as_ref().to_owned(),
            })
        };
        let texts: Vec<I::Item> = texts.into_iter().collect();
        let mut networks = texts.iter().map(network).collect::<Result<Vec<_>, _>>()?;
        networks.sort_by_key(|network| network.first);
        let (first, last) = (MAPPED_FIRST, MAPPED_FIRST | u128::from(u32::MAX));
        let covers_ipv6 = covers(&networks, 0, first - 1) && covers(&networks, last + 1, u128::MAX);
        if covers(&networks, first, last) || covers_ipv6 {
            return Err(ConfigError::OutOfRange {
                setting: "trusted proxies",
                expected: "networks that leave out some addresses",
                found: texts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", "),
            });
        }
        Ok(Self(networks))
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

/// Returns whether the networks, in the order of their addresses, have all addresses of a range.
fn covers(networks: &[Network], first: u128, last: u128) -> bool {
    let mut next = first;
    for network in networks {
        let end = network.first | !network.mask;
        if network.first > next {
            return false;
        }
        if end >= last {
            return true;
        }
        next = next.max(end + 1);
    }
    false
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
    use std::net::{Ipv4Addr, Ipv6Addr};

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
    fn networks_of_all_addresses_are_rejected() {
        // MT07
        let is_valid = |networks: &[String]| TrustedProxies::new(networks).is_ok();
        for (networks, expected) in [
            ("0.0.0.0/1", true),
            ("0.0.0.0/1 128.0.0.0/1", false),
            ("192.0.0.0/2 128.0.0.0/2", true),
            ("192.0.0.0/2 0.0.0.0/1 128.0.0.0/2", false),
            ("0.0.0.0/1 10.0.0.0/8 128.0.0.0/2", true),
            ("0.0.0.0/1 64.0.0.0/2 128.0.0.0/1 10.0.0.5", false),
        ] {
            let networks: Vec<String> = networks.split(' ').map(str::to_owned).collect();
            assert_eq!(is_valid(&networks), expected, "{networks:?}");
        }
        // All IPv4 addresses without 0.0.0.0.
        let network = |bit: u32| format!("{}/{}", Ipv4Addr::from(1 << (31 - bit)), bit + 1);
        let mut networks: Vec<String> = (0..32).map(network).collect();
        assert!(is_valid(&networks));
        networks.push("0.0.0.0".to_owned());
        assert!(!is_valid(&networks));
        // All IPv6 addresses, except those that are mapped from IPv4: one of the first 80 bits is
        // set, or one of the next 16 is not.
        let set = |bit: u32| format!("{}/{}", Ipv6Addr::from(1 << (127 - bit)), bit + 1);
        let unset = |bit: u32| {
            let ones = 0xffff_u128 << (48 - bit) & 0xffff_u128 << 32;
            format!("{}/{}", Ipv6Addr::from(ones), 81 + bit)
        };
        let mut networks: Vec<String> = (0..80).map(set).chain((0..15).map(unset)).collect();
        assert!(is_valid(&networks));
        networks.push(unset(15));
        assert!(!is_valid(&networks));
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
