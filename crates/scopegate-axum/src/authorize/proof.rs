//! Requests with a DPoP proof (RFC 9449): the URL that the proof names, and the record of its use.

use std::sync::Arc;

use http::{Request, Uri};
use scopegate::http::{AcceptedRequest, Authorization, ProvenRequest, Recording};

use crate::authorize::route::Route;

/// Decides about a request, without waiting. Its token may have a proof.
#[inline(never)]
pub(crate) fn authorize<B>(route: &mut Arc<Route>, request: &mut Request<B>) -> Authorization {
    let issuers = Route::select_issuers(route, request);
    let (method, uri, headers) = (request.method(), original_uri(request), request.headers());
    match issuers {
        None => route.authorizer.authorize_request(method, uri, headers),
        Some(issuers) => route.authorizer.authorize_request_for(method, uri, headers, issuers),
    }
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

/// Applies the rules, and then records the use of the proof. An inner layer of the same verifier
/// sees the proof again, and does not record it again.
#[cold]
pub(crate) fn record<B>(route: &Route, proven: ProvenRequest, request: &mut Request<B>) -> Recording {
    match route.ask_each_rule(request, proven.claims()) {
        Err(denied) => Recording::Done(Err(proven.reject(denied))),
        Ok(()) => proven.record(accepted(request).and_then(AcceptedRequest::receipt)),
    }
}

/// Returns the accepted proof of a request.
pub(crate) fn accepted<B>(request: &Request<B>) -> Option<&AcceptedRequest> {
    request.extensions().get()
}
