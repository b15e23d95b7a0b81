//! URLs that public documents are fetched from. Secrets are never sent to one: see `SecureUrl`.

use std::fmt;
use std::net::IpAddr;

use ::url::{Host, Url};

use super::{UrlError, has_user, redacted};

/// A URL that a public document may be fetched from: a key set, or metadata.
///
/// It is `https` or `http`, names a host, and has neither fragment nor user name. `http` over a network
/// protects nothing: an attacker on the way can replace the document. Callers must therefore check
/// [`is_plain_network`](Self::is_plain_network), or take a [`SecureUrl`](super::SecureUrl) in place of
/// this type. `Debug` hides the query, which may be a secret.
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
    /// Spellings that a URL parser would mend are rejected: white space, backslashes, non-ASCII
    /// characters, a scheme in upper case or without `//`. Others compare the string as it was
    /// written, and a misspelled URL is better rejected than guessed.
    ///
    /// # Errors
    /// Returns [`UrlError`] if the string is no such URL.
    pub fn parse_allowing_http(text: &str) -> Result<Self, UrlError> {
        let well_written = (text.starts_with("https://") || text.starts_with("http://"))
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let url = Url::parse(text).ok().filter(|url| {
            // The parser forgets a user without a name.
            let has_user = !url.username().is_empty()
                || url.password().is_some()
                || text.split_once(':').is_some_and(|(_, rest)| has_user(rest));
            well_written && has_usable_host(url) && url.fragment().is_none() && !has_user
        });
        let url = url.ok_or_else(|| UrlError::insecure(text))?;
        Ok(Self { is_loopback: is_loopback(&url), url, written: text.into() })
    }

    /// Returns a URL on the same server, with another path.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(path);
        Self { written: url.as_str().into(), url, is_loopback: self.is_loopback }
    }

    /// Returns the parsed URL.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the URL as it was written, for comparisons character by character.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Returns the URL for logs and errors: without its query, which may be a secret.
    pub fn without_query(&self) -> String {
        let mut url = self.url.clone();
        url.set_query(None);
        url.into()
    }

    /// Returns whether the scheme is `https`. Otherwise it is `http`.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns whether a request to it never leaves this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Returns whether a request to it travels over a network without TLS.
    pub fn is_plain_network(&self) -> bool {
        !self.is_loopback && !self.is_https()
    }

    /// Returns whether both URLs have the same scheme, host and port (RFC 6454 §4).
    pub fn has_same_origin(&self, other: &Self) -> bool {
        self.url.origin() == other.url.origin()
    }

    /// Returns whether the server at this URL may send us to another one.
    ///
    /// A server elsewhere has no business with our own machine: such a URL would let it reach
    /// services that trust local connections (SSRF). A server on this machine may name any URL.
    pub fn may_refer_to(&self, other: &Self) -> bool {
        self.is_loopback || !(other.is_loopback || may_be_this_machine(&other.url))
    }
}

impl fmt::Debug for FetchUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redacted(&self.written), f)
    }
}

/// Returns whether a request may end on this machine although its host is no loopback address.
///
/// Systems take the unspecified addresses for the machine itself, and names under `localhost` may
/// lead there (RFC 6761 §6.3).
pub fn may_be_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.trim_end_matches('.').rsplit('.').next() == Some("localhost"),
        Some(Host::Ipv4(address)) => address.is_unspecified(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_unspecified(),
        None => false,
    }
}

/// A parsed name may contain characters that no HTTP request can name a host with, such as `}`. They
/// would only be rejected by the first request.
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
