//! A question of a gateway, over HTTP or over gRPC.

use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use scopegate::http::MalformedCertificate;
use scopegate::{CertificateSource, PeerCertificate};

use crate::gateway::{Asked, Gateway, Unread, host_of, without_query};
use crate::path::JudgedPath;

/// A question of a gateway.
#[derive(Clone, Copy)]
pub(crate) enum Question<'q> {
    /// Over HTTP. The kind of the gateway determines the place of the request.
    Http(&'q Parts),
    /// Over gRPC. The message has the request.
    Message(&'q SentRequest),
}

/// The request in a message.
pub(crate) struct SentRequest {
    /// The headers of the request. They have the credentials, and never the method, path or host.
    pub(crate) headers: HeaderMap,
    pub(crate) line: Result<SentLine, Unread>,
    /// The client certificate in PEM, percent-encoded. It is empty if there is none.
    pub(crate) certificate: String,
}

/// The method, the target and the host in a message, as sent.
#[derive(Clone, Debug)]
pub(crate) struct SentLine {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
}

impl<'q> Question<'q> {
    /// Returns the headers with the credentials.
    pub(crate) fn headers(self) -> &'q HeaderMap {
        match self {
            Self::Http(request) => &request.headers,
            Self::Message(request) => &request.headers,
        }
    }

    /// Returns the client certificate. `header` is its header over HTTP. A message has a field for it, so
    /// headers of the caller are never read.
    pub(crate) fn certificate(
        self,
        header: Option<&CertificateSource>,
    ) -> Result<Option<PeerCertificate>, MalformedCertificate> {
        match (self, header) {
            (Self::Http(request), Some(header)) => header.read(&request.headers),
            (Self::Http(_), None) => Ok(None),
            (Self::Message(request), _) if request.certificate.is_empty() => Ok(None),
            (Self::Message(request), _) => PeerCertificate::from_escaped_pem(&request.certificate).map(Some),
        }
    }

    /// Reads the request. `gateway` is the kind of the gateway over HTTP.
    pub(crate) fn read(self, gateway: Gateway, needs_host: bool) -> Result<Asked, Unread> {
        match self {
            Self::Http(request) => gateway.read(request, needs_host),
            Self::Message(request) => request.line.as_ref().map_err(|unread| *unread)?.read(needs_host),
        }
    }

    /// Returns the path as sent, for the log.
    pub(crate) fn sent_path(self, gateway: Gateway) -> Option<&'q [u8]> {
        match self {
            Self::Http(request) => gateway.sent_path(request),
            Self::Message(request) => {
                let line = request.line.as_ref().ok()?;
                Some(without_query(line.target.as_bytes()))
            }
        }
    }
}

impl SentLine {
    fn read(&self, needs_host: bool) -> Result<Asked, Unread> {
        if self.method.is_empty() {
            return Err(Unread::MissingPart("method"));
        }
        let method = Method::from_bytes(self.method.as_bytes());
        let method = method.map_err(|_| Unread::MalformedPart("method"))?;
        let path = JudgedPath::of_target(self.target.as_bytes()).map_err(Unread::AmbiguousPath)?;
        let host = HeaderValue::from_str(&self.host).ok();
        let host = if needs_host { host.as_ref().and_then(host_of) } else { None };
        Ok(Asked { method, path, host })
    }
}
