//! Which requests can be sent twice.

use http::Request;
use http_body::Body;

/// How a request is kept for a second time. Sealed: there will be more ways.
pub trait Repeat<B>: Clone + Send + Sync + 'static {
    /// The same request; `None` when it cannot be repeated.
    fn repeat(&self, request: &Request<B>) -> Option<Request<B>>;
}

/// Repeats requests without a body, of any type of body.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct RepeatEmpty;

/// Repeats all requests, by cloning their bodies.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct RepeatCloned;

impl<B: Body + Default> Repeat<B> for RepeatEmpty {
    fn repeat(&self, request: &Request<B>) -> Option<Request<B>> {
        request.body().is_end_stream().then(|| with_head_of(request, B::default()))
    }
}

impl<B: Clone> Repeat<B> for RepeatCloned {
    fn repeat(&self, request: &Request<B>) -> Option<Request<B>> {
        Some(with_head_of(request, request.body().clone()))
    }
}

fn with_head_of<B>(request: &Request<B>, body: B) -> Request<B> {
    let mut other = Request::new(body);
    *other.method_mut() = request.method().clone();
    *other.uri_mut() = request.uri().clone();
    *other.version_mut() = request.version();
    *other.headers_mut() = request.headers().clone();
    *other.extensions_mut() = request.extensions().clone();
    other
}
