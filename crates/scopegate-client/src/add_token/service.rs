//! The service around an HTTP client. It adds the token, and passes the response to `future.rs`.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use tower_service::Service;

use crate::add_token::Api;
use crate::add_token::call_error::CallError;
use crate::add_token::future::{Attempt, ResponseFuture};
use crate::add_token::retry_body::{RetryBody, RetryEmptyBody};

/// The service that [`AddToken`](crate::AddToken) wraps around an HTTP client.
#[derive(Clone)]
pub struct WithToken<S, R = RetryEmptyBody> {
    pub(super) inner: S,
    pub(super) api: Arc<Api>,
    pub(super) retry_body: R,
}

impl<S: fmt::Debug, R> fmt::Debug for WithToken<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithToken").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for WithToken<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: RetryBody<ReqBody>,
    ReqBody: Send + 'static,
    ResBody: Send + 'static,
{
    type Response = Response<ResBody>;
    type Error = CallError<S::Error>;
    type Future = ResponseFuture<S, R, ReqBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Call)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let fresh = self.inner.clone();
        if !self.api.origin.is_of(request.uri()) || request.headers().contains_key(AUTHORIZATION) {
            return ResponseFuture::unchanged(self.inner.call(request));
        }
        // A ready service may hold a permit of a `ConcurrencyLimit`. It is used now or dropped, so
        // that requests that wait for a token do not keep the permit from others.
        let mut ready = std::mem::replace(&mut self.inner, fresh.clone());
        let attempt = Attempt::new(fresh, Arc::clone(&self.api), self.retry_body.clone());
        match self.api.credentials.current_for(&self.api.name) {
            Some(token) => match attempt.send(&mut ready, request, token) {
                Ok(sent) => ResponseFuture::sent(sent),
                Err(error) => ResponseFuture::boxed(std::future::ready(Err(CallError::Proof(error)))),
            },
            None => ResponseFuture::boxed(attempt.run(request)),
        }
    }
}
