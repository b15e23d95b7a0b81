//! URLs of public documents.

use std::fmt;
use std::net::IpAddr;

use ::url::{Host, Url};

use super::{UrlError, has_user, redacted};

/// A URL of a public document, such as a key set or metadata: `https` or `http` to any host.
///
/// It has a host, and neither fragment nor user name. Over a network, `http` gives no protection:
/// an attacker on the network can replace the document. Check
/// [`is_plain_network`](Self::is_plain_network), or use a [`SecureUrl`](super::SecureUrl) instead
/// of this type. `Debug` hides the query, which may be a secret.
///
/// ```
/// use scopegate_proto::url::FetchUrl;
///
/// assert!(FetchUrl::parse_allowing_http("http://keycloak:8080/realms/a")?.is_plain_network());
/// assert!(!FetchUrl::parse_allowing_http("http://127.0.0.1:9400/pool")?.is_plain_network());
/// assert!(FetchUrl::parse_allowing_http("ftp://keycloak/keys").is_err());
/// # Ok::<(), scopegate_proto::url::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct FetchUrl {
    url: Url,
    written: Box<str>,
    is_loopback: bool,
}

impl FetchUrl {
    /// Parses a URL whose scheme is `https`, or `http` to any host.
    ///
    /// Spellings that a URL parser would change are rejected: white space, backslashes, non-ASCII
    /// characters, and a scheme in upper case or without `//`. Other programs compare the original
    /// string, so the parsed URL must not differ from it.
    ///
    /// # Errors
    /// Returns [`UrlError`] if the string is not such a URL.
    pub fn parse_allowing_http(text: &str) -> Result<Self, UrlError> {
        let well_written = (text.starts_with("https://") || text.starts_with("http://"))
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let url = Url::parse(text).ok().filter(|url| {
            // The parser drops an empty user name.
            let has_user = !url.username().is_empty()
                || url.password().is_some()
                || text.split_once(':').is_some_and(|(_, rest)| has_user(rest));
            well_written && has_usable_host(url) && url.fragment().is_none() && !has_user
        });
        let url = url.ok_or_else(|| UrlError::insecure(text))?;
        Ok(Self { is_loopback: is_loopback(&url), url, written: text.into() })
    }

    /// Returns the URL of another path on the same server.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(path);
        Self { written: url.as_str().into(), url, is_loopback: self.is_loopback }
    }

    /// Returns the parsed URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the original string. Use it for comparisons, character by character.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Returns the URL without its query, which may be a secret. Use it for logs and errors.
    pub fn without_query(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.into()
    }

    /// Returns whether the scheme is `https`. Otherwise it is `http`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns whether the host is a loopback address, so that requests never leave this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Returns whether requests are sent over a network without TLS.
    pub fn is_plain_network(&self) -> bool {
        !self.is_loopback && !self.is_https()
    }

    /// Returns whether both URLs have the same scheme, host and port (RFC 6454 §4).
    pub fn has_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }

    /// Returns whether a document of this server may contain the other URL.
    ///
    /// A remote server must not name a URL on this machine. Otherwise it could reach services that
    /// trust local connections (SSRF). A server on this machine may name any URL.
    pub fn may_refer_to(&self, other: &Self) -> bool {
        self.is_loopback || !(other.is_loopback || may_be_this_machine(&other.url))
    }
}

impl fmt::Debug for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redacted(&self.written), f)
    }
}

/// Returns whether a request may reach this machine although its host is not a loopback address.
///
/// Systems route the unspecified addresses to the machine itself. Names under `localhost` may
/// resolve to it (RFC 6761 §6.3).
pub fn may_be_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').rsplit('.').next() == Some("localhost"),
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_unspecified(),
        None => false,
    }
}

/// Returns whether HTTP requests can use the host.
///
/// The parser accepts names with other characters, such as `}`. They would fail only in the first
/// request.
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
        // An IPv4 address can be written as an IPv6 address: `::ffff:127.0.0.1`.
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        None => false,
    }
}
