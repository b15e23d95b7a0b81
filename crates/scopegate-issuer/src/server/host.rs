//! Rejects requests whose `Host` is neither this machine nor an allowed host.
//!
//! This prevents DNS rebinding. An attacker's page can change the address of its own name to
//! 127.0.0.1 after it was loaded. The browser then treats this server as the origin of the page: it
//! sends no `Origin` with a `GET`, and the page can read every response. Only `Host` still has the
//! name of the page.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::HOST;
use http::{HeaderValue, StatusCode, Version};

use crate::config::allowed_host::{AllowedHost, is_name, split_authority};
use crate::http::json_response;

/// Rejects requests whose host is neither [local](is_local_authority) nor allowed with 421 (RFC
/// 9110 §15.5.20).
///
/// A local host can have any port, because a forwarded port has another number.
pub(crate) async fn require_known_host(
    State(allowed): State<Arc<[AllowedHost]>>,
    request: Request,
    next: Next,
) -> Response {
    match check(&request, &allowed) {
        Ok(()) => next.run(request).await,
        Err(rejection) => rejection.into_response(),
    }
}

/// The reason why a request is rejected.
enum Rejection {
    NoHost,
    SeveralHosts,
    /// The host of the request, cut to [`MAX_ECHOED_CHARS`].
    Elsewhere(String),
}

fn check(request: &Request, allowed: &[AllowedHost]) -> Result<(), Rejection> {
    // If the request target has a host, as in a request to a proxy, it replaces `Host` (RFC 9112
    // §3.2.2). This check requires that both are allowed.
    if let Some(target) = request.uri().authority() {
        check_authority(target.as_str(), allowed)?;
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => check_authority(&String::from_utf8_lossy(host.as_bytes()), allowed),
        (Some(_), Some(_)) => Err(Rejection::SeveralHosts),
        // RFC 9112 §3.2: `Host` is optional before HTTP/1.1, which no browser uses.
        (None, _) if request.version() < Version::HTTP_11 => Ok(()),
        (None, _) => Err(Rejection::NoHost),
    }
}

fn check_authority(found: &str, allowed: &[AllowedHost]) -> Result<(), Rejection> {
    if is_local_authority(found) || allowed.iter().any(|host| host.matches(found)) {
        return Ok(());
    }
    let kept: String = found.chars().take(MAX_ECHOED_CHARS).collect();
    let cut = if kept.len() < found.len() { "…" } else { "" };
    Err(Rejection::Elsewhere(format!("{kept:?}{cut}")))
}

/// The maximum length of a host in the response to a rejected request.
const MAX_ECHOED_CHARS: usize = 80;

impl Rejection {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::NoHost | Self::SeveralHosts => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Elsewhere(_) => (StatusCode::MISDIRECTED_REQUEST, "misdirected_request"),
        };
        let description = match self {
            Self::NoHost => "the Host header is missing".to_owned(),
            Self::SeveralHosts => "there is more than one Host header".to_owned(),
            Self::Elsewhere(found) => {
                format!(
                    "the host is not allowed: expected a loopback address, localhost or an allowed host, \
                     found {found}"
                )
            }
        };
        tracing::debug!(description, "request rejected");
        json_response::error(status, error, &description)
    }
}

/// Returns whether an origin has the scheme `http` or `https` and a local host.
pub(crate) fn is_local_origin(origin: &HeaderValue) -> bool {
    let authority = origin
        .to_str()
        .ok()
        .and_then(|origin| origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")));
    authority.is_some_and(is_local_authority)
}

/// Returns whether `host` or `host:port` is on this machine.
///
/// This is `localhost`, a name under it (RFC 6761 §6.3), or a loopback address in the canonical
/// spelling of URL parsers.
fn is_local_authority(authority: &str) -> bool {
    split_authority(authority).is_some_and(|(host, _)| is_local_name(host) || is_loopback(host))
}

fn is_local_name(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    host == "localhost" || host.strip_suffix(".localhost").is_some_and(is_name)
}

fn is_loopback(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse().is_ok_and(|address: Ipv6Addr| address.is_loopback()),
        None => host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_local_hosts_are_recognized() {
        for host in [
            "localhost",
            "LocalHost:80",
            "issuer.localhost:9400",
            "a.b-c.localhost",
            "127.0.0.1",
            "127.0.0.1:",
            "127.255.255.254:65535",
            "[::1]",
            "[::1]:9400",
            "[0:0:0:0:0:0:0:1]:9400",
        ] {
            assert!(is_local_authority(host), "{host}");
        }
        for host in [
            "",
            ":80",
            "evil.example",
            "evil.example:9400",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evillocalhost",
            ".localhost",
            "a..localhost",
            "evil.example/.localhost",
            "evil.example#.localhost",
            "user@localhost",
            "user@127.0.0.1:80",
            "127.0.0.1:80.evil.example",
            "127.0.0.1:65536",
            "127.0.0.1:+80",
            "127.0.0.1:80:80",
            " 127.0.0.1",
            "127.1",
            "0x7f.0.0.1",
            "2130706433",
            "0.0.0.0",
            "128.0.0.1",
            "10.0.0.1",
            "::1",
            "[::1",
            "[::1]x",
            "[::2]:80",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[127.0.0.1]",
            "[localhost]",
        ] {
            assert!(!is_local_authority(host), "{host}");
        }
    }

    #[test]
    fn only_local_origins_are_recognized() {
        for origin in [
            "http://127.0.0.1",
            "http://127.0.0.1:8080",
            "https://localhost:3000",
            "http://[::1]",
            "http://[::1]:8080",
        ] {
            assert!(is_local_origin(&HeaderValue::from_static(origin)), "{origin}");
        }
        for origin in [
            "null",
            "",
            "127.0.0.1",
            "https://evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil.example:8080",
            "http://localhost.evil.example:80",
            "http://user@127.0.0.1:80",
            "http://127.0.0.1:80.evil.example",
            "file://localhost",
            "http://10.0.0.1",
            "http://[::2]:80",
        ] {
            assert!(!is_local_origin(&HeaderValue::from_static(origin)), "{origin}");
        }
    }
}
