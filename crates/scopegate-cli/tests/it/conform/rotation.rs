//! A rotation of keys: new keys are awaited, and a rejection counts only between valid tokens.

use std::panic;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use scopegate_axum::{Issuer, Verifier};
use tokio::task::JoinSet;

use super::api::Seen;
use super::{api, finish, settings, start, with_outcome};
use crate::program::Run;

const SCOPE: [&str; 2] = ["--scope", "orders/read"];

const NEW: [&str; 3] = ["--json", "--rotation", "1s"];
const WITHDRAWN: [&str; 3] = ["--json", "--withdrawal", "4s"];

#[tokio::test(flavor = "multi_thread")]
async fn new_and_withdrawn_keys_are_awaited() {
    let keys = ["--json", "--rotation", "20s", "--withdrawal", "20s"];
    let run = of_patience(Duration::from_secs(1), &keys).await;
    assert_eq!(run.code, 0, "{}{}", run.out, run.errors);
    let passed = with_outcome(&run, "passed");
    assert!(["new-key", "withdrawn-key"].iter().all(|id| passed.contains(&(*id).to_owned())), "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn new_and_withdrawn_keys_may_be_too_late() {
    // This API looks for unknown keys once in an hour, and has just done so.
    let hour = Duration::from_secs(3600);
    for (keys, failed, undecided) in [
        (&["--json", "--withdrawal", "1s"][..], ["withdrawn-key"], &[][..]),
        (&["--json", "--rotation", "1s", "--withdrawal", "1s"], ["new-key"], &["withdrawn-key"]),
    ] {
        let run = of_patience(hour, keys).await;
        assert_eq!(run.code, 1, "{}{}", run.out, run.errors);
        assert_eq!(with_outcome(&run, "failed"), failed, "{}", run.out);
        assert_eq!(with_outcome(&run, "undecided"), undecided, "{}", run.out);
    }
}

/// Runs `conform` against an API that looks for unknown keys once in this time.
async fn of_patience(cooldown: Duration, more: &[&str]) -> Run {
    run_with(cooldown, more, |router| router).await
}

async fn run_with(cooldown: Duration, more: &[&str], change: impl FnOnce(Router) -> Router) -> Run {
    let (listener, url) = testkit::listen().await;
    let mut child = start(&format!("{url}/orders"), &[&SCOPE[..], more].concat());
    let (settings, stderr) = settings(&mut child).await;
    let issuer = Issuer::rfc9068(&settings["OAUTH_ISSUER"]).unwrap().audience(&settings["OAUTH_AUDIENCE"]);
    let verifier = Verifier::builder().trust(issuer).refresh_cooldown(cooldown).start().await.unwrap();
    testkit::serve_on(listener, change(api::router(&verifier, "orders/read", None)));
    finish(child, stderr).await
}

/// An API that fails from the rotation on.
#[derive(Clone, Copy)]
struct Failing {
    /// The number of requests that are answered as before.
    spared: usize,
    /// Tokens of the first key are answered as before.
    spares_first: bool,
    /// Tokens of another key are answered as before.
    spares_others: bool,
    /// The status. `None` closes the connection.
    status: Option<u16>,
}

#[tokio::test(flavor = "multi_thread")]
async fn api_failing_after_rotation_is_undecided() {
    let mut runs = JoinSet::new();
    for status in [Some(500), Some(429), Some(403), None] {
        // The first request of a withdrawal shows that the key is accepted before.
        for (id, more, spared) in [("new-key", NEW, 0), ("withdrawn-key", WITHDRAWN, 1)] {
            let failing = Failing { spared, spares_first: false, spares_others: false, status };
            runs.spawn(async move { (id, status, of_failing(failing, &more).await) });
        }
    }
    for (id, status, run) in runs.join_all().await {
        assert_eq!(with_outcome(&run, "undecided"), [id], "{status:?}: {}", run.out);
        assert_eq!(run.code, 2, "{id} {status:?}: {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_at_a_withdrawn_key_is_undecided() {
    // Tokens of the current key are accepted.
    let cases = [
        (500, "undecided", "the API fails at the withdrawn key (500)", 2),
        (429, "undecided", "the API limits requests (429)", 2),
        (403, "passed", "", 0),
    ];
    for (status, outcome, reason, code) in cases {
        let failing = Failing { spared: 1, spares_first: false, spares_others: true, status: Some(status) };
        let run = of_failing(failing, &WITHDRAWN).await;
        let found = with_outcome(&run, outcome);
        assert!(found.contains(&"withdrawn-key".to_owned()), "{status}: {}", run.out);
        assert!(run.out.contains(reason), "{status}: {}", run.out);
        assert_eq!(run.code, code, "{status}: {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failure_at_a_new_key_is_certain() {
    // The earlier key is still accepted, so the API responds to every other caller.
    for (status, outcome, code) in [(500, "failed", 1), (403, "failed", 1), (429, "undecided", 2)] {
        let failing = Failing { spared: 0, spares_first: true, spares_others: false, status: Some(status) };
        let run = of_failing(failing, &NEW).await;
        assert_eq!(with_outcome(&run, outcome), ["new-key"], "{status}: {}", run.out);
        assert_eq!(run.code, code, "{status}: {}", run.out);
    }
}

async fn of_failing(failing: Failing, more: &[&str]) -> Run {
    let arguments = [&["--algorithm", "EdDSA"], more].concat();
    run_with(Duration::from_secs(1), &arguments, |router| failing_from_rotation(router, failing)).await
}

/// The last request before the rotation has the scheme in lower case.
fn failing_from_rotation(router: Router, failing: Failing) -> Router {
    let first = Arc::new(OnceLock::new());
    let rotated = Arc::new(AtomicUsize::new(0));
    router.layer(from_fn(move |request: Request, next: Next| {
        let (first, rotated) = (Arc::clone(&first), Arc::clone(&rotated));
        async move {
            let seen = Seen::of(&request);
            let is_first = first.get_or_init(|| seen.kid().to_owned()) == seen.kid();
            if seen.authorization.iter().any(|value| value.starts_with("bearer ")) {
                rotated.store(1, Ordering::Relaxed);
                return next.run(request).await;
            }
            let counted = |count: usize| (count > 0).then_some(count + 1);
            let count = rotated.fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
            let is_spared = if is_first { failing.spares_first } else { failing.spares_others };
            match count {
                Ok(count) if count > failing.spared && !is_spared => fail(failing.status),
                _ => next.run(request).await,
            }
        }
    }))
}

fn fail(status: Option<u16>) -> Response {
    match status {
        Some(status) => StatusCode::from_u16(status).unwrap().into_response(),
        None => panic::resume_unwind(Box::new("the connection is closed")),
    }
}
