//! A router of this axum or of the one before, asked in process or served.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use scopegate_bench_kit::Call;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tower_service::Service;

/// The routers of two versions of axum are two types.
#[derive(Clone)]
pub enum App {
    Axum08(axum::Router),
    Axum07(axum07::Router),
}

/// What differs between the two is only where their types come from.
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

/// Asks at a time when nothing waits, so the answer is there at the first look.
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
    /// So many requests with this token, each of which is answered with a status that is expected.
    pub fn ask(&self, token: &str, times: usize, expected: fn(u16) -> bool) -> Call {
        match self.clone() {
            Self::Axum08(router) => ask!(axum, router, token, times, expected),
            Self::Axum07(router) => ask!(axum07, router, token, times, expected),
        }
    }

    /// The status of the answer to one request, which may wait for keys.
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

    /// Until the good token opens it, because some fetch their keys in the background.
    ///
    /// # Panics
    /// If it takes longer than any fetch on a loopback address does.
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
