//! The host of a request. An application can select the tenant by it.

use std::borrow::Cow;

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;

/// Returns the host of a request in lower case and without the port.
///
/// The host is part of the request target: `:authority` in HTTP/2, or an absolute URI in HTTP/1.1.
/// Otherwise it is in the header `Host` (RFC 9110 §7.2). Returns `None` in these cases:
///
/// - The request has no host.
/// - It has several `Host` headers.
/// - The target and `Host` have different hosts.
/// - The value has a user name, a port that is not a number from 0 to 65535, or is malformed.
///
/// `X-Forwarded-Host` and `Forwarded` are ignored because any client can send them. A proxy in front
/// of the API must pass on the client's host in `Host`.
///
/// ```
/// use http::Request;
/// use scopegate::http::request_host;
///
/// let (request, ()) = Request::get("/orders").header("host", "A.example:8443").body(())?.into_parts();
/// assert_eq!(request_host(&request).as_deref(), Some("a.example"));
/// # Ok::<(), http::Error>(())
/// ```
pub fn request_host(request: &Parts) -> Option<Cow<'_, str>> {
    let mut headers = request.headers.get_all(HOST).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return None;
    }
    let header = match header {
        Some(value) => Some(host_of(value.to_str().ok()?)?),
        None => None,
    };
    let target = match request.uri.authority() {
        Some(authority) => Some(host_of(authority.as_str())?),
        None => None,
    };
    match (target, header) {
        (Some(target), Some(header)) if target != header => None,
        (Some(host), _) | (None, Some(host)) => Some(host),
        (None, None) => None,
    }
}

/// Returns the host of an authority without a user name.
fn host_of(text: &str) -> Option<Cow<'_, str>> {
    let authority: Authority = text.parse().ok()?;
    let length = authority.host().len();
    if text.contains('@') || length == 0 {
        return None;
    }
    let (host, port) = text.split_at_checked(length)?;
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(is_port)) || host != authority.host() {
        return None;
    }
    Some(if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    })
}

/// Returns whether this is a port: digits (RFC 3986 §3.2.3), up to 65535. Rust's own parser accepts a
/// sign too.
fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn host(target: &str, headers: &[&str]) -> Option<String> {
        let builder = Request::get(target);
        let builder = headers.iter().fold(builder, |builder, host| builder.header(HOST, *host));
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        request_host(&parts).map(Cow::into_owned)
    }

    #[test]
    fn host_is_that_of_target_or_header() {
        for (target, headers, expected) in [
            ("/", &["a.example"][..], "a.example"),
            ("/", &["A.Example:8443"], "a.example"),
            ("/", &["a.example:0"], "a.example"),
            ("/", &["a.example:65535"], "a.example"),
            ("http://a.example:080/", &["a.example"], "a.example"),
            ("/", &["[::1]:3000"], "[::1]"),
            ("http://a.example/x", &[], "a.example"),
            ("http://a.example:80/x", &["a.example"], "a.example"),
        ] {
            assert_eq!(host(target, headers).as_deref(), Some(expected), "{target} {headers:?}");
        }
    }

    #[test]
    fn ambiguous_and_malformed_hosts_are_none() {
        for (target, headers) in [
            ("/", &[][..]),
            ("/", &["a.example", "a.example"]),
            ("/", &["a.example", "b.example"]),
            ("/", &[""]),
            ("/", &["user@a.example"]),
            ("/", &["a.example:port"]),
            ("/", &["a.example:65536"]),
            ("/", &["a.example:99999"]),
            ("/", &["a.example:+80"]),
            ("/", &["a.example:-0"]),
            ("/", &["a.example:8_0"]),
            ("/", &["a.example:"]),
            ("/", &["a.example: 80"]),
            ("/", &["a.example:80:80"]),
            ("/", &["[::1]:+80"]),
            ("http://a.example:+80/", &["a.example"]),
            ("/", &["a.example/b.example"]),
            ("/", &["a.example, b.example"]),
            ("/", &["a.example b.example"]),
            ("http://a.example/", &["b.example"]),
            ("http://user@a.example/", &["a.example"]),
        ] {
            assert_eq!(host(target, headers), None, "{target} {headers:?}");
        }
    }

    #[test]
    fn forwarded_headers_are_ignored() {
        let request =
            Request::get("/").header("x-forwarded-host", "b.example").header("forwarded", "host=b.example");
        let (parts, ()) = request.header(HOST, "a.example").body(()).unwrap().into_parts();
        assert_eq!(request_host(&parts).as_deref(), Some("a.example"));
    }
}
