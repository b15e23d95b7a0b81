//! The head of a request, with the data of its connection that a decision may need.

use std::fmt;
use std::net::IpAddr;

use http::{HeaderMap, Method, Uri};

use crate::certificate::header_certificate::HeaderCertificate;
use crate::certificate::peer::PeerCertificate;
use crate::claims::accepted_issuers::AcceptedIssuers;

/// The parts of a request that only bound tokens need, for [`RequestHead::with_lazy_parts`].
///
/// Most tokens are not bound, so looking for these parts in each request would be in vain. The URL is
/// read if the request has a DPoP proof, and the rest if its token is bound to a client certificate.
///
/// ```
/// use std::net::{IpAddr, SocketAddr};
///
/// use http::Extensions;
/// use scopegate::http::{Authorization, Authorizer, LazyParts, RequestHead};
///
/// struct OfServer<'a>(&'a Extensions);
///
/// impl LazyParts for OfServer<'_> {
///     fn peer_address(&self) -> Option<IpAddr> {
///         self.0.get().map(SocketAddr::ip)
///     }
/// }
///
/// fn decide(authorizer: &Authorizer, request: &http::request::Parts) -> Authorization {
///     let parts = OfServer(&request.extensions);
///     authorizer.authorize_head(RequestHead::new(&request.headers).with_lazy_parts(&parts))
/// }
/// # let _ = decide;
/// ```
pub trait LazyParts: Sync {
    /// Returns the parts of [`RequestHead::with_target`].
    fn target(&self) -> Option<(&Method, &Uri)> {
        None
    }

    /// Returns the address of [`RequestHead::with_peer_address`].
    fn peer_address(&self) -> Option<IpAddr> {
        None
    }

    /// Returns the certificate of [`RequestHead::with_certificate`].
    fn certificate(&self) -> Option<PeerCertificate> {
        None
    }

    /// Returns the certificate of [`RequestHead::with_header_certificate`].
    fn header_certificate(&self) -> Option<&HeaderCertificate> {
        None
    }
}

/// The head of a request, for [`Authorizer::authorize_head`](crate::http::Authorizer::authorize_head).
///
/// Only the headers are required. Add the other parts that your verifier's settings need.
#[derive(Clone)]
#[must_use = "a head decides nothing until it is passed to `authorize_head`"]
pub struct RequestHead<'a> {
    pub(super) headers: &'a HeaderMap,
    target: Option<(&'a Method, &'a Uri)>,
    peer_address: Option<IpAddr>,
    certificate: Option<&'a PeerCertificate>,
    header_certificate: Option<&'a HeaderCertificate>,
    lazy: Option<&'a dyn LazyParts>,
    pub(super) issuers: Option<AcceptedIssuers>,
}

impl<'a> RequestHead<'a> {
    /// Creates the head of a request with these headers.
    pub fn new(headers: &'a HeaderMap) -> Self {
        Self {
            headers,
            target: None,
            peer_address: None,
            certificate: None,
            header_certificate: None,
            lazy: None,
            issuers: None,
        }
    }

    /// Adds the method and the URI, as the request arrived, before a router removes a part of the path.
    /// Without them, tokens with a DPoP proof are rejected. Only the path of the URI is used: the
    /// origin is [configured](crate::Dpop::origin).
    pub fn with_target(self, method: &'a Method, uri: &'a Uri) -> Self {
        Self { target: Some((method, uri)), ..self }
    }

    /// Adds the address of the peer of the connection. Don't take it from a header.
    ///
    /// Without it, tokens that are bound to a client certificate are
    /// [`Error::PeerAddressUnknown`](crate::Error::PeerAddressUnknown) (500), if the certificates come
    /// from a header.
    pub fn with_peer_address(self, address: IpAddr) -> Self {
        Self { peer_address: Some(address), ..self }
    }

    /// Adds the client certificate of the TLS connection, which may end in a trusted proxy. It counts if
    /// [`Tls`](crate::CertificateSource::Tls) is the source.
    pub fn with_certificate(self, certificate: &'a PeerCertificate) -> Self {
        Self { certificate: Some(certificate), ..self }
    }

    /// Adds the certificate of the header, so that several decisions about one request decode the
    /// header once. Pass a `HeaderCertificate::default()` to the first of them.
    pub fn with_header_certificate(self, certificate: &'a HeaderCertificate) -> Self {
        Self { header_certificate: Some(certificate), ..self }
    }

    /// Adds parts that are read only if the token needs them. A part that is added by another method
    /// is not read.
    pub fn with_lazy_parts(self, parts: &'a dyn LazyParts) -> Self {
        Self { lazy: Some(parts), ..self }
    }

    /// Accepts only tokens of these issuers, as
    /// [`authorize_for`](crate::http::Authorizer::authorize_for) does.
    pub fn with_issuers(self, issuers: AcceptedIssuers) -> Self {
        Self { issuers: Some(issuers), ..self }
    }

    pub(super) fn target(&self) -> Option<(&Method, &Uri)> {
        self.target.or_else(|| self.lazy?.target())
    }

    pub(super) fn peer_address(&self) -> Option<IpAddr> {
        self.peer_address.or_else(|| self.lazy?.peer_address())
    }

    pub(super) fn certificate(&self) -> Option<PeerCertificate> {
        self.certificate.copied().or_else(|| self.lazy?.certificate())
    }

    pub(super) fn header_certificate(&self) -> Option<&HeaderCertificate> {
        self.header_certificate.or_else(|| self.lazy?.header_certificate())
    }
}

/// Shows no header: they may have a token, a proof and a certificate.
impl fmt::Debug for RequestHead<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("target", &self.target.map(|(method, uri)| (method, uri.path())))
            .field("peer_address", &self.peer_address)
            .field("has_certificate", &self.certificate.is_some())
            .finish_non_exhaustive()
    }
}
