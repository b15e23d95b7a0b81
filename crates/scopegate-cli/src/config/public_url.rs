//! The URL of the API for its clients.

use std::fmt;

use http::Uri;
use scopegate::{ConfigError, ResourceIdentifier};

use crate::routes::pattern;

/// The URL of the API for its clients: scheme, host, port, and a prefix that the gateway removes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    scheme: String,
    host: String,
    /// Empty, or a colon and a number.
    port: String,
    /// Empty, or a path without a slash at the end.
    prefix: String,
}

/// The reason why a string is no public URL.
#[derive(Debug)]
pub(crate) enum InvalidPublicUrl {
    Url(ConfigError),
    Prefix,
}

impl PublicUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPublicUrl> {
        let identifier: ResourceIdentifier = text.parse().map_err(InvalidPublicUrl::Url)?;
        // The identifier is in the normal form of URL parsers.
        let uri: Uri = identifier.as_str().parse().map_err(|_| InvalidPublicUrl::Prefix)?;
        let prefix = uri.path().strip_suffix('/').unwrap_or(uri.path());
        if !prefix.is_empty() && (prefix.contains(['{', '}']) || pattern::check(prefix).is_err()) {
            return Err(InvalidPublicUrl::Prefix);
        }
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self {
            scheme: uri.scheme_str().unwrap_or_default().to_owned(),
            host: uri.host().unwrap_or_default().to_owned(),
            port,
            prefix: prefix.to_owned(),
        })
    }

    /// Returns the host in lower case and without the port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Returns the prefix, which is empty or has no slash at the end.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns scheme, host and port.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}{}", self.scheme, self.host, self.port)
    }

    /// Returns the URL at another host. Returns `None` if the host is not in lower case, or if it is more
    /// than a host.
    pub(crate) fn at_host(&self, host: &str) -> Option<ResourceIdentifier> {
        let Self { scheme, port, prefix, .. } = self;
        let identifier: ResourceIdentifier = format!("{scheme}://{host}{port}{prefix}").parse().ok()?;
        let parsed: Uri = identifier.as_str().parse().ok()?;
        (parsed.host() == Some(host)).then_some(identifier)
    }
}

impl fmt::Display for InvalidPublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Prefix => {
                f.write_str("expected a path in normal form, without characters that are ambiguous")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_has_origin_and_prefix() {
        for (text, origin, host, prefix) in [
            ("https://api.example", "https://api.example", "api.example", ""),
            ("https://api.example/", "https://api.example", "api.example", ""),
            ("https://api.example:8443/shop/", "https://api.example:8443", "api.example", "/shop"),
            ("http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080", "127.0.0.1", "/a/b"),
        ] {
            let url = PublicUrl::parse(text).unwrap();
            assert_eq!((url.origin().as_str(), url.host(), url.prefix()), (origin, host, prefix), "{text}");
        }
        let url = PublicUrl::parse("https://api.example:8443/shop").unwrap();
        assert_eq!(url.at_host("a.example").unwrap().as_str(), "https://a.example:8443/shop");
    }

    #[test]
    fn other_urls_and_hosts_are_rejected() {
        for text in [
            "",
            "api.example",
            "http://api.example",
            "https://api.example/?a",
            "https://a.example/x;y",
            "https://a.example//x",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
        let url = PublicUrl::parse("https://api.example").unwrap();
        for host in [
            "",
            "A.example",
            "a.example:80",
            "a.example/x",
            "a b",
            "user@a.example",
            "*.example",
            "a.example?",
        ] {
            assert!(url.at_host(host).is_none(), "{host}");
        }
    }
}
