//! The record of each request's decision. It is written once, when a layer rejects the request or
//! when its response is available.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::HOST;
use http::uri::Authority;
use http::{Method, Request, StatusCode};
use scopegate::http::{Authorizer, Credentials, Rejection, RejectionReason};
use scopegate::{Claims, Decision, Error, middleware};
use tracing::level_filters::LevelFilter;

use crate::authorize::Authorized;
use crate::authorize::route::Route;

/// The time at which a request arrived. `None` without an observer, because only observers read it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival(Option<Instant>);

impl Arrival {
    pub(crate) fn now(route: &Route) -> Self {
        Self(route.is_observed.then(Instant::now))
    }

    fn elapsed(self) -> Option<Duration> {
        self.0.map(|arrived| arrived.elapsed())
    }
}

/// Records that a layer rejects a request.
#[inline]
pub(crate) fn rejected<B>(
    authorizer: &Authorizer,
    request: &Request<B>,
    rejection: &Rejection,
    arrival: Arrival,
) {
    if authorizer.records_rejection(rejection) {
        record_rejected(authorizer, request, rejection, arrival);
    }
}

#[cold]
fn record_rejected<B>(
    authorizer: &Authorizer,
    request: &Request<B>,
    rejection: &Rejection,
    arrival: Arrival,
) {
    let decision = rejection.decision();
    let decision = match Credentials::from_headers(request.headers()) {
        Credentials::Bearer(token) | Credentials::Dpop(token) => decision.with_token(token.as_bytes()),
        _ => decision,
    };
    // The host may have selected the issuers.
    let is_wrong_issuer = matches!(rejection.reason(), RejectionReason::Token(Error::WrongIssuer { .. }));
    let decision = match is_wrong_issuer.then(|| host(request)).flatten() {
        Some(host) => decision.with_host(host),
        None => decision,
    };
    let line = RequestLine::of(request);
    authorizer.record(&line.complete(decision, arrival.elapsed()));
}

/// Returns the host as the caller sent it. A user name before it may hold a password.
fn host<B>(request: &Request<B>) -> Option<&str> {
    let target = request.uri().authority().map(Authority::as_str);
    let header = || request.headers().get(HOST).and_then(|host| host.to_str().ok());
    target.or_else(header)?.rsplit('@').next()
}

/// An accepted request without a response so far. A handler may still reject it.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// No observer and no metric records accepted requests. The claims are for a handler's
    /// rejection, and the line is for its log event. `line` is `None` without a log.
    Unseen { claims: Option<Claims>, line: Option<RequestLine> },
    /// Not boxed: a box is an allocation for each request, and saves 56 bytes of some 400.
    Seen(Seen),
}

/// The data of an accepted request that its record needs.
#[derive(Debug)]
pub(crate) struct Seen {
    claims: Option<Claims>,
    line: RequestLine,
    elapsed: Option<Duration>,
    /// `None` if the request is already recorded, or if an outer layer records it.
    recorder: Option<Arc<Authorizer>>,
}

impl Accepted {
    #[inline]
    pub(crate) fn new<B>(
        route: &Route,
        request: &Request<B>,
        claims: Option<&Claims>,
        arrival: Arrival,
    ) -> Self {
        let claims = claims.cloned();
        if route.records_accepted {
            Self::Seen(Seen::new(route, request, claims, arrival))
        } else {
            Self::Unseen { claims, line: logs_rejections().then(|| RequestLine::of(request)) }
        }
    }

    /// Records a handler's rejection. Returns it with the claims of the request's token, if it is
    /// about that token.
    pub(crate) fn rejected(&mut self, authorizer: &Authorizer, rejection: &Rejection) -> Rejection {
        let claims = match self {
            Self::Unseen { claims, .. } => claims,
            Self::Seen(seen) => &mut seen.claims,
        };
        let mut rejection = match &claims {
            Some(claims) => rejection.clone().for_caller(claims),
            None => rejection.clone(),
        };
        if rejection.claims().is_none()
            && let Some(claims) = claims.take_if(|claims| rejection.is_about(claims))
        {
            rejection = rejection.with_claims(claims);
        }
        match self {
            Self::Seen(seen) => {
                seen.recorder = None;
                authorizer.record(&seen.line.complete(rejection.decision(), seen.elapsed));
            }
            // Only the log sees it.
            Self::Unseen { line, .. } => {
                let decision = rejection.decision();
                authorizer.record(&match line {
                    Some(line) => line.complete(decision, None),
                    None => decision,
                });
            }
        }
        rejection
    }

    /// Leaves the record to an inner layer, which has rejected the request and recorded that.
    pub(crate) fn recorded_elsewhere(&mut self) {
        if let Self::Seen(seen) = self {
            seen.recorder = None;
        }
    }

    /// Records that the request was accepted and has a response.
    #[inline]
    pub(crate) fn responded(&mut self, status: StatusCode) {
        if let Self::Seen(seen) = self {
            seen.record(Some(status));
        }
    }
}

impl Seen {
    #[inline(never)]
    fn new<B>(route: &Route, request: &Request<B>, claims: Option<Claims>, arrival: Arrival) -> Self {
        let authorizer = &route.authorizer;
        let records = !is_recorded_outside(authorizer, request);
        Self {
            claims,
            line: RequestLine::of(request),
            elapsed: arrival.elapsed(),
            recorder: records.then(|| Arc::clone(authorizer)),
        }
    }

    #[inline(never)]
    fn record(&mut self, status: Option<StatusCode>) {
        let Some(authorizer) = self.recorder.take() else { return };
        let decision = Decision::accepted(self.claims.as_ref());
        let decision = match status {
            Some(status) => decision.with_status(status.as_u16()),
            None => decision,
        };
        authorizer.record(&self.line.complete(decision, self.elapsed));
    }
}

/// Records a request that ends without a response: it fails, or its caller goes away.
impl Drop for Seen {
    fn drop(&mut self) {
        self.record(None);
    }
}

/// The request's method, and the pattern of its route.
#[derive(Debug)]
pub(crate) struct RequestLine {
    method: Method,
    #[cfg(feature = "matched-path")]
    route: Option<axum::extract::MatchedPath>,
}

impl RequestLine {
    #[inline(never)]
    fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            #[cfg(feature = "matched-path")]
            route: request.extensions().get().cloned(),
        }
    }

    fn complete<'a>(&'a self, decision: Decision<'a>, elapsed: Option<Duration>) -> Decision<'a> {
        let decision = decision.with_method(self.method.as_str());
        #[cfg(feature = "matched-path")]
        let decision = match &self.route {
            Some(route) => decision.with_route(route.as_str()),
            None => decision,
        };
        elapsed.map_or(decision, |elapsed| decision.with_elapsed(elapsed))
    }
}

/// Returns whether there is a log for the rejections of handlers, which are events at `WARN` or below.
#[inline]
fn logs_rejections() -> bool {
    LevelFilter::current() >= LevelFilter::WARN
}

/// Returns whether an outer layer of the same verifier records the request.
fn is_recorded_outside<B>(authorizer: &Authorizer, request: &Request<B>) -> bool {
    let outer = request.extensions().get::<Authorized>();
    outer.is_some_and(|outer| middleware::same_verifier(outer.authorizer.verifier(), authorizer.verifier()))
}
