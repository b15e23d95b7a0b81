//! URLs from configuration and metadata, checked once, and the rules against SSRF.

mod fetch_url;

use std::fmt;
use std::ops::Deref;

use ::url::Url;

pub use fetch_url::{FetchUrl, may_be_this_machine};

/// RFC 8414 §2: an issuer is an `https` URL without query and fragment. `http` is accepted on a
/// loopback address: an attacker who can listen there can read the process itself.
const EXPECTED: &str = "an https URL (http only on a loopback address) without fragment and user name";

/// A URL for keys and secrets: `https`, or `http` on a loopback address.
///
/// It has a host, and neither fragment nor user name. `Debug` hides the query, which may be a
/// secret.
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
pub struct SecureUrl(FetchUrl);

impl SecureUrl {
    /// Parses a URL, as strictly as [`FetchUrl::parse_allowing_http`].
    ///
    /// # Errors
    /// Returns [`UrlError`] if the string is not such a URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        FetchUrl::parse_allowing_http(text)?.try_into()
    }
}

impl TryFrom<FetchUrl> for SecureUrl {
    type Error = UrlError;

    fn try_from(url: FetchUrl) -> Result<Self, UrlError> {
        if url.is_plain_network() {
            return Err(UrlError::insecure(url.written()));
        }
        Ok(Self(url))
    }
}

impl From<SecureUrl> for FetchUrl {
    fn from(url: SecureUrl) -> Self {
        url.0
    }
}

/// A secure URL has all methods of [`FetchUrl`].
impl Deref for SecureUrl {
    type Target = FetchUrl;

    fn deref(&self) -> &FetchUrl {
        &self.0
    }
}

impl fmt::Debug for SecureUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Parses an issuer identifier: a [`SecureUrl`] without a query (RFC 8414 §2).
///
/// Compare tokens and metadata with [`written`](FetchUrl::written), character by character.
///
/// # Errors
/// Returns [`UrlError`] if the string is not such a URL.
pub fn issuer_identifier(text: &str) -> Result<SecureUrl, UrlError> {
    issuer_identifier_allowing_http(text)?.try_into()
}

/// Parses an issuer identifier as [`issuer_identifier`] does, and also accepts `http` to any host.
///
/// # Errors
/// Returns [`UrlError`] if the string is not such a URL.
pub fn issuer_identifier_allowing_http(text: &str) -> Result<FetchUrl, UrlError> {
    let url = FetchUrl::parse_allowing_http(text)?;
    if url.url().query().is_some() {
        return Err(UrlError::new("an issuer identifier, which has no query", text));
    }
    Ok(url)
}

/// Maximum length of an issuer's name in bytes.
pub const MAX_NAME_LENGTH: usize = 2_048;

/// Returns whether a string can be an issuer's name, which is only compared (`StringOrURI` of RFC
/// 7519 §2).
///
/// A name has 1–2,048 bytes and no control characters. If it contains a colon, it must begin with a
/// scheme and contain printable ASCII only, without white space and backslashes. Examples are
/// `acme.com`, `http://fs.example.com/adfs/services/trust` and `spiffe://example.org`. White space
/// at either end and user names in a URL are rejected as configuration mistakes.
///
/// A name is never used as a URL. Requests are sent to a [`SecureUrl`].
pub fn is_string_or_uri(text: &str) -> bool {
    let is_text = !text.is_empty()
        && text.len() <= MAX_NAME_LENGTH
        && text.trim() == text
        && !text.contains(char::is_control);
    let Some((scheme, rest)) = text.split_once(':') else { return is_text };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_text
        && is_scheme
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !has_user(rest)
}

/// Returns whether a URI without its scheme has user information. It may be empty, as in `//@h/`.
fn has_user(hierarchy: &str) -> bool {
    let authority = hierarchy.strip_prefix("//").and_then(|rest| rest.split(['/', '?', '#']).next());
    authority.is_some_and(|authority| authority.contains('@'))
}

/// Returns whether a string is an absolute URI without a fragment (RFC 3986 §4.3), such as the
/// resource of a token request (RFC 8707 §2).
///
/// No request is sent to it, so any scheme is accepted. White space and non-ASCII characters are
/// rejected, because a URL parser would change them.
pub fn is_absolute_uri(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#') && Url::parse(text).is_ok()
}

/// Returns a URL without user name, password and query, because they may be secrets.
///
/// The string need not be a valid URL. If it lacks the host, as in `rediss://:secret`, only its
/// scheme is shown.
pub fn redacted(text: &str) -> String {
    let (text, query) = text.split_once('?').map_or((text, None), |(text, query)| (text, Some(query)));
    let mark = if query.is_some() { "?…" } else { "" };
    match text.rsplit_once('@') {
        // The apparent host may be part of a password that contains a question mark.
        _ if query.is_some_and(|query| query.contains('@')) => "…".to_owned(),
        Some((_, host)) => format!("…@{host}{mark}"),
        None => match text.split_once("//") {
            Some((scheme, rest)) if may_be_password(rest) => format!("{scheme}//…"),
            _ => format!("{text}{mark}"),
        },
    }
}

