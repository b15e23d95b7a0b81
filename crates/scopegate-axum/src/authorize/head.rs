//! Requests whose token may be bound: to a key, whose proof names the URL (RFC 9449), or to a client
//! certificate (RFC 8705).

use std::sync::Arc;

use http::{Request, Uri};
use scopegate::http::{Authorization, Credentials, HeaderCertificate, RequestHead};

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
    let mut head = RequestHead::new(request.headers());
    if route.accepts_proofs {
        head = head.with_target(request.method(), original_uri(request));
    }
    let certificate = match route.certificates {
        Certificates::OfConnection => connection::certificate(request.extensions()),
        Certificates::OfHeader | Certificates::NotAccepted => None,
    };
    if let Some(certificate) = &certificate {
        head = head.with_certificate(certificate);
    }
    if let Some(issuers) = issuers {
        head = head.with_issuers(issuers);
    }
    if route.certificates != Certificates::OfHeader {
        return route.authorizer.authorize_head(head);
    }
    if let Some(address) = connection::peer_address(request.extensions()) {
        head = head.with_peer_address(address);
    }
    let outer = request.extensions().get::<HeaderCertificate>().cloned();
    let header_certificate = outer.unwrap_or_default();
    let authorization = route.authorizer.authorize_head(head.with_header_certificate(&header_certificate));
    // A pending decision decodes it later. Most requests need no entry, because their tokens are not
    // bound.
    if header_certificate.is_decoded() || matches!(authorization, Authorization::Pending(_)) {
        request.extensions_mut().insert(header_certificate);
    }
    authorization
}

/// Returns the URI as the request arrived. `Router::nest` removes the beginning of its path for
/// inner services, and a proof for the rest must not be accepted.
fn original_uri<B>(request: &Request<B>) -> &Uri {
    #[cfg(feature = "dpop")]
    if let Some(axum::extract::OriginalUri(uri)) = request.extensions().get() {
        return uri;
    }
    request.uri()
}
