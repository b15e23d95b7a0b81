//! The origin (RFC 6454 §4) of the API that gets the token: scheme, host and port.

use http::Uri;
use scopegate_proto::url::SecureUrl;
use url::Url;

use crate::error::config::ConfigError;

/// The origin of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    /// In lower case. IPv6 addresses are in brackets.
    host: String,
    port: u16,
}

impl Origin {
    /// Parses an origin, such as `https://api.example` or `https://api.example:8443`. `http` is
    /// accepted on a loopback address.
    pub(crate) fn parse(text: &str) -> Result<Self, ConfigError> {
        let setting = "origin of the API";
        let url = SecureUrl::parse(text).map_err(|error| ConfigError::invalid_url(setting, error))?;
        let url = url.url();
        if url.path() != "/" || url.query().is_some() {
            // A path would suggest that the layer restricts paths.
            let expected = "an origin (scheme, host and port), without path and query";
            return Err(ConfigError::InvalidUrl { setting, expected, found: url.path().to_owned() });
        }
        let expected = "an https URL with a host";
        Self::of_url(url).ok_or(ConfigError::InvalidUrl { setting, expected, found: text.to_owned() })
    }

    /// Returns the name of the origin, for credentials and logs.
    pub(crate) fn name(&self) -> String {
        let Self { scheme, host, port } = self;
        format!("{scheme}://{host}:{port}")
    }

    pub(crate) fn of_url(url: &Url) -> Option<Self> {
        let host = url.host_str()?.to_ascii_lowercase();
        Some(Self { scheme: url.scheme().to_owned(), host, port: url.port_or_known_default()? })
    }

    /// Returns whether a request goes to this origin. A URI without scheme and host has no origin.
    pub(crate) fn is_of(&self, uri: &Uri) -> bool {
        let Some((scheme, host)) = uri.scheme_str().zip(uri.host()) else { return false };
        let known = match scheme {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        self.scheme == scheme
            && self.host.eq_ignore_ascii_case(host)
            && uri.port_u16().or(known) == Some(self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_uri_must_match_the_whole_origin() {
        // E26
        let origin = Origin::parse("https://api.example").unwrap();
        for own in ["https://api.example/x?y", "https://API.example:443/", "HTTPS://api.example"] {
            assert!(origin.is_of(&own.parse().unwrap()), "{own}");
        }
        for other in [
            "http://api.example/",
            "https://api.example:444/",
            "https://api.example.org/",
            "https://evil.example/",
            "https://api.example@evil.example/",
            "https://evil.example/https://api.example/",
            "/x",
            "api.example:443",
        ] {
            assert!(!origin.is_of(&other.parse().unwrap()), "{other}");
        }
        let local = Origin::parse("http://[::1]:80").unwrap();
        assert!(local.is_of(&"http://[::1]/x".parse().unwrap()));
    }

    #[test]
    fn origin_without_tls_or_with_path_is_rejected() {
        // E26
        for text in ["https://api.example", "https://api.example:8443/", "http://127.0.0.1:8080"] {
            assert!(Origin::parse(text).is_ok(), "{text}");
        }
        for text in
            ["http://api.example", "https://api.example/v1", "https://api.example?x", "api.example", "*"]
        {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
