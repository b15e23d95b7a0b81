//! The protected service, and requests for it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

/// The handler of every route, which does as little as possible.
pub async fn handler() -> &'static str {
    "ok"
}

/// A layer whose service does nothing: the baseline of a layer.
#[derive(Clone, Copy)]
pub struct NoOp;

#[derive(Clone)]
pub struct PassOn<S>(S);

impl<S> Layer<S> for NoOp {
    type Service = PassOn<S>;

    fn layer(&self, inner: S) -> PassOn<S> {
        PassOn(inner)
    }
}

impl<S: Service<R>, R> Service<R> for PassOn<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: R) -> S::Future {
        self.0.call(request)
    }
}

/// Returns a request with this bearer token, or without a token.
pub fn request(path: &str, token: Option<&str>) -> Request<Body> {
    let request = Request::get(path);
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    request.body(Body::empty()).expect("a request")
}

/// Calls the router, and returns the status. The router never waits, so the response is ready after
/// the first poll, and no runtime is measured.
pub fn answer(router: &mut Router, request: Request<Body>) -> StatusCode {
    let future = pin!(router.call(request));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => response.status(),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("a router without I/O answers at once"),
    }
}
