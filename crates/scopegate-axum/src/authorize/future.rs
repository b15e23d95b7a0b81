//! The response future: a rejection, or the inner service's response, perhaps after waiting for a
//! key.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use scopegate::http::Authorizer;
use tower_service::Service;

use crate::authorize::{Authorized, pass};
use crate::rejection::body::RejectionBody;
use crate::rejection::grpc::Protocol;
use crate::rejection::hook::{OnRejection, Unchanged};
use crate::rejection::{finish, send};

type Decision =
    Pin<Box<dyn Future<Output = Result<Option<scopegate::Claims>, scopegate::http::Rejection>> + Send>>;

pin_project! {
    /// The response future of [`Authorize`](crate::Authorize).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, ReqBody, H = Unchanged>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        pub(super) state: State<S, ReqBody>,
        pub(super) authorizer: Arc<Authorizer>,
        pub(super) on_rejection: H,
    }
}

pin_project! {
    #[project = StateProjection]
    pub(super) enum State<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        Rejected { rejection: Option<scopegate::http::Rejection>, protocol: Protocol },
        Accepted { #[pin] response: S::Future },
        // The only state with a boxed future, because it needs an unknown key.
        Pending { decision: Decision, parts: Option<(S, Request<ReqBody>)> },
        // The request is accepted, and the inner service has to become ready again.
        Readying { inner: S, parts: Option<(Authorized, Request<ReqBody>)> },
    }
}

impl<S, H, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody, H>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    H: OnRejection<ResBody>,
    ResBody: RejectionBody,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const ONCE: &str = "a state is left when it is ready, and a future is not polled after that";
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Accepted { response } => {
                    let response = ready!(response.poll(cx))?;
                    return Poll::Ready(Ok(finish(response, this.authorizer, this.on_rejection)));
                }
                StateProjection::Rejected { rejection, protocol } => {
                    let rejection = rejection.take().expect(ONCE);
                    let response = send(rejection, *protocol, this.authorizer, this.on_rejection);
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Pending { decision, parts } => {
                    let decision = ready!(decision.as_mut().poll(cx));
                    let (inner, request) = parts.take().expect(ONCE);
                    match decision {
                        Ok(claims) => {
                            let authorized = Authorized { authorizer: Arc::clone(this.authorizer), claims };
                            State::Readying { inner, parts: Some((authorized, request)) }
                        }
                        Err(rejection) => {
                            let protocol = Protocol::of(&request);
                            State::Rejected { rejection: Some(rejection), protocol }
                        }
                    }
                }
                StateProjection::Readying { inner, parts } => {
                    ready!(inner.poll_ready(cx))?;
                    let (authorized, request) = parts.take().expect(ONCE);
                    State::Accepted { response: pass(inner, request, authorized) }
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, ReqBody, H> fmt::Debug for ResponseFuture<S, ReqBody, H>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