/// Returns whether anything but a host and a port is between `//` and the path.
fn may_be_password(rest: &str) -> bool {
    let authority = rest.split(['/', '#']).next().unwrap_or_default();
    let port = match authority.strip_prefix('[').and_then(|address| address.split_once(']')) {
        Some((_, port)) => port,
        None if authority.starts_with(':') => return true,
        None => authority.trim_start_matches(|part| part != ':'),
    };
    let is_port = |digits: &str| digits.bytes().all(|digit| digit.is_ascii_digit());
    !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
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

    fn insecure(found: &str) -> Self {
        Self::new(EXPECTED, found)
    }
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid URL: expected {}, found {:?}", self.expected, self.found)
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
            "https://@issuer.example",
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
    fn http_url_to_network_is_not_secure() {
        // FR-A15
        for text in
            ["http://keycloak:8080/realms/a", "http://10.0.0.1", "http://0.0.0.0", "http://x.localhost"]
        {
            let url = issuer_identifier_allowing_http(text).unwrap();
            assert!(url.is_plain_network() && !url.is_loopback() && !url.is_https(), "{text}");
            assert_eq!(url.written(), text);
            let expected = UrlError { expected: EXPECTED, found: text.to_owned() };
            assert_eq!(SecureUrl::try_from(url).unwrap_err(), expected);
        }
        for text in ["https://issuer.example/t1", "http://127.0.0.1:9400/pool", "http://localhost:9400"] {
            let url = issuer_identifier_allowing_http(text).unwrap();
            assert!(!url.is_plain_network(), "{text}");
            assert_eq!(FetchUrl::from(SecureUrl::try_from(url.clone()).unwrap()), url);
        }
        // All other defects of a URL are rejected as before.
        for text in [
            "ftp://keycloak:8080/realms/a",
            "keycloak:8080/realms/a",
            "HTTP://keycloak:8080/realms/a",
            "http:keycloak:8080/realms/a",
            "http://",
            "http://user@keycloak:8080/realms/a",
            "http://@keycloak:8080/realms/a",
            "http://keycloak:8080/realms/a#f",
            "http://keycloak:8080/realms/a?q",
            "http://keycloak:8080/realms/a b",
            "http://key}cloak:8080/realms/a",
        ] {
            assert!(issuer_identifier_allowing_http(text).is_err(), "{text}");
        }
    }

    #[test]
    fn origin_is_scheme_host_and_port() {
        // FR-A14
        let url = |text| FetchUrl::parse_allowing_http(text).unwrap();
        let issuer = url("https://issuer.example/t1");
        for text in ["https://issuer.example", "https://issuer.example:443/keys?a", "https://ISSUER.example/"]
        {
            assert!(issuer.has_same_origin(&url(text)), "{text}");
        }
        for text in [
            "http://issuer.example/t1",
            "https://issuer.example:8443/t1",
            "https://keys.issuer.example/t1",
            "https://issuer.example./t1",
            "https://192.0.2.1/t1",
        ] {
            assert!(!issuer.has_same_origin(&url(text)), "{text}");
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
    fn password_without_host_is_not_shown() {
        for text in [
            "rediss://:secret",
            "rediss://user:secret",
            "rediss://:12345",
            "rediss://:se/secret",
            "rediss://user:secret#f?q",
            "rediss://[user:secret",
            "rediss://a:b:1",
            "rediss://user:1secret/2",
        ] {
            assert_eq!(redacted(text), "rediss://…", "{text}");
        }
        for text in [
            "https://issuer.example:8443/a:b",
            "http://[::1]:9400/pool",
            "http://[::1]",
            "redis://redis.example:99999",
            "redis://redis.example:/",
            "issuer.example:secret",
            "",
        ] {
            assert_eq!(redacted(text), text);
        }
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
            assert_eq!(error.to_string(), format!("invalid URL: expected {EXPECTED}, found {text:?}"));
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
    fn remote_server_cannot_refer_to_this_machine() {
        // E02, E07, F05, F06
        let [remote, local] =
            ["https://h/t1", "http://127.0.0.1:9400"].map(|text| SecureUrl::parse(text).unwrap());
        // FR-A15: also a server without TLS
        let plain = FetchUrl::parse_allowing_http("http://keycloak:8080").unwrap();
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
            assert!(!remote.may_refer_to(&named) && !plain.may_refer_to(&named), "{text}");
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
