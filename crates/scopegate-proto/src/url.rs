//! URLs of a configuration or of a metadata document, checked once. All rules against SSRF stand
//! here.

use std::fmt;
use std::net::IpAddr;

use ::url::{Host, Url};

/// RFC 8414 §2: an issuer is an `https` URL without query and fragment. `http` is accepted on a
/// loopback address: an attacker who can listen there can read the process itself.
const EXPECTED: &str = "an https URL (http only on a loopback address) without fragment and user name";

/// A URL that keys may be fetched from, and that secrets may be sent to.
///
/// It is `https`, or `http` on a loopback address. It names a host, and has neither fragment nor user
/// name. `Debug` hides the query, which may be a secret.
///
/// ```
/// use scopegate_proto::url::SecureUrl;
///
/// assert!(SecureUrl::parse("https://issuer.example/keys?appid=1")?.is_https());
/// assert!(SecureUrl::parse("http://127.0.0.1:9400/pool")?.is_loopback());
/// assert!(SecureUrl::parse("http://issuer.example").is_err());
/// # Ok::<(), scopegate_proto::url::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SecureUrl {
    url: Url,
    written: Box<str>,
    is_loopback: bool,
}

impl SecureUrl {
    /// Parses a URL.
    ///
    /// Spellings that a URL parser would mend are rejected: white space, backslashes, non-ASCII
    /// characters, a scheme in upper case or without `//`. Others compare the string as it was
    /// written, and a misspelled URL is better rejected than guessed.
    ///
    /// # Errors
    /// Returns [`UrlError`] if the string is no such URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let well_written = (text.starts_with("https://") || text.starts_with("http://"))
            && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let url =
            Url::parse(text).ok().filter(|_| well_written).ok_or_else(|| UrlError::new(EXPECTED, text))?;
        Self::check(url, text)
    }

    /// Returns a URL on the same server, with another path.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(path);
        Self { written: url.as_str().into(), url, is_loopback: self.is_loopback }
    }

    fn check(url: Url, text: &str) -> Result<Self, UrlError> {
        let is_loopback = is_loopback(&url);
        let secure = matches!((url.scheme(), is_loopback), ("https", _) | ("http", true));
        let has_user = !url.username().is_empty() || url.password().is_some();
        if !secure || !has_usable_host(&url) || url.fragment().is_some() || has_user {
            return Err(UrlError::new(EXPECTED, text));
        }
        Ok(Self { url, written: text.into(), is_loopback })
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

    /// Returns whether the scheme is `https`. Otherwise it is `http`, on a loopback address.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Returns whether a request to it never leaves this machine.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Returns whether the server at this URL may send us to another one.
    ///
    /// A server elsewhere has no business with our own machine: such a URL would let it reach
    /// services that trust local connections (SSRF). A server on this machine may name any URL.
    pub fn may_refer_to(&self, other: &Self) -> bool {
        self.is_loopback || !(other.is_loopback || may_be_this_machine(&other.url))
    }
}

impl fmt::Debug for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&redacted(&self.written), f)
    }
}

/// Parses an issuer identifier: a [`SecureUrl`] without a query (RFC 8414 §2).
///
/// Compare tokens and metadata with [`written`](SecureUrl::written), character by character.
///
/// # Errors
/// Returns [`UrlError`] if the string is no such URL.
pub fn issuer_identifier(text: &str) -> Result<SecureUrl, UrlError> {
    let url = SecureUrl::parse(text)?;
    if url.url.query().is_some() {
        return Err(UrlError::new("an issuer identifier, which has no query", text));
    }
    Ok(url)
}

/// Maximum length of an issuer's name in bytes.
pub const MAX_NAME_LENGTH: usize = 2_048;

/// Returns whether a string can be an issuer's name that is only compared: a `StringOrURI` (RFC 7519
/// §2).
///
/// Any non-empty string of up to 2,048 bytes without control characters is one; if it contains a
/// colon, it must begin with a scheme and contain no white space. So `acme.com`,
/// `http://fs.example.com/adfs/services/trust` and `spiffe://example.org` are names. White space
/// at either end and user names in a URL are rejected: both are mistakes of a configuration.
///
/// Nothing is sent to a name. An address that something is fetched from is a [`SecureUrl`].
pub fn is_string_or_uri(text: &str) -> bool {
    let is_text = !text.is_empty()
        && text.len() <= MAX_NAME_LENGTH
        && text.trim() == text
        && !text.contains(char::is_control);
    let Some((scheme, rest)) = text.split_once(':') else { return is_text };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    is_text
        && is_scheme
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && authority.is_none_or(|authority| !authority.contains('@'))
}

/// Returns whether a string is an absolute URI without a fragment (RFC 3986 §4.3), such as the
/// resource that a token is for (RFC 8707 §2).
///
/// Nothing is sent to it, so any scheme will do. White space and non-ASCII characters, which a URL
/// parser would mend, are rejected.
pub fn is_absolute_uri(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#') && Url::parse(text).is_ok()
}

