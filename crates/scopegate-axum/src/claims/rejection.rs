//! The rejection of the claims extractor.

use std::error::Error;
use std::fmt;

use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::request::Parts;
use http::{Response, StatusCode};
use scopegate::Decision;
use scopegate::http::Problem;

use crate::authorize::Authorized;
use crate::rejection::Rejection;

/// The reason why a handler did not get its [`Claims`](crate::Claims).
#[derive(Debug)]
pub struct ClaimsRejection(Reason);

#[derive(Debug)]
enum Reason {
    /// The request has passed no layer of this crate. `at` is its handler, if an extractor ran.
    NoLayer { wanted: &'static str, at: Option<Handler> },
    /// The request has no token, or the token's claims do not fit.
    Rejected(Rejection),
}

/// The handler's method and the pattern of its route. The path is left out, because it is untrusted
/// input without a length limit.
#[derive(Debug)]
struct Handler {
    method: &'static str,
    #[cfg(feature = "matched-path")]
    route: Option<axum::extract::MatchedPath>,
}

impl Handler {
    fn of(parts: &Parts) -> Self {
        Self {
            method: Decision::accepted(None).with_method(parts.method.as_str()).method().unwrap_or_default(),
            #[cfg(feature = "matched-path")]
            route: parts.extensions.get().cloned(),
        }
    }

    #[cfg_attr(not(feature = "matched-path"), allow(clippy::unused_self, reason = "axum tells no route"))]
    fn route(&self) -> Option<&str> {
        #[cfg(feature = "matched-path")]
        return self.route.as_ref().map(axum::extract::MatchedPath::as_str);
        #[cfg(not(feature = "matched-path"))]
        None
    }
}

impl fmt::Display for Handler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.route() {
            Some(route) => write!(f, "the handler of {} {route:?}", self.method),
            None => write!(f, "a handler of {}", self.method),
        }
    }
}

/// The response body if a route has no layer.
const NO_LAYER: &str = "the server is misconfigured";

impl ClaimsRejection {
    pub(super) fn no_layer(wanted: &'static str, at: Option<&Parts>) -> Self {
        Self(Reason::NoLayer { wanted, at: at.map(Handler::of) })
    }

    pub(super) fn rejected(authorized: &Authorized, decided: scopegate::http::Rejection) -> Self {
        Self(Reason::Rejected(Rejection::worded(&authorized.authorizer, decided)))
    }

    /// Returns the rejection, or `Err` if the route has no layer.
    #[cfg(feature = "tonic")]
    pub(crate) fn into_rejection(self) -> Result<Rejection, Self> {
        match self.0 {
            Reason::Rejected(rejection) => Ok(rejection),
            Reason::NoLayer { .. } => Err(self),
        }
    }

    /// Returns the status of the response: 500 if the route has no layer.
    pub fn status(&self) -> StatusCode {
        match &self.0 {
            Reason::Rejected(rejection) => rejection.status(),
            Reason::NoLayer { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the response body, which does not contain the reason.
    pub fn body_text(&self) -> &'static str {
        match &self.0 {
            Reason::Rejected(rejection) => rejection.body_text(),
            Reason::NoLayer { .. } => NO_LAYER,
        }
    }
}

impl IntoResponse for ClaimsRejection {
    fn into_response(self) -> Response<Body> {
        match self.0 {
            Reason::Rejected(rejection) => rejection.into_response(),
            Reason::NoLayer { .. } => Problem::new(self.status(), NO_LAYER).into_response().map(Body::from),
        }
    }
}

impl fmt::Display for ClaimsRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::NoLayer { wanted, at: Some(handler) } => write!(
                f,
                "{handler} takes {wanted}, and its route has no RequireScope, RequireToken or \
                 OptionalToken layer"
            ),
            Reason::NoLayer { wanted, at: None } => write!(
                f,
                "the request has passed no RequireScope, RequireToken or OptionalToken layer, so it has no {wanted}"
            ),
            Reason::Rejected(rejection) => fmt::Display::fmt(rejection, f),
        }
    }
}

impl Error for ClaimsRejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Reason::Rejected(rejection) => rejection.source(),
            Reason::NoLayer { .. } => None,
        }
    }
}
