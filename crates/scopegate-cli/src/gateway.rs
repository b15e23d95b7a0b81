//! The gateway in front: which request does it ask about?
//!
//! Each kind of gateway has one set of headers. The headers of the other kinds are never read, because
//! a gateway passes them on from its callers. A question over gRPC has the request in a message.

mod question;

use std::fmt;
use std::str::FromStr;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use scopegate::http::{MalformedCertificate, request_host};

use crate::path::{Ambiguous, JudgedPath};

pub(crate) use crate::gateway::question::{Question, SentLine, SentRequest};

/// The kind of gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gateway {
    /// `auth_request` of nginx: `X-Original-Method`, `X-Original-URI` and `X-Original-Host`, which its
    /// configuration must set.
    Nginx,
    /// `forwardAuth` of Traefik: `X-Forwarded-Method`, `X-Forwarded-Uri` and `X-Forwarded-Host`.
    Traefik,
    /// `forward_auth` of Caddy: the same headers as Traefik.
    Caddy,
    /// `ext_authz` of Envoy over HTTP: the request itself, with its path after the prefix.
    Envoy,
}

/// The request that a gateway asks about.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: JudgedPath,
    /// The host in lower case, if the routes name hosts. `None` if it is malformed.
    pub(crate) host: Option<String>,
}

/// The reason why the request is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// The path of the decision service is another one: 404.
    UnknownEndpoint,
    /// The gateway does not send a header. It is misconfigured: 500.
    MissingHeader(&'static str),
    /// The header has several values, or an invalid value: 400.
    MalformedHeader(&'static str),
    /// The message lacks a part of the request. The gateway is misconfigured: 500.
    MissingPart(&'static str),
    /// A part of the message is invalid: 400.
    MalformedPart(&'static str),
    /// The path has several readings: 400.
    AmbiguousPath(Ambiguous),
    /// The client certificate is malformed: 400.
    Certificate(MalformedCertificate),
}

/// The path of decisions.
pub(crate) const PREFIX: &str = "/decide";

impl Gateway {
    /// Reads the request that this gateway asks about. The host is read only if `needs_host` is set.
    pub(crate) fn read(self, request: &Parts, needs_host: bool) -> Result<Asked, Unread> {
        let endpoint = request.uri.path();
        let Some([method, target, host]) = self.headers() else {
            let path = endpoint.strip_prefix(PREFIX).filter(|path| path.starts_with('/'));
            let path = path.ok_or(Unread::UnknownEndpoint)?;
            let path = JudgedPath::of_target(path.as_bytes()).map_err(Unread::AmbiguousPath)?;
            let host = needs_host.then(|| request_host(request)).flatten();
            return Ok(Asked { method: request.method.clone(), path, host: host.map(Into::into) });
        };
        if endpoint != PREFIX {
            return Err(Unread::UnknownEndpoint);
        }
        let headers = &request.headers;
        let value = one_value(headers, method)?;
        let method = Method::from_bytes(value.as_bytes()).map_err(|_| Unread::MalformedHeader(method))?;
        let target = one_value(headers, target)?;
        let path = JudgedPath::of_target(target.as_bytes()).map_err(Unread::AmbiguousPath)?;
        let host = if needs_host { host_of(one_value(headers, host)?) } else { None };
        Ok(Asked { method, path, host })
    }

    /// Returns the path as sent, for the log, or the unknown path of an endpoint. It may be ambiguous. A
    /// query may have a secret, so there is none.
    fn sent_path(self, request: &Parts) -> Option<&[u8]> {
        let endpoint = request.uri.path();
        match self.headers() {
            Some([_, target, _]) if endpoint == PREFIX => {
                one_value(&request.headers, target).ok().map(|value| without_query(value.as_bytes()))
            }
            Some(_) => Some(endpoint.as_bytes()),
            None => Some(endpoint.strip_prefix(PREFIX).unwrap_or(endpoint).as_bytes()),
        }
    }

    /// Returns the question that this gateway asks about a request.
    ///
    /// # Errors
    /// Returns an error if no request can have this target or this host.
    pub(crate) fn question(self, method: &Method, target: &str, host: &str) -> Result<Parts, http::Error> {
        let request = match self.headers() {
            None => Request::builder().method(method).uri(format!("{PREFIX}{target}")).header(HOST, host),
            Some([of_method, of_target, of_host]) => Request::get(PREFIX)
                .header(of_method, method.as_str())
                .header(of_target, target)
                .header(of_host, host),
        };
        Ok(request.body(())?.into_parts().0)
    }

    /// Returns the headers with the method, the target and the host. `None` for the request itself.
    fn headers(self) -> Option<[&'static str; 3]> {
        match self {
            Self::Nginx => Some(["x-original-method", "x-original-uri", "x-original-host"]),
            Self::Traefik | Self::Caddy => {
                Some(["x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"])
            }
            Self::Envoy => None,
        }
    }
}

fn one_value<'h>(headers: &'h HeaderMap, name: &'static str) -> Result<&'h HeaderValue, Unread> {
    let mut values = headers.get_all(HeaderName::from_static(name)).iter();
    let value = values.next().ok_or(Unread::MissingHeader(name))?;
    if values.next().is_some() || value.is_empty() {
        return Err(Unread::MalformedHeader(name));
    }
    Ok(value)
}

/// Returns a target up to the query or the fragment.
fn without_query(target: &[u8]) -> &[u8] {
    target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

/// Returns the host of a header's value, by the rules for `Host`.
fn host_of(value: &HeaderValue) -> Option<String> {
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.headers.insert(HOST, value.clone());
    request_host(&parts).map(Into::into)
}

/// The string is not the kind of a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnknownGateway;

impl FromStr for Gateway {
    type Err = UnknownGateway;

    fn from_str(text: &str) -> Result<Self, UnknownGateway> {
        match text {
            "nginx" => Ok(Self::Nginx),
            "traefik" => Ok(Self::Traefik),
            "caddy" => Ok(Self::Caddy),
            "envoy" => Ok(Self::Envoy),
            _ => Err(UnknownGateway),
        }
    }
}

impl fmt::Display for UnknownGateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected a gateway out of `nginx`, `traefik`, `caddy`, `envoy`")
    }
}

impl std::error::Error for UnknownGateway {}

impl Unread {
    /// Returns the stable code, for metrics and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UnknownEndpoint => "unknown_endpoint",
            Self::MissingHeader(_) | Self::MissingPart(_) => "missing_header",
            Self::MalformedHeader(_) | Self::MalformedPart(_) => "malformed_header",
            Self::AmbiguousPath(_) => "ambiguous_path",
            // As the library counts it.
            Self::Certificate(_) => "malformed_certificate",
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownEndpoint => write!(f, "expected a request to {PREFIX}"),
            Self::MissingHeader(name) => write!(f, "expected the header {name} of the gateway, found none"),
            Self::MalformedHeader(name) => write!(f, "expected one valid value in the header {name}"),
            Self::MissingPart(name) => {
                write!(f, "expected a {name} in the message of the gateway, found none")
            }
            Self::MalformedPart(name) => write!(f, "expected a valid {name} in the message of the gateway"),
            Self::AmbiguousPath(ambiguous) => fmt::Display::fmt(ambiguous, f),
            Self::Certificate(malformed) => fmt::Display::fmt(malformed, f),
        }
    }
}

impl std::error::Error for Unread {}

#[cfg(test)]
mod tests;