/// Removes user names, passwords and queries from a URL, because they may be secrets.
///
/// The string need not be a valid URL.
pub fn redacted(text: &str) -> String {
    let (text, query) = text.split_once('?').map_or((text, None), |(text, query)| (text, Some(query)));
    let mark = if query.is_some() { "?…" } else { "" };
    match text.rsplit_once('@') {
        // What looks like the host may be a part of a password that contains a question mark.
        _ if query.is_some_and(|query| query.contains('@')) => "…".to_owned(),
        Some((_, host)) => format!("…@{host}{mark}"),
        None => format!("{text}{mark}"),
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

/// The reason why a URL is rejected.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlError {
    /// The form that was expected.
    pub expected: &'static str,
    /// The rejected string, without user name, password and query.
    pub found: String,
}

impl UrlError {
    fn new(expected: &'static str, found: &str) -> Self {
        Self { expected, found: redacted(found) }
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {:?}", self.expected, self.found)
    }
}

impl std::error::Error for UrlError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn http_is_accepted_on_loopback_only() {
        // B14, E07, F01
        for text in [
            "https://issuer.example",
            "https://issuer.example/t1/",
            "https://127.0.0.1:8443/p",
            "https://my_issuer.example./",
            "https://xn--bcher-kva.example/",
        ] {
            assert_eq!(issuer_identifier(text).unwrap().written(), text);
            assert!(issuer_identifier(text).unwrap().is_https());
        }
        for text in [
            "http://127.0.0.1:9400/pool",
            "http://localhost:9400",
            "http://[::1]:9400/pool",
            "http://[::ffff:127.0.0.1]",
        ] {
            let url = SecureUrl::parse(text).unwrap();
            assert!(url.is_loopback() && !url.is_https(), "{text}");
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
            "https://iss}er.example",
            "https://user@issuer.example",
            "https://:secret@issuer.example",
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
    fn secret_in_a_url_is_not_shown() {
        for text in [
            "https://user:secret@issuer.example/x",
            "https://:secret@a@b/",
            "nonsense//secret@b",
            "https:u:secret@h/",
            "https://h/?secret",
            "https://user:secret?more@issuer.example/",
            "https://user:more?secret@issuer.example/",
        ] {
            let error = issuer_identifier(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
        }
        let url = SecureUrl::parse("https://h/keys?secret=1").unwrap();
        assert_eq!(format!("{url:?}"), r#""https://h/keys?…""#);
        assert_eq!(url.without_query(), "https://h/keys");
        assert_eq!(redacted("https://u:p@h/x?q"), "…@h/x?…");
    }

    #[test]
    fn query_is_accepted_except_in_issuer_identifiers() {
        // E02: RFC 6749 §3.2. Entra ID: .../discovery/v2.0/keys?appid=...
        for text in ["https://issuer.example/token?tenant=1", "https://issuer.example/keys?appid=1"] {
            assert_eq!(SecureUrl::parse(text).unwrap().url().as_str(), text);
            let error = issuer_identifier(text).unwrap_err();
            assert_eq!(error.expected, "an issuer identifier, which has no query");
        }
    }

    #[test]
    fn fragment_is_rejected() {
        // E02: RFC 6749 §3.2
        for text in ["https://issuer.example/token#f", "https://issuer.example/keys#f"] {
            let error = SecureUrl::parse(text).unwrap_err();
            assert_eq!(error, UrlError { expected: EXPECTED, found: text.to_owned() });
        }
    }

    #[test]
    fn absolute_uri_has_a_scheme_and_no_fragment() {
        // E19
        for text in ["https://api.example", "https://api.example/v1?x", "urn:orders", "api://0f3c"] {
            assert!(is_absolute_uri(text), "{text}");
        }
        for text in [
            "https://api.example#f",
            "/v1",
            "api.example",
            "",
            "https://api.example/ ",
            "https://api.example/\u{e9}",
            "https://",
        ] {
            assert!(!is_absolute_uri(text), "{text}");
        }
    }

    #[test]
    fn name_is_string_or_uri() {
        // FR-B4
        let longest = "a".repeat(MAX_NAME_LENGTH);
        for name in [
            "acme.com",
            "Acme and Sons",
            "http://fs.example.com/adfs/services/trust",
            "http://localhost.localstack.cloud:4566/us-east-1_abc",
            "spiffe://example.org",
            "urn:example:issuer",
            "https://issuer.example/?tenant=a",
            "mailto:issuer@example.org",
            longest.as_str(),
        ] {
            assert!(is_string_or_uri(name), "{name}");
        }
        let too_long = "a".repeat(MAX_NAME_LENGTH + 1);
        for name in [
            "",
            " acme.com",
            "acme.com\n",
            "ac\tme",
            "ac\0me",
            ":acme",
            "1a:acme",
            "a b:acme",
            "https://issuer.example/a b",
            "https://issuer.example/\u{e9}",
            "https:\\\\issuer.example",
            "https://user:secret@issuer.example",
            too_long.as_str(),
        ] {
            assert!(!is_string_or_uri(name), "{name}");
        }
    }

    #[test]
    fn remote_server_may_not_name_our_own_machine() {
        // E02, E07, F05, F06
        let [remote, local] =
            ["https://h/t1", "http://127.0.0.1:9400"].map(|text| SecureUrl::parse(text).unwrap());
        for text in [
            "http://127.0.0.1:1/x",
            "https://localhost/x",
            "https://127.1/x",
            "https://[::ffff:127.0.0.1]/x",
            "https://0.0.0.0/x",
            "https://[::]/x",
            "https://[::ffff:0.0.0.0]/x",
            "https://localhost./x",
            "https://keys.localhost/x",
        ] {
            let named = SecureUrl::parse(text).unwrap();
            assert!(!remote.may_refer_to(&named), "{text}");
            assert!(local.may_refer_to(&named), "{text}");
        }
        for text in ["https://localhost.example/x", "https://keys/x", "https://h/t1"] {
            let named = SecureUrl::parse(text).unwrap();
            assert!(remote.may_refer_to(&named) && local.may_refer_to(&named), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_accepted_url_is_secure(text in "(https?|HTTP|ftp)://[a-z@:.\\[\\]0-9/?#\\\\ ]{0,20}") {
            if let Ok(url) = SecureUrl::parse(&text) {
                prop_assert!(url.is_https() || url.is_loopback());
                prop_assert!(!text.contains(['#', '\\', ' ']) && url.url().has_host());
                prop_assert_eq!((url.url().username(), url.url().password()), ("", None));
            }
        }
    }
}
