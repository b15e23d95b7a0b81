//! The comparison of `htu` with the URL of the request (RFC 9449 §4.3, point 9).
//!
//! Both are normalized by RFC 3986 §6.2.2 and §6.2.3:
//!
//! - Scheme and host are in lower case, and a default port is removed.
//! - Escapes are in upper case, and unreserved characters are not escaped.
//! - Dot segments are removed. An empty path is a slash.
//!
//! Everything else is significant. Examples are empty segments and `%2F`.

use scopegate_proto::url::{SecureUrl, redacted};

use crate::config_error::ConfigError;

/// The origin of the API for its clients, and the path that a proxy removes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// In normal form.
    origin: String,
    /// In normal form and without a slash at the end. Empty if no proxy removes a path.
    prefix: String,
}

const EXPECTED_ORIGIN: &str = "an https origin without a path, such as https://api.example";
const EXPECTED_PREFIX: &str = "a path such as /orders in normal form, without a slash at the end";

impl Target {
    /// Reads the configured origin and path prefix.
    pub(crate) fn new(origin: &str, prefix: &str) -> Result<Self, ConfigError> {
        let invalid = |setting, expected, found| ConfigError::InvalidUrl { setting, expected, found };
        SecureUrl::parse(origin).map_err(|error| ConfigError::invalid_url("DPoP origin", error))?;
        let normal = Url::normalized(origin).filter(|url| url.path() == "/" && !origin.contains('?'));
        let normal = normal.ok_or_else(|| invalid("DPoP origin", EXPECTED_ORIGIN, redacted(origin)))?;
        let is_normal = |path: &str| !path.ends_with('/') && normalized_path(path).as_deref() == Some(path);
        if !prefix.is_empty() && !is_normal(prefix) {
            return Err(invalid("DPoP path prefix", EXPECTED_PREFIX, prefix.to_owned()));
        }
        Ok(Self { origin: normal.origin().to_owned(), prefix: prefix.to_owned() })
    }

    /// Returns the origin in normal form.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns whether this URL has the origin of proofs.
    pub(crate) fn is_origin_of(&self, url: &str) -> bool {
        Url::normalized(url).is_some_and(|url| url.origin() == self.origin)
    }

    /// Returns whether `htu` is the URL of a request with this path, at an origin in normal form.
    pub(crate) fn is_url_of(&self, origin: &str, path: &str, htu: &Url) -> bool {
        let Some(path) = normalized_path(path) else { return false };
        let is_path = |rest: &str| {
            // A proxy makes `/` of the prefix itself: a path cannot be empty.
            let rest = if rest.is_empty() && !self.prefix.is_empty() { "/" } else { rest };
            rest == path
        };
        htu.origin() == origin && htu.path().strip_prefix(self.prefix.as_str()).is_some_and(is_path)
    }
}

/// An absolute URL in normal form. It has no query and no fragment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Url {
    text: String,
    path: usize,
}

impl Url {
    /// Normalizes a URL. Returns `None` if it is not an absolute `http` or `https` URL with a host
    /// and without a user name.
    pub(crate) fn normalized(text: &str) -> Option<Self> {
        let text = text.split(['?', '#']).next()?;
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => "443",
            "http" => "80",
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => authority.split_at(rest.find(']')? + 2),
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let is_host = |byte: u8| byte.is_ascii_graphic() && !b"@%\\".contains(&byte);
        if host.is_empty() || !host.bytes().all(is_host) {
            return None;
        }
        let port = match port.strip_prefix(':') {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits,
            None if port.is_empty() => "",
            _ => return None,
        };
        let path = normalized_path(path)?;
        let mut text = format!("{scheme}://{}", host.to_ascii_lowercase());
        if !port.is_empty() && port != default_port {
            text.push(':');
            text.push_str(port);
        }
        let at = text.len();
        text.push_str(&path);
        Some(Self { text, path: at })
    }

    /// Returns scheme and host. A port follows unless it is the default.
    pub(crate) fn origin(&self) -> &str {
        self.text.get(..self.path).unwrap_or_default()
    }

    /// Returns the path, which begins with a slash.
    pub(crate) fn path(&self) -> &str {
        self.text.get(self.path..).unwrap_or_default()
    }
}

