//! Requests that take long: their lines come at their end.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use audit::audit::{Audit, WhenFull};
use axum::Router;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use scopegate_axum::RequireScope;
use testkit::{NOW, builder_at, cognito_issuer};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::full::{full, make_room};
use crate::service::{Folder, LIMIT, SCOPE, ids, lines, token, until};

/// More than the queue has room for.
const SLOW: usize = 2_000;

/// An API with a slow route and a fast one.
struct Service {
    app: Router,
    audit: Audit,
    gate: Arc<Semaphore>,
    slow: JoinSet<StatusCode>,
}

impl Service {
    /// Starts the API, and the slow requests.
    async fn start(path: &Path) -> Self {
        let audit = Audit::open(path, WhenFull::RejectRequests).unwrap();
        let verifier = builder_at(NOW).trust(cognito_issuer()).observe(audit.observer()).build().unwrap();
        let (gate, begun) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        let (opened, counted) = (Arc::clone(&gate), Arc::clone(&begun));
        let slow = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(opened.acquire().await.unwrap());
        };
        let routes = Router::new().route("/slow", get(slow)).route("/fast", get(async || ()));
        let app = audit.layer(routes.layer(RequireScope::new(&verifier, SCOPE)));
        let mut service = Self { app, audit, gate, slow: JoinSet::new() };
        let token = token("slow");
        for _ in 0..SLOW {
            let request = service.request("/slow", &token);
            service.slow.spawn(request);
        }
        until("the slow requests are served", || begun.load(Ordering::SeqCst) == SLOW).await;
        service
    }

    fn request(&self, path: &str, token: &str) -> impl Future<Output = StatusCode> + use<> {
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {token}"));
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap());
        async { response.await.unwrap().status() }
    }

    /// Lets the slow requests end.
    async fn end_slow_requests(&mut self) {
        self.gate.add_permits(SLOW);
        while let Some(status) = self.slow.join_next().await {
            assert_eq!(status.unwrap(), StatusCode::OK);
        }
    }
}

fn path_of(folder: &Folder) -> PathBuf {
    folder.file("audit.jsonl")
}

#[tokio::test]
async fn slow_requests_leave_room_for_others() {
    let folder = Folder::new();
    let mut service = Service::start(&path_of(&folder)).await;
    assert_eq!(service.request("/fast", &token("fast")).await, StatusCode::OK);
    service.end_slow_requests().await;
    service.audit.close(LIMIT).await.unwrap();
    let lines = lines(&path_of(&folder));
    assert_eq!((lines.len(), ids(&lines)[0]), (SLOW + 1, "fast"));
}

#[tokio::test]
async fn admitted_requests_lose_no_line() {
    let folder = Folder::new();
    let Some(path) = full(&folder) else { return };
    let mut service = Service::start(&path).await;
    // The writer fails with the first line.
    let begun = std::time::Instant::now();
    let mut served = 0;
    while service.request("/fast", &token("fast")).await == StatusCode::OK {
        served += 1;
        assert!(begun.elapsed() < LIMIT, "the writer does not fail");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    service.end_slow_requests().await;
    assert_eq!(service.request("/fast", &token("late")).await, StatusCode::SERVICE_UNAVAILABLE);
    make_room(&path);
    service.audit.close(LIMIT).await.unwrap();
    let lines = lines(&path);
    assert_eq!(ids(&lines).len(), SLOW + served);
    let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_u64()).sum::<u64>();
    assert_eq!((sum("lost"), sum("turned_away")), (0, 2));
}
