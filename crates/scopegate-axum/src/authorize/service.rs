//! The service of all layers. It rejects a request, or passes it on with the caller's claims.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use scopegate::http::Authorization;
use tower_service::Service;

use crate::authorize::future::{Decision, ResponseFuture, Settled, State};
use crate::authorize::proof;
use crate::authorize::record::{self, Accepted, Arrival};
use crate::authorize::route::Route;
use crate::authorize::{Authorized, pass};
use crate::rejection::body::RejectionBody;
use crate::rejection::hook::{OnRejection, Unchanged};

/// The service that [`RequireScope`](crate::RequireScope), [`RequireToken`](crate::RequireToken)
/// and [`OptionalToken`](crate::OptionalToken) wrap around another one.
///
/// It works with any request body, which it never reads, and with any response body that is a
/// [`RejectionBody`]. Errors of the inner service pass unchanged. A rejection is a response, not an
/// error.
///
/// The inner service gets the caller's claims with
/// [`Claims::from_extensions`](crate::Claims::from_extensions). Handlers of axum use the extractor
/// [`Claims`](crate::Claims).
#[derive(Clone)]
pub struct Authorize<S, H = Unchanged> {
    inner: S,
    route: Arc<Route>,
    on_rejection: H,
}

impl<S, H> Authorize<S, H> {
    pub(crate) fn new(inner: S, route: Arc<Route>, on_rejection: H) -> Self {
        Self { inner, route, on_rejection }
    }
}

impl<S: fmt::Debug, H> fmt::Debug for Authorize<S, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("inner", &self.inner)
            .field("access", self.route.authorizer.access())
            .finish_non_exhaustive()
    }
}

impl<S, H, ReqBody, ResBody> Service<Request<ReqBody>> for Authorize<S, H>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    H: OnRejection<ResBody> + Clone,
    ResBody: RejectionBody,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody, H>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let mut route = Arc::clone(&self.route);
        let arrival = Arrival::now(&route);
        let mut authorization = if route.accepts_proofs {
            proof::authorize(&mut route, &mut request)
        } else {
            Route::authorize(&mut route, &mut request)
        };
        if let Authorization::Ready(decided) = &mut authorization {
            route.ask_rules(&mut request, decided);
        }
        let state = match authorization {
            Authorization::Ready(Ok(claims)) => {
                let accepted = Accepted::new(&route, &request, claims.as_ref(), arrival);
                let verdict = Authorized { authorizer: Arc::clone(&route.authorizer), claims };
                State::Accepted { response: pass(&mut self.inner, request, verdict), accepted }
            }
            Authorization::Ready(Err(rejection)) => {
                self.release_readiness();
                record::rejected(&route.authorizer, &request, &rejection, arrival);
                State::Rejected { rejection: Some(rejection), protocol: route.protocol(&request) }
            }
            undecided => {
                self.release_readiness();
                let parts = Some((self.inner.clone(), request, arrival));
                State::Pending { decision: undecided_yet(undecided, &route), parts }
            }
        };
        ResponseFuture { state, route, on_rejection: self.on_rejection.clone() }
    }
}

/// Waits until the request is decided, or until only its proof has to be recorded.
#[cold]
#[inline(never)]
fn undecided_yet(authorization: Authorization, route: &Route) -> Decision {
    let authorizer = Arc::clone(&route.authorizer);
    Box::pin(async move { Settled::Granted(authorization.settle(&authorizer).await) })
}

impl<S: Clone, H> Authorize<S, H> {
    /// Replaces the inner service with a clone, which is not ready. A ready service may hold a
    /// permit of a `ConcurrencyLimit`. Requests that are rejected, or wait for an invented key,
    /// must release it for others.
    fn release_readiness(&mut self) {
        self.inner = self.inner.clone();
    }
}
