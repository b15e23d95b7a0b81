//! The response future. It waits for a response, and retries a rejected request with another token.
//!
//! A request with a cached token needs no allocation. Only the wait for a token and a retry are
//! boxed.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::add_token::Api;
use crate::add_token::call_error::CallError;
use crate::add_token::rejection::rejection;
use crate::add_token::retry::{Retries, Retry};
use crate::add_token::retry_body::RetryBody;
use crate::dpop::DPOP;
use crate::dpop::nonces::Nonce;
use crate::error::proof::SignProofError;
use crate::token::AccessToken;

pin_project! {
    /// The response future of [`WithToken`](crate::WithToken).
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<S, R, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        #[pin]
        state: State<S, R, ReqBody>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, R, ReqBody>
    where
        S: Service<Request<ReqBody>>,
    {
        // The request was passed on unchanged.
        Unchanged { #[pin] response: S::Future },
        Sent { #[pin] response: S::Future, sent: Option<Sent<S, R, ReqBody>> },
        Boxed { response: BoxFuture<S::Response, S::Error> },
    }
}

type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, CallError<E>>> + Send>>;

/// A response that is awaited, and the data for a retry.
type InFlight<S, R, B> = (<S as Service<Request<B>>>::Future, Sent<S, R, B>);

/// A request before it is sent.
pub(super) struct Attempt<S, R> {
    /// A service that is not ready, for retries.
    fresh: S,
    api: Arc<Api>,
    retry_body: R,
}

/// The data that a retry of a sent request needs.
pub(super) struct Sent<S, R, ReqBody> {
    attempt: Attempt<S, R>,
    token: AccessToken,
    copy: Option<Request<ReqBody>>,
}

impl<S, R, ReqBody> ResponseFuture<S, R, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    pub(super) fn unchanged(response: S::Future) -> Self {
        Self { state: State::Unchanged { response } }
    }

    pub(super) fn sent((response, sent): InFlight<S, R, ReqBody>) -> Self {
        Self { state: State::Sent { response, sent: Some(sent) } }
    }

    pub(super) fn boxed(
        response: impl Future<Output = Result<S::Response, CallError<S::Error>>> + Send + 'static,
    ) -> Self {
        Self { state: State::Boxed { response: Box::pin(response) } }
    }
}

impl<S, R, ReqBody, ResBody> Future for ResponseFuture<S, R, ReqBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: RetryBody<ReqBody>,
    ReqBody: Send + 'static,
    ResBody: Send + 'static,
{
    type Output = Result<Response<ResBody>, CallError<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (response, sent) = match this.state.as_mut().project() {
            StateProjection::Unchanged { response } => return response.poll(cx).map_err(CallError::Call),
            StateProjection::Boxed { response } => return response.as_mut().poll(cx),
            StateProjection::Sent { response, sent } => {
                (ready!(response.poll(cx)).map_err(CallError::Call)?, sent.take())
            }
        };
        let Some(sent) = sent.filter(|sent| sent.is_rejected_by(&response)) else {
            return Poll::Ready(Ok(response));
        };
        let mut retried: BoxFuture<_, _> = Box::pin(sent.after(response));
        let poll = retried.as_mut().poll(cx);
        this.state.set(State::Boxed { response: retried });
        poll
    }
}

impl<S, R> Attempt<S, R> {
    pub(super) fn new(fresh: S, api: Arc<Api>, retry_body: R) -> Self {
        Self { fresh, api, retry_body }
    }

    /// Sends the request with this token, and with a new proof if the token is bound.
    pub(super) fn send<B>(
        self,
        ready: &mut S,
        mut request: Request<B>,
        token: AccessToken,
    ) -> Result<InFlight<S, R, B>, SignProofError>
    where
        S: Service<Request<B>>,
        R: RetryBody<B>,
    {
        let copy = self.retry_body.copy(&request);
        add(&token, &mut request, None)?;
        Ok((ready.call(request), Sent { attempt: self, token, copy }))
    }

    /// Waits for a token, then sends the request with it.
    pub(super) async fn run<B, C>(self, request: Request<B>) -> Result<Response<C>, CallError<S::Error>>
    where
        S: Service<Request<B>, Response = Response<C>> + Clone,
        R: RetryBody<B>,
    {
        let token = self.api.credentials.token_for(&self.api.name).await.map_err(CallError::Token)?;
        let mut service = when_ready(self.fresh.clone()).await?;
        let (response, sent) = self.send(&mut service, request, token).map_err(CallError::Proof)?;
        drop(service);
        let response = response.await.map_err(CallError::Call)?;
        if sent.is_rejected_by(&response) { sent.after(response).await } else { Ok(response) }
    }
}

impl<S, R, B> Sent<S, R, B> {
    /// Stores the nonce of the response. Returns whether a retry may help.
    fn is_rejected_by<C>(&self, response: &Response<C>) -> bool {
        self.token.store_nonce_of(&self.attempt.api.name, response.headers());
        rejection(response.status(), response.headers(), self.token.scheme()).is_some()
    }

    /// Retries the request while the response requires another token or proof.
    async fn after<C>(self, mut response: Response<C>) -> Result<Response<C>, CallError<S::Error>>
    where
        S: Service<Request<B>, Response = Response<C>> + Clone,
        R: RetryBody<B>,
    {
        let Self { attempt: Attempt { fresh, api, retry_body }, mut token, mut copy } = self;
        let mut retries = Retries::new(&api);
        loop {
            let Some(mut request) = copy else {
                retries.without_retry(response.status(), response.headers(), &token);
                return Ok(response);
            };
            let retry = retries.after(response.status(), response.headers(), &token).await;
            let Some(Retry { token: other, nonce }) = retry else { return Ok(response) };
            token = other;
            // The retry may need the connection.
            drop(response);
            let mut service = when_ready(fresh.clone()).await?;
            copy = retry_body.copy(&request);
            add(&token, &mut request, nonce).map_err(CallError::Proof)?;
            response = service.call(request).await.map_err(CallError::Call)?;
            token.store_nonce_of(&api.name, response.headers());
        }
    }
}

/// Adds the token, and a new proof if the token is bound.
fn add<B>(token: &AccessToken, request: &mut Request<B>, nonce: Option<Nonce>) -> Result<(), SignProofError> {
    let proof = token.dpop_proof_with(request.method(), request.uri(), nonce)?;
    request.headers_mut().insert(AUTHORIZATION, token.header_value());
    if let Some(proof) = proof {
        request.headers_mut().insert(DPOP, proof);
    }
    Ok(())
}

async fn when_ready<S, B>(mut service: S) -> Result<S, CallError<S::Error>>
where
    S: Service<Request<B>>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(CallError::Call)?;
    Ok(service)
}

impl<S, R, ReqBody> fmt::Debug for ResponseFuture<S, R, ReqBody>
where
    S: Service<Request<ReqBody>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
