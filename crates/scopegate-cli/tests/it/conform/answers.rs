//! Each check of the answers has an API that passes it, and an API that fails it.

use axum::http::HeaderValue;
use axum::http::header::AUTHORIZATION;

use tokio::task::JoinSet;

use super::api::{Flaw, Seen, now, with, with_body};
use super::{conform, with_outcome};

const MORE: [&str; 3] = ["--json", "--algorithm", "EdDSA"];

const NO_CHALLENGE: Flaw =
    Flaw::Answers(|seen, response| if has_no_token(seen) { with(response, 401, None) } else { response });

#[tokio::test(flavor = "multi_thread")]
async fn unhelpful_answer_is_a_warning() {
    let flaws: [(&str, Flaw); 6] = [
        ("challenge", NO_CHALLENGE),
        (
            "no-error-code",
            Flaw::Answers(|seen, response| {
                if has_no_token(seen) {
                    with(response, 401, Some("Bearer error=\"invalid_token\""))
                } else {
                    response
                }
            }),
        ),
        (
            "invalid-token",
            Flaw::Answers(|seen, response| {
                if is_expired(seen) {
                    with(response, 403, Some("Bearer error=\"invalid_token\""))
                } else {
                    response
                }
            }),
        ),
        (
            "insufficient-scope",
            Flaw::Answers(|seen, response| {
                if seen.claims("scope", "conform/other") {
                    with(response, 403, Some("Bearer"))
                } else {
                    response
                }
            }),
        ),
        (
            "scheme-case",
            Flaw::Changes(|seen, headers| {
                if seen.authorization.iter().any(|value| value.starts_with("bearer ")) {
                    headers.insert(AUTHORIZATION, HeaderValue::from_static("Unknown scheme"));
                }
            }),
        ),
        (
            "token-in-response",
            Flaw::Answers(|seen, response| {
                if is_expired(seen) { with_body(response, seen.authorization.join("")) } else { response }
            }),
        ),
    ];
    let runs: JoinSet<_> =
        flaws.into_iter().map(async |(id, flaw)| (id, conform(Some(flaw), &MORE).await)).collect();
    for (id, run) in runs.join_all().await {
        assert_eq!(with_outcome(&run, "failed"), [id], "{}", run.out);
        assert_eq!(run.code, 0, "{id}: {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn server_error_is_a_warning_and_no_rejection() {
    let flaw = Flaw::Answers(
        |seen, response| {
            if seen.header["alg"] == 1 { with(response, 500, None) } else { response }
        },
    );
    let run = conform(Some(flaw), &MORE).await;
    assert_eq!(with_outcome(&run, "failed"), ["server-error"], "{}", run.out);
    assert_eq!(with_outcome(&run, "undecided"), ["malformed-token"], "{}", run.out);
    assert!(run.out.contains("a number as `alg`: 500 is no rejection"), "{}", run.out);
    assert_eq!(run.code, 2, "{}", run.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_warning_has_exit_code_1() {
    let run = conform(Some(NO_CHALLENGE), &["--algorithm", "EdDSA", "--deny-warnings"]).await;
    assert_eq!(run.code, 1, "{}", run.out);
    assert!(run.out.starts_with("NOTHING GOT IN: 1 warning, "), "{}", run.out);
    assert!(
        run.out.contains("! challenge            WARNING: a request without a token gets 401"),
        "{}",
        run.out
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn api_that_stops_accepting_is_undecided() {
    // It rejects everything after the first expired token, as an API does that blocks a client.
    let flaw = Flaw::Answers(|seen, response| {
        static BLOCKED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
        let blocked = BLOCKED.fetch_or(is_expired(seen), std::sync::atomic::Ordering::Relaxed);
        if blocked { with(response, 403, None) } else { response }
    });
    let run = conform(Some(flaw), &MORE).await;
    assert_eq!(run.code, 2, "{}", run.out);
    assert!(with_outcome(&run, "passed").contains(&"alg-none".to_owned()), "{}", run.out);
    let undecided = with_outcome(&run, "undecided");
    for id in ["expired", "not-before", "wrong-audience", "similar-scope"] {
        assert!(undecided.contains(&id.to_owned()), "{id}: {}", run.out);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limited_requests_are_undecided() {
    let flaw =
        Flaw::Answers(|seen, response| if is_expired(seen) { with(response, 429, None) } else { response });
    let run = conform(Some(flaw), &MORE).await;
    assert_eq!(run.code, 2, "{}", run.out);
    assert!(with_outcome(&run, "undecided").contains(&"expired".to_owned()), "{}", run.out);
}

fn has_no_token(seen: &Seen) -> bool {
    seen.authorization.is_empty() && seen.query.is_none()
}

pub(super) fn is_expired(seen: &Seen) -> bool {
    !seen.has_twice("exp") && seen.payload["exp"].as_u64().is_some_and(|exp| exp < now())
}
