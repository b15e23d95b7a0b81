//! Requests with a DPoP proof (RFC 9449): the record of its use.

use http::Request;
use scopegate::http::{AcceptedRequest, ProvenRequest, Recording};

use crate::authorize::route::Route;

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
