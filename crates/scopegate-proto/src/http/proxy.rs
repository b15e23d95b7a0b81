//! Reads the proxy for `https` from the environment, as curl does.
//!
//! `reqwest` can do this itself, but two of its features change the result. `system-proxy` reads
//! the system settings on macOS and Windows, and `socks` adds another protocol.

use ::http::Uri;
use reqwest::{NoProxy, Proxy};

use crate::http::error::SettingsError;

pub(super) fn from_environment() -> Result<Option<Proxy>, SettingsError> {
    let Some(found) = read(|name| std::env::var(name).ok()) else { return Ok(None) };
    let proxy = Proxy::https(&found.url);
    // The cause is dropped, because it may quote a password.
    let proxy = proxy.map_err(|_| SettingsError::InvalidProxy { variable: found.variable })?;
    Ok(Some(proxy.no_proxy(NoProxy::from_string(&found.exceptions))))
}

/// A proxy, and the exceptions in `NO_PROXY`.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    variable: &'static str,
    url: String,
    exceptions: String,
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Found> {
    // A CGI program gets variables from request headers, such as `HTTP_PROXY` from `Proxy` (httpoxy).
    if variable("REQUEST_METHOD").is_some() {
        return None;
    }
    // Upper case wins, even if it is empty.
    let first = |upper: &'static str, lower: &'static str| {
        let (name, value) = variable(upper)
            .map(|value| (upper, value))
            .or_else(|| variable(lower).map(|value| (lower, value)))?;
        Some((name, proxy_url(&value)?))
    };
    let (variable_name, url) =
        first("HTTPS_PROXY", "https_proxy").or_else(|| first("ALL_PROXY", "all_proxy"))?;
    let exceptions = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
    Some(Found { variable: variable_name, url, exceptions })
}

/// Returns the URL of a proxy with a scheme, or `None` if the value is not the URL of a proxy.
fn proxy_url(value: &str) -> Option<String> {
    let uri: Uri = value.parse().ok()?;
    let authority = uri.authority()?.as_str();
    match uri.scheme_str() {
        Some(scheme @ ("http" | "https")) => Some(format!("{scheme}://{authority}")),
        None => Some(format!("http://{authority}")),
        // `reqwest` supports SOCKS only with its feature `socks`. A feature must not change the route
        // of a request, and the request must not bypass the proxy. So the URL becomes that of an HTTP
        // proxy. The request fails if the proxy supports SOCKS only. The credentials are for SOCKS, so
        // they are dropped.
        Some("socks4" | "socks4a" | "socks5" | "socks5h") => {
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            Some(format!("http://{host}"))
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Option<(&'static str, String, String)> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        read(variable).map(|found| (found.variable, found.url, found.exceptions))
    }

    #[test]
    fn https_proxy_precedes_all_proxy() {
        let none = String::new;
        assert_eq!(found(&[]), None);
        assert_eq!(found(&[("HTTP_PROXY", "http://p")]), None, "requests by http use no proxy");
        let all = ("ALL_PROXY", "http://all:1");
        assert_eq!(found(&[all]), Some(("ALL_PROXY", "http://all:1".to_owned(), none())));
        for variable in ["HTTPS_PROXY", "https_proxy"] {
            let (name, url, _) = found(&[all, (variable, "https://u:p@h:2/x")]).unwrap();
            assert_eq!((name, url.as_str()), (variable, "https://u:p@h:2"));
        }
        // An empty or invalid value is ignored, and still hides the one in lower case.
        for unusable in ["", "ftp://h", "/", "http:///x"] {
            let (name, url, _) = found(&[all, ("HTTPS_PROXY", unusable), ("https_proxy", "h:3")]).unwrap();
            assert_eq!((name, url.as_str()), ("ALL_PROXY", "http://all:1"), "{unusable}");
        }
    }

    #[test]
    fn proxy_without_scheme_is_http() {
        assert_eq!(proxy_url("proxy.example:8080").as_deref(), Some("http://proxy.example:8080"));
        assert_eq!(proxy_url("127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
    }

    #[test]
    fn socks_proxy_is_used_as_http_proxy() {
        for scheme in ["socks4", "socks4a", "socks5", "socks5h"] {
            let url = proxy_url(&format!("{scheme}://user:secret@h:1080"));
            assert_eq!(url.as_deref(), Some("http://h:1080"));
        }
    }

    #[test]
    fn exceptions_are_read_with_the_proxy() {
        let proxy = ("HTTPS_PROXY", "http://p");
        for variable in ["NO_PROXY", "no_proxy"] {
            let (_, _, exceptions) = found(&[proxy, (variable, "a.example,10.0.0.0/8")]).unwrap();
            assert_eq!(exceptions, "a.example,10.0.0.0/8");
        }
        assert_eq!(found(&[("NO_PROXY", "*")]), None);
    }

    #[test]
    fn cgi_program_uses_no_proxy() {
        assert_eq!(found(&[("HTTPS_PROXY", "http://p"), ("REQUEST_METHOD", "GET")]), None);
    }
}
