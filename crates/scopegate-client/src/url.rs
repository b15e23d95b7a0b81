//! The URLs of a configuration: who an issuer is, where its tokens are, and whom they are for.

use std::net::IpAddr;

use url::{Host, Url};

use crate::error::config::ConfigError;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) url: Url,
    /// As it was written, for comparisons character by character.
    pub(crate) written: Box<str>,
    pub(crate) reach: Reach,
}

/// How far a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Over a network, so only with TLS.
    Network,
    /// It does not leave the machine.
    Loopback,
}

/// RFC 8414 §2: an issuer is an `https` URL without query and fragment. `http` is let through on a loopback
/// address, where nobody can listen in who could not read the process itself.
const EXPECTED: &str = "an https URL (http only on a loopback address) without fragment and user name";

impl Address {
    pub(crate) fn parse(setting: &'static str, text: &str) -> Result<Self, ConfigError> {
        let invalid = || ConfigError::InvalidUrl { setting, expected: EXPECTED, found: presentable(text) };
        // The parser would mend these, and a misspelt address is better refused than guessed.
        let written_well = (text.starts_with("https://") || text.starts_with("http://"))
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let url = Url::parse(text).ok().filter(|_| written_well).ok_or_else(invalid)?;
        let reach = if is_loopback(&url) { Reach::Loopback } else { Reach::Network };
        let scheme_fits = matches!((url.scheme(), reach), ("https", _) | ("http", Reach::Loopback));
        let named = !url.username().is_empty() || url.password().is_some();
        if !scheme_fits || !has_usable_host(&url) || url.fragment().is_some() || named {
            return Err(invalid());
        }
        Ok(Self { url, written: text.into(), reach })
    }
}

/// An issuer's identifier is kept as it was written, because metadata is compared with it character by
/// character. It has no query either (RFC 8414 §2).
pub(crate) fn issuer_identifier(text: &str) -> Result<String, ConfigError> {
    let address = Address::parse("issuer", text)?;
    if address.url.query().is_none() {
        return Ok(text.to_owned());
    }
    let expected = "an issuer identifier, which has no query";
    Err(ConfigError::InvalidUrl { setting: "issuer", expected, found: presentable(text) })
}

/// User names, passwords and queries, which may be secrets, do not get into an error.
fn presentable(text: &str) -> String {
    let text = text.split('?').next().unwrap_or_default();
    match text.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => text.to_owned(),
    }
}

/// A parsed name may hold characters that no HTTP request can name a host with, `}` for one. They would come up when the
/// first token is asked for.
fn has_usable_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
        }
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        // An IPv4 address can be written as one of IPv6: `::ffff:127.0.0.1`.
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}

/// Whether a request may end on this machine although the address is none of loopback: the unspecified addresses are
/// taken for the machine itself, and names under `localhost` may lead there (RFC 6761 §6.3).
pub(crate) fn may_be_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').rsplit('.').next() == Some("localhost"),
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_unspecified(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_is_accepted_and_http_only_on_loopback() {
        // E07, F01
        for text in [
            "https://issuer.example",
            "https://issuer.example/t1/",
            "https://127.0.0.1:8443/p",
            "https://my_issuer.example./",
            "https://xn--bcher-kva.example/",
        ] {
            assert_eq!(issuer_identifier(text).unwrap(), text);
        }
        for text in [
            "http://127.0.0.1:9400/pool",
            "http://localhost:9400",
            "http://[::1]:9400/pool",
            "http://[::ffff:127.0.0.1]",
        ] {
            assert_eq!(Address::parse("issuer", text).unwrap().reach, Reach::Loopback, "{text}");
        }
        for text in [
            "http://issuer.example",
            "http://127.0.0.1.example/",
            "http://localhost.example",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::ffff:10.0.0.1]",
            "http://x.localhost",
            "ftp://127.0.0.1",
            "issuer.example",
            "",
            "https://",
            "https://user@issuer.example",
            "https://:secret@issuer.example",
            "https://iss}er.example",
            "https://issuer.example/#f",
            "https://issuer.example/?q",
            "https:issuer.example",
            "https:\\\\issuer.example",
            "HTTPS://issuer.example",
            "https://issuer.example/pool\n",
            " https://issuer.example",
            "https://issuer.example/a b",
            "https://issuer.example/\u{e9}",
        ] {
            assert!(issuer_identifier(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        for text in [
            "https://user:secret@issuer.example/x",
            "https://:secret@a@b/",
            "nonsense//secret@b",
            "https:u:secret@h/",
            "https://h/?secret",
        ] {
            let error = issuer_identifier(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_token_endpoint_may_have_a_query_and_no_fragment() {
        // E02: RFC 6749 §3.2
        assert!(Address::parse("token endpoint", "https://issuer.example/token?tenant=1").is_ok());
        assert!(Address::parse("token endpoint", "https://issuer.example/token#f").is_err());
    }
}
