//! The service behind all layers: a request is answered here, or passed on with its caller's claims.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use scopegate::Error;
use tower_service::Service;

use crate::refusal::Refusal;
use crate::rule::{Caller, Decision, Rule};

/// The service that [`RequireScope`](crate::RequireScope), [`RequireToken`](crate::RequireToken) and
/// [`AcceptToken`](crate::AcceptToken) wrap around another one.
///
/// It works with any request body, which it never reads, and any response body that can be made from
/// [`Bytes`]. Errors of the inner service are passed on as they are; a refusal is a response, not an error.
#[derive(Clone)]
pub struct Guard<S> {
    inner: S,
    rule: Arc<Rule>,
}

impl<S> Guard<S> {
    pub(crate) fn new(inner: S, rule: Arc<Rule>) -> Self {
        Self { inner, rule }
    }
}

impl<S: fmt::Debug> fmt::Debug for Guard<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("inner", &self.inner).field("demand", &self.rule.demand).finish()
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Guard<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    ResBody: From<Bytes>,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = GuardFuture<S, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let state = match self.rule.decide(&request) {
            Decision::Made(Ok(caller)) => State::Passed { response: pass(&mut self.inner, request, caller) },
            Decision::Made(Err(refusal)) => {
                // What is ready may hold a place in a limit. A request that never gets there must not keep it.
                drop(self.take_ready());
                State::Refused { refusal: Some(refusal) }
            }
            Decision::AskAgain { token } => {
                let verifier = self.rule.verifier.clone();
                let verification = Box::pin(async move { verifier.verify_or_refresh(&token).await });
                State::Asking { verification, parts: Some((self.take_ready(), request)) }
            }
        };
        GuardFuture { rule: Arc::clone(&self.rule), state }
    }
}

impl<S: Clone> Guard<S> {
    /// The inner service that was polled ready, for later use. A clone of it, which is not ready, takes its
    /// place.
    fn take_ready(&mut self) -> S {
        let clone = self.inner.clone();
        mem::replace(&mut self.inner, clone)
    }
}

fn pass<S, B>(inner: &mut S, mut request: Request<B>, caller: Caller) -> S::Future
where
    S: Service<Request<B>>,
{
    request.extensions_mut().insert(caller);
    inner.call(request)
}

type Verification = Pin<Box<dyn Future<Output = Result<scopegate::Claims, Error>> + Send>>;

pin_project! {
    /// The response future of [`Guard`].
    #[must_use = "futures do nothing unless polled"]
    pub struct GuardFuture<S, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        rule: Arc<Rule>,
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
        Refused { refusal: Option<Refusal> },
        Passed { #[pin] response: S::Future },
        // Only for a token whose key is unknown, so only here a future is boxed.
        Asking { verification: Verification, parts: Option<(S, Request<ReqBody>)> },
    }
}

impl<S, ReqBody, ResBody> Future for GuardFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: From<Bytes>,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Passed { response } => return response.poll(cx),
                StateProjection::Refused { refusal } => {
                    let refusal = refusal.take().expect("a future is not polled after it was ready");
                    return Poll::Ready(Ok(refusal.into_response(&this.rule.challenge)));
                }
                StateProjection::Asking { verification, parts } => {
                    let verified = ready!(verification.as_mut().poll(cx));
                    let (mut inner, request) = parts.take().expect("this state is left when it is ready");
                    match this.rule.judge(verified) {
                        Ok(caller) => State::Passed { response: pass(&mut inner, request, caller) },
                        Err(refusal) => State::Refused { refusal: Some(refusal) },
                    }
                }
            };
            this.state.set(next);
        }
    }
}

impl<S, ReqBody> fmt::Debug for GuardFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFuture").finish_non_exhaustive()
    }
}
