//! The service around an HTTP client: adds the token, and retries a rejected request.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::AUTHORIZATION;
use http::{Request, Response};
use tower_service::Service;

use crate::add_token::Api;
use crate::add_token::call_error::CallError;
use crate::add_token::retry::Retries;
use crate::add_token::retry_body::{Repeat, RepeatEmpty};

/// The service that [`AddToken`] wraps around an HTTP client.
#[derive(Clone)]
pub struct WithToken<S, R = RepeatEmpty> {
    pub(super) inner: S,
    pub(super) api: Arc<Api>,
    pub(super) repeat: R,
}

impl<S: fmt::Debug, R> fmt::Debug for WithToken<S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithToken").field("inner", &self.inner).finish_non_exhaustive()
    }
}

type CallFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, CallError<E>>> + Send>>;

impl<S, R, ReqBody, ResBody> Service<Request<ReqBody>> for WithToken<S, R>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
    R: Repeat<ReqBody>,
    ReqBody: Send + 'static,
    ResBody: Send,
{
    type Response = Response<ResBody>;
    type Error = CallError<S::Error>;
    type Future = CallFuture<Self::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CallError::Call)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let fresh = self.inner.clone();
        if !self.api.origin.is_of(request.uri()) || request.headers().contains_key(AUTHORIZATION) {
            let answer = self.inner.call(request);
            return Box::pin(async { answer.await.map_err(CallError::Call) });
        }
        // What is ready may hold a place in a limit, and a request that has to wait for its token must not keep it from
        // others.
        let ready = std::mem::replace(&mut self.inner, fresh.clone());
        let (api, repeat) = (Arc::clone(&self.api), self.repeat.clone());
        Box::pin(async move {
            let (mut service, mut token) = if let Some(token) = api.credentials.current() {
                (ready, token)
            } else {
                drop(ready);
                let token = api.credentials.token().await.map_err(CallError::Token)?;
                (when_ready(fresh.clone()).await?, token)
            };
            let mut retries = Retries::new(&api);
            loop {
                let spare = repeat.repeat(&request);
                request.headers_mut().insert(AUTHORIZATION, token.header_value());
                let answer = service.call(request).await.map_err(CallError::Call)?;
                let Some(spare) = spare else {
                    retries.without_retry(answer.status(), answer.headers(), &token);
                    return Ok(answer);
                };
                match retries.after(answer.status(), answer.headers(), &token).await {
                    None => return Ok(answer),
                    Some(other) => (token, request) = (other, spare),
                }
                // The connection may be needed for the next one.
                drop(answer);
                service = when_ready(fresh.clone()).await?;
            }
        })
    }
}

async fn when_ready<S, B>(mut service: S) -> Result<S, CallError<S::Error>>
where
    S: Service<Request<B>>,
{
    poll_fn(|cx| service.poll_ready(cx)).await.map_err(CallError::Call)?;
    Ok(service)
}
