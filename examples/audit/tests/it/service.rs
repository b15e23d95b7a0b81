//! The API of the example with a verifier whose keys are static.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use audit::api::app;
use audit::audit::{Audit, WhenFull};
use axum::Router;
use axum::body::Body;
use axum::http::header::AUTHORIZATION;
use axum::http::{Request, StatusCode};
use serde_json::Value;
use testkit::{NOW, builder_at, cognito_issuer, cognito_token};
use tower::ServiceExt as _;

pub(crate) const SCOPE: &str = "https://my-api-server.org/api.read";

/// The time that each test has, so that none waits forever.
pub(crate) const LIMIT: Duration = Duration::from_secs(30);

/// A folder that is removed with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = format!("{}/audit-{}-{number}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        std::fs::create_dir_all(&path).unwrap();
        Self(path.into())
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The API and its audit.
pub(crate) struct Service {
    app: Router,
    pub(crate) audit: Audit,
}

impl Service {
    pub(crate) fn start(path: &Path, when_full: WhenFull) -> Self {
        let audit = Audit::open(path, when_full).unwrap();
        let verifier = builder_at(NOW).trust(cognito_issuer()).observe(audit.observer());
        let verifier = verifier.build().unwrap();
        Self { app: app(&verifier, &audit), audit }
    }

    /// Sends a request, and returns the status and the request id.
    pub(crate) async fn get(&self, token: Option<&str>) -> (StatusCode, Option<String>) {
        let request = Request::get("/orders/17");
        let request = match token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let id = response.headers().get("x-request-id").map(|id| id.to_str().unwrap().to_owned());
        (response.status(), id)
    }

    pub(crate) async fn close(self) -> std::io::Result<()> {
        self.audit.close(LIMIT).await
    }
}

/// Returns a token that the API accepts, with this `jti`.
pub(crate) fn token(id: &str) -> String {
    use testkit::Token as _;
    cognito_token().scope(SCOPE).claim("jti", id).compact()
}

/// Returns the lines of a file. Panics if one is not JSON.
pub(crate) fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "half a line: {text:?}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the ids of the tokens in the lines.
pub(crate) fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["token"]["jti"].as_str()).collect()
}

/// Waits until the writer has done something.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LIMIT, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
