//! The URL of a request, as a proof names it.

use http::Uri;
use url::Url;

use crate::error::proof::SignProofError;

/// The URL of a request.
pub(crate) struct Target {
    /// Scheme, host and port, in one spelling. Nonces are stored for it.
    pub(crate) origin: String,
    /// The URL without user name, query and fragment (RFC 9449 §4.2).
    pub(crate) htu: String,
}

impl Target {
    /// Reads the URL of a request to an API.
    pub(crate) fn of_uri(uri: &Uri) -> Result<Self, SignProofError> {
        let (scheme, host) = uri.scheme_str().zip(uri.host()).ok_or(SignProofError::InvalidUri)?;
        Self::new(scheme, host, uri.port_u16(), uri.path()).ok_or(SignProofError::InvalidUri)
    }

    /// Reads the URL of a token endpoint.
    pub(crate) fn of_url(url: &Url) -> Result<Self, SignProofError> {
        let host = url.host_str().ok_or(SignProofError::InvalidUri)?;
        Self::new(url.scheme(), host, url.port(), url.path()).ok_or(SignProofError::InvalidUri)
    }

    /// Spells scheme, host and port as RFC 3986 §6.2.2 and §6.2.3 normalize them. The path stays as
    /// it is sent, because servers differ about its normal form.
    fn new(scheme: &str, host: &str, port: Option<u16>, path: &str) -> Option<Self> {
        let known = match scheme {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let host = host.to_ascii_lowercase();
        let origin = format!("{scheme}://{host}:{}", port.unwrap_or(known));
        let htu = match port.filter(|port| *port != known) {
            Some(port) => format!("{scheme}://{host}:{port}{path}"),
            None => format!("{scheme}://{host}{path}"),
        };
        Some(Self { origin, htu })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn htu(uri: &str) -> Option<String> {
        Target::of_uri(&uri.parse().unwrap()).ok().map(|target| target.htu)
    }

    #[test]
    fn htu_has_no_query_fragment_or_user() {
        // DP50: RFC 9449 §4.2
        for (uri, expected) in [
            ("https://api.example/orders?x=1#y", "https://api.example/orders"),
            ("HTTPS://user:pw@API.example:443", "https://api.example/"),
            ("http://127.0.0.1:8080/a//b/%2f?", "http://127.0.0.1:8080/a//b/%2f"),
            ("https://[::1]:8443/x", "https://[::1]:8443/x"),
        ] {
            assert_eq!(htu(uri).as_deref(), Some(expected), "{uri}");
            let url = Target::of_url(&uri.parse().unwrap()).unwrap();
            assert_eq!(url.htu, expected, "{uri}");
        }
    }

    #[test]
    fn uri_without_http_origin_is_rejected() {
        // DP50
        for uri in ["/orders", "api.example:443", "*", "wss://api.example/"] {
            assert_eq!(htu(uri), None, "{uri}");
        }
    }

    #[test]
    fn origin_has_one_spelling() {
        // DP52
        let origin = |uri: &str| Target::of_uri(&uri.parse().unwrap()).unwrap().origin;
        assert_eq!(origin("https://API.example/a"), origin("https://api.example:443/b?c"));
        assert_ne!(origin("https://api.example/"), origin("http://api.example/"));
        assert_ne!(origin("https://api.example/"), origin("https://api.example:8443/"));
    }
}
