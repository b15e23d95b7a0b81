//! The service behind all layers: a request is answered here, or passed on with its caller's claims.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::authorize::{Caller, Decision, Rule};
use crate::rejection::Refusal;
use crate::rejection::body::RefusalBody;
use crate::rejection::template::Protocol;

/// The service that [`RequireScope`](crate::RequireScope), [`RequireToken`](crate::RequireToken) and
/// [`AcceptToken`](crate::AcceptToken) wrap around another one.
///
/// It works with any request body, which it never reads, and any response body that is a [`RefusalBody`]. Errors of the
/// inner service are passed on as they are; a refusal is a response, not an error.
///
/// The inner service has the caller's claims by [`Claims::of`](crate::Claims::of); axum handlers have the extractor
/// [`Claims`](crate::Claims).
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
    ResBody: RefusalBody,
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
                self.give_back_readiness();
                let protocol = Protocol::of(&request);
                State::Refused { refusal: Some(refusal), protocol, rule: Arc::clone(&self.rule) }
            }
            Decision::AskAgain { authorization } => {
                self.give_back_readiness();
                State::Asking {
                    decision: Box::pin(Arc::clone(&self.rule).decide_when_refreshed(authorization)),
                    parts: Some((self.inner.clone(), request)),
                    rule: Arc::clone(&self.rule),
                }
            }
        };
        GuardFuture { state }
    }
}

impl<S: Clone> Guard<S> {
    /// Puts a clone, which is not ready, in the place of the inner service. What is ready may hold a place in a limit,
    /// and a request that is refused, or that waits for a key which anybody can invent, must not keep it from others.
    fn give_back_readiness(&mut self) {
        self.inner = self.inner.clone();
    }
}

fn pass<S, B>(inner: &mut S, mut request: Request<B>, caller: Caller) -> S::Future
where
    S: Service<Request<B>>,
{
    // In the place of what an outer layer found out.
    request.extensions_mut().insert(caller);
    inner.call(request)
}

type PendingDecision = Pin<Box<dyn Future<Output = Result<Caller, Refusal>> + Send>>;

pin_project! {
    /// The response future of [`Guard`].
    #[must_use = "futures do nothing unless polled"]
    pub struct GuardFuture<S, ReqBody>
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
        Refused { refusal: Option<Refusal>, protocol: Protocol, rule: Arc<Rule> },
        Passed { #[pin] response: S::Future },
        // Only for a token whose key is unknown, so only here a future is boxed.
        Asking { decision: PendingDecision, parts: Option<(S, Request<ReqBody>)>, rule: Arc<Rule> },
        // The answer was good; the inner service has to become ready once more.
        Readying { inner: S, parts: Option<(Caller, Request<ReqBody>)> },
    }
}

impl<S, ReqBody, ResBody> Future for GuardFuture<S, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    ResBody: RefusalBody,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        const ONCE: &str = "a state is left when it is ready, and a future is not polled after that";
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Passed { response } => return response.poll(cx),
                StateProjection::Refused { refusal, protocol, rule } => {
                    let refusal = refusal.take().expect(ONCE);
                    return Poll::Ready(Ok(refusal.into_response(&rule.answers, *protocol)));
                }
                StateProjection::Asking { decision, parts, rule } => {
                    let decision = ready!(decision.as_mut().poll(cx));
                    let (inner, request) = parts.take().expect(ONCE);
                    match decision {
                        Ok(caller) => State::Readying { inner, parts: Some((caller, request)) },
                        Err(refusal) => {
                            let (protocol, rule) = (Protocol::of(&request), Arc::clone(rule));
                            State::Refused { refusal: Some(refusal), protocol, rule }
                        }
                    }
                }
                StateProjection::Readying { inner, parts } => {
                    ready!(inner.poll_ready(cx))?;
                    let (caller, request) = parts.take().expect(ONCE);
                    State::Passed { response: pass(inner, request, caller) }
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
