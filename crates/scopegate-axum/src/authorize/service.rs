//! The service behind all layers: a request is answered here, or passed on with its caller's claims.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::authorize::{Authorization, Authorized, Authorizer};
use crate::rejection::Rejection;
use crate::rejection::body::RejectionBody;
use crate::rejection::template::Protocol;

/// The service that [`RequireScope`](crate::RequireScope), [`RequireToken`](crate::RequireToken) and
/// [`OptionalToken`](crate::OptionalToken) wrap around another one.
///
/// It works with any request body, which it never reads, and any response body that is a [`RejectionBody`]. Errors of the
/// inner service are passed on as they are; a rejection is a response, not an error.
///
/// The inner service has the caller's claims by [`Claims::from_extensions`](crate::Claims::from_extensions); axum handlers have the extractor
/// [`Claims`](crate::Claims).
#[derive(Clone)]
pub struct Authorize<S> {
    inner: S,
    authorizer: Arc<Authorizer>,
}

impl<S> Authorize<S> {
    pub(crate) fn new(inner: S, authorizer: Arc<Authorizer>) -> Self {
        Self { inner, authorizer }
    }
}

impl<S: fmt::Debug> fmt::Debug for Authorize<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorize")
            .field("inner", &self.inner)
            .field("access", &self.authorizer.access)
            .finish()
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Authorize<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: RejectionBody,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = ResponseFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match self.authorizer.authorize(&request) {
            Authorization::Ready(Ok(authorized)) => {
                State::Accepted { response: pass(&mut self.inner, request, authorized) }
            }
            Authorization::Ready(Err(rejection)) => {
                self.release_readiness();
                let protocol = Protocol::of(&request);
                State::Rejected {
                    rejection: Some(rejection),
                    protocol,
                    authorizer: Arc::clone(&self.authorizer),
                }
            }
            Authorization::Pending(pending) => {
                self.release_readiness();
                State::Pending {
                    decision: Box::pin(Arc::clone(&self.authorizer).authorize_when_verified(pending)),
                    parts: Some((self.inner.clone(), request)),
                    authorizer: Arc::clone(&self.authorizer),
                }
            }
        };
        ResponseFuture { state }
    }
}

impl<S: Clone> Authorize<S> {
    /// Puts a clone, which is not ready, in the place of the inner service. What is ready may hold a place in a limit,
    /// and a request that is refused, or that waits for a key which anybody can invent, must not keep it from others.
    fn release_readiness(&mut self) {
        self.inner = self.inner.clone();
    }
}

fn pass<S, B>(inner: &mut S, mut request: Request<B>, authorized: Authorized) -> S::Future
where
    S: Service<Request<B>>,
{
    // In the place of what an outer layer found out.
    request.extensions_mut().insert(authorized);
    inner.call(request)
}

type PendingAuthorization = Pin<Box<dyn Future<Output = Result<Authorized, Rejection>> + Send>>;

pin_project! {
    /// The response future of [`Authorize`].
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, ReqBody>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        Rejected { rejection: Option<Rejection>, protocol: Protocol, authorizer: Arc<Authorizer> },
        Accepted { #[pin] response: S::Future },
        // Only for a token whose key is unknown, so only here a future is boxed.
        Pending { decision: PendingAuthorization, parts: Option<(S, Request<ReqBody>)>, authorizer: Arc<Authorizer> },
        // The answer was good; the inner service has to become ready once more.
        Readying { inner: S, parts: Option<(Authorized, Request<ReqBody>)> },
    }
}

impl<S, ReqBody, ResBody> Future for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: RejectionBody,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const ONCE: &str = "a state is left when it is ready, and a future is not polled after that";
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Accepted { response } => return response.poll(cx),
                StateProjection::Rejected { rejection, protocol, authorizer } => {
                    let rejection = rejection.take().expect(ONCE);
                    return Poll::Ready(Ok(rejection.into_response(&authorizer.templates, *protocol)));
                }
                StateProjection::Pending { decision, parts, authorizer } => {
                    let decision = ready!(decision.as_mut().poll(cx));
                    let (inner, request) = parts.take().expect(ONCE);
                    match decision {
                        Ok(authorized) => State::Readying { inner, parts: Some((authorized, request)) },
                        Err(rejection) => {
                            let (protocol, authorizer) = (Protocol::of(&request), Arc::clone(authorizer));
                            State::Rejected { rejection: Some(rejection), protocol, authorizer }
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

impl<S, ReqBody> fmt::Debug for ResponseFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
