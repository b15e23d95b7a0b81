//! The response future. It resolves to a rejection or to the inner service's response, and waits
//! for an unknown key first.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use pin_project_lite::pin_project;
use scopegate::http::{AcceptedRequest, Authorizer, Grant, Recording};
use tower_service::Service;

use crate::authorize::proof;
use crate::authorize::record::{self, Accepted, Arrival};
use crate::authorize::route::{Decided, Route};
use crate::authorize::{Authorized, pass};
use crate::rejection::body::RejectionBody;
use crate::rejection::grpc::Protocol;
use crate::rejection::hook::{OnRejection, Unchanged};
use crate::rejection::{find, send, send_raised};

pub(super) type Decision = Pin<Box<dyn Future<Output = Settled> + Send>>;

/// The result of waiting for a key, or for the store of used proofs.
pub(super) enum Settled {
    Granted(Result<Grant, scopegate::http::Rejection>),
    Recorded(Result<AcceptedRequest, scopegate::http::Rejection>),
}

pin_project! {
    /// The response future of [`Authorize`](crate::Authorize).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, ReqBody, H = Unchanged>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        pub(super) state: State<S, ReqBody>,
        pub(super) route: Arc<Route>,
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
        Accepted { #[pin] response: S::Future, accepted: Accepted },
        // Like `Accepted`, and the response may need the next nonce.
        // Boxed, so that the future of a bearer token is not larger.
        Proven { response: Pin<Box<S::Future>>, rest: Box<(Accepted, AcceptedRequest)> },
        // Boxed, because few requests get here: those whose token has an unknown key, and those whose
        // proof is recorded elsewhere.
        Pending { decision: Decision, parts: Option<(S, Request<ReqBody>, Arrival)> },
        // The request is accepted, and the inner service must become ready again.
        Readying { inner: S, parts: Option<(Authorized, Request<ReqBody>, Accepted)> },
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
                StateProjection::Accepted { response, accepted } => {
                    let response = ready!(response.poll(cx))?;
                    let authorizer = &this.route.authorizer;
                    return Poll::Ready(Ok(finish(response, accepted, authorizer, this.on_rejection)));
                }
                StateProjection::Proven { response, rest } => {
                    let response = ready!(response.as_mut().poll(cx))?;
                    let (accepted, proof) = &mut **rest;
                    let authorizer = &this.route.authorizer;
                    let response = finish_proven(response, accepted, proof, authorizer, this.on_rejection);
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Rejected { rejection, protocol } => {
                    let rejection = rejection.take().expect(ONCE);
                    let response = send(rejection, *protocol, &this.route.authorizer, this.on_rejection);
                    return Poll::Ready(Ok(response));
                }
                StateProjection::Pending { decision, parts } => {
                    let settled = ready!(decision.as_mut().poll(cx));
                    let (inner, mut request, arrival) = parts.take().expect(ONCE);
                    let authorizer = &this.route.authorizer;
                    let decided: Decided = match settled {
                        Settled::Granted(Ok(Grant::Accepted(accepted))) => {
                            let mut decided = Ok(accepted.into_claims());
                            this.route.ask_rules(&mut request, &mut decided);
                            decided
                        }
                        Settled::Granted(Ok(Grant::Proven(proven))) => {
                            match proof::record(this.route, proven, &mut request) {
                                Recording::Done(recorded) => remember(recorded, &mut request),
                                Recording::Pending(pending) => {
                                    let decision = async { Settled::Recorded(pending.wait().await) };
                                    let parts = Some((inner, request, arrival));
                                    this.state.set(State::Pending { decision: Box::pin(decision), parts });
                                    continue;
                                }
                            }
                        }
                        Settled::Recorded(recorded) => remember(recorded, &mut request),
                        Settled::Granted(Err(rejection)) => Err(rejection),
                    };
                    match decided {
                        Ok(claims) => {
                            let accepted = Accepted::new(this.route, &request, claims.as_ref(), arrival);
                            let verdict = Authorized { authorizer: Arc::clone(authorizer), claims };
                            State::Readying { inner, parts: Some((verdict, request, accepted)) }
                        }
                        Err(rejection) => {
                            record::rejected(authorizer, &request, &rejection, arrival);
                            let protocol = this.route.protocol(&request);
                            State::Rejected { rejection: Some(rejection), protocol }
                        }
                    }
                }
                StateProjection::Readying { inner, parts } => {
                    ready!(inner.poll_ready(cx))?;
                    let (authorized, request, accepted) = parts.take().expect(ONCE);
                    match proof::accepted(&request).cloned() {
                        Some(proof) => State::Proven {
                            response: Box::pin(pass(inner, request, authorized)),
                            rest: Box::new((accepted, proof)),
                        },
                        None => State::Accepted { response: pass(inner, request, authorized), accepted },
                    }
                }
            };
            this.state.set(next);
        }
    }
}

/// Like [`finish`], and adds the next nonce.
#[inline(never)]
fn finish_proven<B>(
    response: Response<B>,
    accepted: &mut Accepted,
    proof: &AcceptedRequest,
    authorizer: &Authorizer,
    on_rejection: &impl OnRejection<B>,
) -> Response<B> {
    let mut response = finish(response, accepted, authorizer, on_rejection);
    proof.add_headers(response.headers_mut());
    response
}

/// Puts an accepted proof into the request's extensions, for the response and for inner layers.
fn remember<B>(
    recorded: Result<AcceptedRequest, scopegate::http::Rejection>,
    request: &mut Request<B>,
) -> Decided {
    recorded.map(|accepted| {
        let claims = accepted.claims().cloned();
        request.extensions_mut().insert(accepted);
        claims
    })
}

/// Completes the response of the inner service if it is a handler's rejection, and records the
/// decision.
#[inline]
fn finish<B>(
    response: Response<B>,
    accepted: &mut Accepted,
    authorizer: &Authorizer,
    on_rejection: &impl OnRejection<B>,
) -> Response<B> {
    let Some(rejection) = find(&response) else {
        accepted.responded(response.status());
        return response;
    };
    let Some(raised) = rejection.raised() else {
        accepted.recorded_elsewhere();
        return response;
    };
    let decided = accepted.rejected(authorizer, raised);
    send_raised(decided, response, authorizer, on_rejection)
}

impl<S, ReqBody, H> fmt::Debug for ResponseFuture<S, ReqBody, H>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