/// Normalizes the path of an absolute URL. Returns `None` if it does not begin with a slash. Returns
/// `None` if it has other characters than a URL.
fn normalized_path(path: &str) -> Option<String> {
    if path.is_empty() {
        return Some("/".to_owned());
    }
    let path = with_normal_escapes(path.strip_prefix('/')?)?;
    if !path.contains('.') {
        return Some(format!("/{path}"));
    }
    // RFC 3986 §5.2.4
    let (mut kept, mut segments) = (Vec::new(), path.split('/').peekable());
    while let Some(segment) = segments.next() {
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if segments.peek().is_none() {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    Some(format!("/{}", kept.join("/")))
}

/// Writes escapes in upper case. Unreserved characters are unescaped.
fn with_normal_escapes(text: &str) -> Option<String> {
    let mut normal = String::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let [high, low] = [bytes.next()?, bytes.next()?].map(|digit| char::from(digit).to_digit(16));
                let escaped = u8::try_from(high? * 16 + low?).ok()?;
                if is_unreserved(escaped) {
                    normal.push(char::from(escaped));
                } else {
                    normal.push('%');
                    normal.extend([escaped >> 4, escaped & 0xf].map(hex_digit));
                }
            }
            _ if byte.is_ascii_graphic() => normal.push(char::from(byte)),
            _ => return None,
        }
    }
    Some(normal)
}

