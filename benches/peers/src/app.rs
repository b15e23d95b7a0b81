//! A router of the current or the previous axum, which is called in process or served.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use scopegate_bench_kit::Call;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_service::Service;

/// A router. Two versions of axum have two types.
#[derive(Clone)]
pub enum App {
    Axum08(axum::Router),
    Axum07(axum07::Router),
}

/// Builds a request. Only the origin of the types differs between the two versions.
macro_rules! request {
    ($axum:ident, $token:expr) => {{
        let request =
            $axum::http::Request::get("/orders").header("authorization", format!("Bearer {}", $token));
        request.body($axum::body::Body::empty()).expect("a request")
    }};
}

macro_rules! call {
    ($axum:ident, $router:expr, $request:expr) => {
        Service::<$axum::http::Request<$axum::body::Body>>::call(&mut $router, $request)
    };
}

/// Calls a router that never waits, so the response is ready after the first poll.
macro_rules! ask {
    ($axum:ident, $router:expr, $token:expr, $times:expr, $expected:expr) => {{
        let mut router = $router;
        let mut requests: Vec<_> = (0..$times).map(|_| request!($axum, $token)).collect();
        Box::new(move || {
            let request = requests.pop().expect("as many as were said");
            let future = pin!(call!($axum, router, request));
            match future.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(response)) => assert!($expected(response.status().as_u16())),
                Poll::Ready(Err(never)) => match never {},
                Poll::Pending => panic!("all that it needs is there"),
            }
        })
    }};
}

impl App {
    /// Returns an operation for `times` requests with this token. It panics if a status is not
    /// expected.
    pub fn ask(&self, token: &str, times: usize, expected: fn(u16) -> bool) -> Call {
        match self.clone() {
            Self::Axum08(router) => ask!(axum, router, token, times, expected),
            Self::Axum07(router) => ask!(axum07, router, token, times, expected),
        }
    }

    /// Sends a request that may wait for keys, and returns the status.
    pub async fn status(&self, token: &str) -> u16 {
        let answered = match self.clone() {
            Self::Axum08(mut router) => {
                call!(axum, router, request!(axum, token)).await.map(|it| it.status().as_u16())
            }
            Self::Axum07(mut router) => {
                call!(axum07, router, request!(axum07, token)).await.map(|it| it.status().as_u16())
            }
        };
        match answered {
            Ok(status) => status,
            Err(never) => match never {},
        }
    }

    /// Waits until the valid token is accepted, because some crates fetch keys in the background.
    ///
    /// # Panics
    /// Panics if this takes longer than any fetch on a loopback address.
    pub async fn ready(&self, good: &str) {
        for _ in 0..200 {
            if self.status(good).await == 200 {
                return;
            }
            sleep(Duration::from_millis(50)).await;
        }
        panic!("the good token is refused: {}", self.status(good).await);
    }

    pub async fn serve(self, listener: TcpListener) -> std::io::Result<()> {
        match self {
            Self::Axum08(router) => axum::serve(listener, router).await,
            Self::Axum07(router) => axum07::serve(listener, router).await,
        }
    }
}
