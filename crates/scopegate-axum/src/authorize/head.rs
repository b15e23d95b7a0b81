//! Requests whose token may be bound: to a key, whose proof names the URL (RFC 9449), or to a client
//! certificate (RFC 8705).

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use http::{Extensions, Method, Request, Uri};
use scopegate::PeerCertificate;
use scopegate::http::{Authorization, Credentials, HeaderCertificate, LazyParts, RequestHead};

use crate::authorize::connection;
use crate::authorize::route::{Certificates, Route};

/// Decides about a request, without waiting. Its token may be bound.
///
/// The scheme is read first, so that requests with a bearer token do not look for the original URI.
#[inline]
pub(crate) fn authorize<B>(route: &mut Arc<Route>, request: &mut Request<B>) -> Authorization {
    if route.certificates == Certificates::NotAccepted {
        match Credentials::from_headers(request.headers()) {
            Credentials::Dpop(_) => {}
            credentials if route.selector.is_none() => {
                return route.authorizer.authorize_credentials(credentials);
            }
            _ => return Route::authorize(route, request),
        }
    }
    authorize_bound(route, request)
}

#[inline(never)]
fn authorize_bound<B>(route: &mut Arc<Route>, request: &mut Request<B>) -> Authorization {
    let issuers = Route::select_issuers(route, request);
    let parts = PartsOfRequest::new(route, request);
    let mut head = RequestHead::new(request.headers()).with_lazy_parts(&parts);
    if let Some(issuers) = issuers {
        head = head.with_issuers(issuers);
    }
    let authorization = route.authorizer.authorize_head(head);
    // A pending decision decodes it later.
    let is_used = |header: &HeaderCertificate| {
        header.is_decoded() || matches!(authorization, Authorization::Pending(_))
    };
    if let Some(header) = parts.header_certificate.into_inner().filter(is_used) {
        request.extensions_mut().insert(header);
    }
    authorization
}

/// The parts of a request that a bound token needs. Most tokens are not bound.
struct PartsOfRequest<'a> {
    accepts_proofs: bool,
    certificates: Certificates,
    method: &'a Method,
    uri: &'a Uri,
    extensions: &'a Extensions,
    /// An outer layer may have decoded the header.
    header_certificate: OnceLock<HeaderCertificate>,
}

impl<'a> PartsOfRequest<'a> {
    fn new<B>(route: &Route, request: &'a Request<B>) -> Self {
        Self {
            accepts_proofs: route.accepts_proofs,
            certificates: route.certificates,
            method: request.method(),
            uri: request.uri(),
            extensions: request.extensions(),
            header_certificate: OnceLock::new(),
        }
    }

    fn comes_from(&self, source: Certificates) -> Option<&Extensions> {
        (self.certificates == source).then_some(self.extensions)
    }
}

impl LazyParts for PartsOfRequest<'_> {
    fn target(&self) -> Option<(&Method, &Uri)> {
        self.accepts_proofs.then(|| (self.method, original_uri(self.uri, self.extensions)))
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.comes_from(Certificates::OfHeader).and_then(connection::peer_address)
    }

    fn certificate(&self) -> Option<PeerCertificate> {
        self.comes_from(Certificates::OfConnection).and_then(connection::certificate)
    }

    fn header_certificate(&self) -> Option<&HeaderCertificate> {
        let extensions = self.comes_from(Certificates::OfHeader)?;
        let outer = || extensions.get::<HeaderCertificate>().cloned().unwrap_or_default();
        Some(self.header_certificate.get_or_init(outer))
    }
}

/// Returns the URI as the request arrived. `Router::nest` removes the beginning of its path for
/// inner services, and a proof for the rest must not be accepted.
#[cfg_attr(not(feature = "dpop"), allow(unused_variables, reason = "only axum stores the URI"))]
fn original_uri<'a>(uri: &'a Uri, extensions: &'a Extensions) -> &'a Uri {
    #[cfg(feature = "dpop")]
    if let Some(axum::extract::OriginalUri(uri)) = extensions.get() {
        return uri;
    }
    uri
}
