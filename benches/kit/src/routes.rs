//! The service that is protected, and a request for it.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

/// What every route does: as little as it can.
pub async fn handler() -> &'static str {
    "ok"
}

/// A layer whose service passes everything on: what a layer costs before it does anything.
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

/// With this bearer token, or without any.
pub fn request(path: &str, token: Option<&str>) -> Request<Body> {
    let request = Request::get(path);
    let request = match token {
        Some(token) => request.header("authorization", format!("Bearer {token}")),
        None => request,
    };
    request.body(Body::empty()).expect("a request")
}

/// Asks the router. Nothing in it waits, so the answer is there at the first look, and no runtime is measured along.
pub fn answer(router: &mut Router, request: Request<Body>) -> StatusCode {
    let future = pin!(router.call(request));
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(response)) => response.status(),
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("a router without I/O answers at once"),
    }
}
