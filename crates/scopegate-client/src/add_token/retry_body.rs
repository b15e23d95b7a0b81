//! The request bodies that can be retried.

use http::Request;
use http_body::Body;

/// Copies requests, so that they can be retried.
///
/// This trait is sealed, and its methods may change. Use it as a bound in code that is generic over
/// [`AddToken`](crate::AddToken).
pub trait RetryBody<B>: sealed::Sealed + Clone + Send + Sync + 'static {
    /// Returns a copy of the request, or `None` if it cannot be retried.
    #[doc(hidden)]
    fn copy(&self, request: &Request<B>) -> Option<Request<B>>;
}

/// Retries requests with an empty body of any type, which is the default.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct RetryEmptyBody;

/// Retries all requests. Their bodies are cloned before they are sent.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct RetryClonedBody;

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::RetryEmptyBody {}
    impl Sealed for super::RetryClonedBody {}
}

impl<B: Body + Default> RetryBody<B> for RetryEmptyBody {
    fn copy(&self, request: &Request<B>) -> Option<Request<B>> {
        request.body().is_end_stream().then(|| copy_with_body(request, B::default()))
    }
}

impl<B: Clone> RetryBody<B> for RetryClonedBody {
    fn copy(&self, request: &Request<B>) -> Option<Request<B>> {
        Some(copy_with_body(request, request.body().clone()))
    }
}

fn copy_with_body<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut copy = Request::new(body);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    copy
}
