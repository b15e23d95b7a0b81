//! The resource identifier of an API: what is its name, and where is its metadata (RFC 9728)?

use std::fmt;
use std::str::FromStr;

use scopegate_proto::url::{SecureUrl, redacted};

use crate::config_error::ConfigError;

/// The resource identifier of an API (RFC 9728 §1.2), which is its URL for clients, such as
/// `https://api.example/orders`.
///
/// It is an `https` URL, or an `http` URL on a loopback address, without user name, query and
/// fragment. It must have the normal form of URL parsers: host in lower case, no default port, no
/// `.` or `..` in the path. Clients compare it character by character (§3.3), often after they have
/// parsed their own URL.
///
/// A trailing slash makes another identifier. If there is no path, clients differ about the slash,
/// and most omit it.
///
/// ```
/// use scopegate::ResourceIdentifier;
///
/// let orders: ResourceIdentifier = "https://api.example/orders".parse()?;
/// assert_eq!(orders.metadata_path(), "/.well-known/oauth-protected-resource/orders");
/// assert!("http://api.example/orders".parse::<ResourceIdentifier>().is_err());
/// # Ok::<(), scopegate::ConfigError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResourceIdentifier {
    text: String,
    metadata_url: String,
    /// The index of the path in `metadata_url`.
    metadata_path: usize,
}

/// The well-known part, which is inserted between host and path (RFC 9728 §3).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

const SETTING: &str = "resource identifier";

impl ResourceIdentifier {
    /// Returns the identifier in its original form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns scheme, host and port in normal form.
    #[cfg(feature = "http")]
    pub(crate) fn origin(&self) -> &str {
        self.metadata_url.get(..self.metadata_path).unwrap_or_default()
    }

    /// Returns the URL of the API's metadata (RFC 9728 §3.1). The well-known part is between host
    /// and path. A path that is only a slash is removed.
    pub fn metadata_url(&self) -> &str {
        &self.metadata_url
    }

    /// Returns the path of [`metadata_url`](Self::metadata_url).
    pub fn metadata_path(&self) -> &str {
        self.metadata_url.get(self.metadata_path..).unwrap_or(WELL_KNOWN)
    }
}

impl FromStr for ResourceIdentifier {
    type Err = ConfigError;

    /// Parses an identifier.
    ///
    /// # Errors
    /// Returns [`ConfigError::InvalidUrl`] if it does not have the form that the [type](Self)
    /// documents.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let invalid =
            |expected| ConfigError::InvalidUrl { setting: SETTING, expected, found: redacted(text) };
        let url = SecureUrl::parse(text).map_err(|error| ConfigError::invalid_url(SETTING, error))?;
        let url = url.url();
        if url.query().is_some() {
            return Err(invalid("a resource identifier without a query"));
        }
        let (normal, path) = (url.as_str(), url.path());
        let origin = normal.strip_suffix(path).unwrap_or(normal);
        if text != normal && text != origin {
            return Err(invalid(
                "a host in lower case, no default port, and a path without . and .. and odd characters",
            ));
        }
        let path = if path == "/" { "" } else { path };
        let metadata_url = format!("{origin}{WELL_KNOWN}{path}");
        Ok(Self { text: text.to_owned(), metadata_url, metadata_path: origin.len() })
    }
}

impl AsRef<str> for ResourceIdentifier {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for ResourceIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ResourceIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_url_has_well_known_part_before_path() {
        // F08
        for (identifier, path) in [
            ("https://h.example", ""),
            ("https://h.example/", ""),
            ("https://h.example/api/v1", "/api/v1"),
            ("https://h.example/api/v1/", "/api/v1/"),
            ("https://h.example:8443/mcp", "/mcp"),
            ("http://127.0.0.1:8080/mcp", "/mcp"),
            ("http://[::1]:8080/a%20b", "/a%20b"),
        ] {
            let parsed: ResourceIdentifier = identifier.parse().unwrap();
            assert_eq!(parsed.as_str(), identifier);
            assert_eq!(parsed.metadata_path(), format!("{WELL_KNOWN}{path}"));
            let origin = identifier.strip_suffix(path).unwrap().trim_end_matches('/');
            assert_eq!(parsed.metadata_url(), format!("{origin}{WELL_KNOWN}{path}"));
        }
    }

    #[test]
    fn identifier_displays_without_metadata_url() {
        let identifier: ResourceIdentifier = "https://h.example/api".parse().unwrap();
        assert_eq!(identifier.to_string(), "https://h.example/api");
        assert_eq!(identifier.as_ref(), "https://h.example/api");
        assert_eq!(format!("{identifier:?}"), r#""https://h.example/api""#);
    }

    #[test]
    fn identifier_with_query_fragment_or_http_is_rejected() {
        // F07
        for text in [
            "",
            "api",
            "urn:api",
            "http://h.example/api",
            "https://h.example/api#f",
            "https://h.example/api?tenant=secret",
            "https://user@h.example/api",
            "https://h.example/a b",
            "https://H.example/api",
            "https://h.example:443/api",
            "https://h.example/a/../b",
            "https://h.example/{tenant}",
        ] {
            let error = text.parse::<ResourceIdentifier>().unwrap_err();
            assert!(
                matches!(error, ConfigError::InvalidUrl { setting: "resource identifier", .. }),
                "{text}"
            );
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert!("https://h.example/api".parse::<ResourceIdentifier>().is_ok());
    }
}
