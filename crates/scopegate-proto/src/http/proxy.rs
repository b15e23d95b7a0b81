//! The proxy that the environment names for `https`, as curl reads it.
//!
//! `reqwest` can do this itself, but two of its features change the result: `system-proxy` looks
//! elsewhere on macOS and Windows, and `socks` speaks another protocol.

use ::http::Uri;
use reqwest::{NoProxy, Proxy};

use crate::http::error::SettingsError;

pub(super) fn from_environment() -> Result<Option<Proxy>, SettingsError> {
    let Some(found) = read(|name| std::env::var(name).ok()) else { return Ok(None) };
    let proxy = Proxy::https(&found.url);
    // The reason may quote a password.
    let proxy = proxy.map_err(|_| SettingsError::InvalidProxy { variable: found.variable })?;
    Ok(Some(proxy.no_proxy(NoProxy::from_string(&found.exceptions))))
}

/// A proxy, and the hosts that are reached without it.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    variable: &'static str,
    url: String,
    exceptions: String,
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Found> {
    // A CGI program gets variables from the client's headers.
    if variable("REQUEST_METHOD").is_some() {
        return None;
    }
    // Upper case wins, also if it is empty.
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

/// Returns the URL of a proxy, with a scheme. Returns `None` for anything else.
fn proxy_url(value: &str) -> Option<String> {
    let uri: Uri = value.parse().ok()?;
    let authority = uri.authority()?.as_str();
    match uri.scheme_str() {
        Some(scheme @ ("http" | "https")) => Some(format!("{scheme}://{authority}")),
        None => Some(format!("http://{authority}")),
        // Without its feature `socks`, `reqwest` cannot speak SOCKS, and with it, it would. A request
        // must not take another way because of a feature, and must not avoid the proxy either. So it
        // asks the proxy for an HTTP tunnel and fails, unless the proxy can do both. The password is
        // for SOCKS only.
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
        assert_eq!(found(&[("HTTP_PROXY", "http://p")]), None, "nothing is sent by http");
        let all = ("ALL_PROXY", "http://all:1");
        assert_eq!(found(&[all]), Some(("ALL_PROXY", "http://all:1".to_owned(), none())));
        for variable in ["HTTPS_PROXY", "https_proxy"] {
            let (name, url, _) = found(&[all, (variable, "https://u:p@h:2/x")]).unwrap();
            assert_eq!((name, url.as_str()), (variable, "https://u:p@h:2"));
        }
        // An empty or unusable value is as good as none, and upper case wins nevertheless.
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
    fn socks_proxy_is_asked_for_an_http_tunnel() {
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