fn hex_digit(value: u8) -> char {
    char::from_digit(value.into(), 16).unwrap_or('0').to_ascii_uppercase()
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(path: &str, htu: &str) -> bool {
        let target = Target::new("https://api.example", "").unwrap();
        Url::normalized(htu).is_some_and(|htu| target.is_url_of(target.origin(), path, &htu))
    }

    #[test]
    fn equal_urls_have_one_normal_form() {
        // DP16, DP17
        for (path, htu) in [
            ("/orders", "https://api.example/orders"),
            ("/orders", "HTTPS://API.EXAMPLE:443/orders"),
            ("/orders", "https://api.example:/orders"),
            ("/orders", "https://api.example/%6Frders"),
            ("/%6frders", "https://api.example/orders"),
            ("/orders", "https://api.example/a/../orders"),
            ("/a/../orders", "https://api.example/orders"),
            ("/orders", "https://api.example/a/%2e%2E/orders"),
            ("/orders", "https://api.example/./orders"),
            ("/orders/", "https://api.example/orders/."),
            ("/a/", "https://api.example/a/b/.."),
            ("/orders", "https://api.example/../orders"),
            ("/", "https://api.example"),
            ("/", "https://api.example/"),
            ("/a%2Fb", "https://api.example/a%2fb"),
            ("/a//b", "https://api.example/a//b"),
            ("/orders", "https://api.example/orders?y=2"),
            ("/orders", "https://api.example/orders#f"),
            ("/~user", "https://api.example/%7Euser"),
        ] {
            assert!(matches(path, htu), "{path} {htu}");
        }
    }

    #[test]
    fn different_urls_stay_different() {
        // DP16
        for (path, htu) in [
            ("/orders", "https://other.example/orders"),
            ("/orders", "https://api.example.other/orders"),
            ("/orders", "http://api.example/orders"),
            ("/orders", "https://api.example:8443/orders"),
            ("/orders", "https://api.example:80/orders"),
            ("/orders", "https://api.example/Orders"),
            ("/orders", "https://api.example/orders/"),
            ("/orders", "https://api.example//orders"),
            ("/orders", "https://api.example/orders%2F"),
            ("/orders", "https://api.example/orders%00"),
            ("/a/b", "https://api.example/a%2Fb"),
            ("/a//b", "https://api.example/a/b"),
            ("/orders", "/orders"),
            ("/orders", "//api.example/orders"),
            ("/orders", "api.example/orders"),
            ("/orders", "https:/api.example/orders"),
            ("/orders", "https:///orders"),
            ("/orders", "https://user@api.example/orders"),
            ("/orders", "https://@api.example/orders"),
            ("/orders", "https://api.example:443x/orders"),
            ("/orders", "https://api.example:0443/orders"),
            ("/orders", "https://api.exampl%65/orders"),
            ("/orders", "https://api.example/orders%"),
            ("/orders%", "https://api.example/orders%"),
            ("/orders", "https://api.example/orders%6"),
            ("/orders", "https://api.example/orders "),
            ("/orders", " https://api.example/orders"),
            ("/orders", "https://api.example\\orders"),
            ("/orders", "ftp://api.example/orders"),
            ("/orders", ""),
            ("*", "https://api.example/*"),
            ("", "https://api.example/orders"),
        ] {
            assert!(!matches(path, htu), "{path} {htu}");
        }
    }

    #[test]
    fn ipv6_host_and_port_are_read() {
        let target = Target::new("http://[::1]:8080", "").unwrap();
        assert_eq!(target.origin(), "http://[::1]:8080");
        assert!(target.is_url_of(target.origin(), "/a", &Url::normalized("http://[::1]:8080/a").unwrap()));
        assert_eq!(Url::normalized("http://[::1]/a").unwrap().origin(), "http://[::1]");
        for wrong in ["http://[::1/a", "http://[::1]8080/a", "http://[]x/a"] {
            assert_eq!(Url::normalized(wrong), None, "{wrong}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn origin_of_resource_is_in_normal_form() {
        for (identifier, expected) in [
            ("https://a.example/v1", "https://a.example"),
            ("https://a.example", "https://a.example"),
            ("https://a_b.example:8443/v1%zz", "https://a_b.example:8443"),
            ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example"),
            ("http://[::1]:8080/v1", "http://[::1]:8080"),
        ] {
            let resource: crate::ResourceIdentifier = identifier.parse().unwrap();
            assert_eq!(resource.origin(), expected);
            assert_eq!(Url::normalized(resource.origin()).unwrap().origin(), expected);
        }
    }

    #[test]
    fn path_prefix_is_part_of_the_public_url() {
        // DP19
        let target = Target::new("https://api.example", "/svc").unwrap();
        let is_url = |htu| target.is_url_of(target.origin(), "/orders", &Url::normalized(htu).unwrap());
        assert!(is_url("https://api.example/svc/orders"));
        for other in [
            "https://api.example/orders",
            "https://api.example/svcorders",
            "https://api.example/svc/svc/orders",
        ] {
            assert!(!is_url(other), "{other}");
        }
        // The prefix itself arrives as a slash.
        let is_root = |htu| target.is_url_of(target.origin(), "/", &Url::normalized(htu).unwrap());
        assert!(is_root("https://api.example/svc") && is_root("https://api.example/svc/"));
        assert!(!is_root("https://api.example/") && !is_root("https://api.example/svc//"));
        for prefix in ["svc", "/svc/", "/", "/a/../svc", "/%73vc", "/a b", "/\u{e9}"] {
            assert!(Target::new("https://api.example", prefix).is_err(), "{prefix}");
        }
    }

    #[test]
    fn origin_without_path_is_required() {
        // DP18
        for origin in ["https://api.example", "https://api.example/", "https://api.example:8443"] {
            assert!(Target::new(origin, "").is_ok(), "{origin}");
        }
        for origin in [
            "",
            "api.example",
            "http://api.example",
            "https://api.example/orders",
            "https://api.example?a",
            "https://api.example#f",
            "https://user@api.example",
        ] {
            let error = Target::new(origin, "").unwrap_err();
            assert!(!error.to_string().is_empty(), "{origin}");
        }
    }

    proptest! {
        #[test]
        fn normal_form_is_a_fixed_point(path in "(/|%2[eE]|%2[fF]|\\.|%[0-9a-f]{2}|[a-zA-Z0-9~_:@!-]){0,20}") {
            if let Some(normal) = normalized_path(&path) {
                prop_assert_eq!(normalized_path(&normal), Some(normal));
            }
        }

        #[test]
        fn any_spelling_of_a_path_is_equal(
            segments in proptest::collection::vec("[a-zA-Z0-9._~:@!-]{0,6}", 1..6),
            escaped in proptest::collection::vec(any::<bool>(), 64),
        ) {
            // Dot segments have meaning, so they are left to the other tests.
            let segments: Vec<String> =
                segments.into_iter().map(|one| one.replace('.', "")).collect();
            let path = format!("/{}", segments.join("/"));
            let mut escaped = escaped.into_iter().cycle();
            let other: String = path
                .chars()
                .map(|character| match character {
                    '/' | ':' | '@' | '!' => character.to_string(),
                    _ if escaped.next() == Some(true) => format!("%{:02x}", character as u32),
                    _ => character.to_string(),
                })
                .collect();
            let htu = format!("HTTPS://Api.Example:443{other}");
            prop_assert!(matches(&path, &htu), "{} {}", path, htu);
            let longer = format!("{htu}x");
            prop_assert!(!matches(&path, &longer));
        }

        #[test]
        fn any_string_is_normalized_without_panic(text in any::<String>(), path in any::<String>()) {
            if let Some(url) = Url::normalized(&text) {
                let again = Url::normalized(&url.text);
                prop_assert_eq!(again, Some(url));
            }
            let _ = normalized_path(&path);
        }
    }
}
