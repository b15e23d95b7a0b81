//! The record of each request: exactly one, with everything that an operator needs and no secret.

use std::future::{Future as _, pending, poll_fn};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::routing::{get as on_get, post};
use scopegate_axum::{
    Claims, Decision, Denied, OptionalToken, Rejection, RequireScope, RequireToken, Verifier,
};
use testkit::Log;
use tower::ServiceExt as _;
use tracing::level_filters::LevelFilter;

use crate::fixture::{get, mint, send, sign, status, token, trusted, with_token};

/// One line for each decision.
#[derive(Clone, Default)]
struct Records(Arc<Mutex<Vec<String>>>);

impl Records {
    fn verifier(&self) -> Verifier {
        let records = self.clone();
        let observe = move |decision: &Decision<'_>| records.0.lock().unwrap().push(line(decision));
        let check = |claims: &scopegate::Claims| {
            if claims.has_scope("suspended") { Err(Denied::new("suspended")) } else { Ok(()) }
        };
        Verifier::builder().trust(trusted()).check(check).observe(observe).build().unwrap()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn line(decision: &Decision<'_>) -> String {
    assert!(decision.elapsed().is_some(), "an observer gets the time");
    assert_eq!(decision.error().is_none(), decision.verdict().as_str() == "accepted");
    format!(
        "{} {} {} {} {} {}",
        decision.verdict(),
        decision.reason(),
        decision.status().map_or("-".to_owned(), |status| status.to_string()),
        decision.method().unwrap_or("-"),
        decision.route().unwrap_or("-"),
        decision.claims().and_then(|claims| claims.client_id()).unwrap_or("-"),
    )
}

async fn ok() -> &'static str {
    "ok"
}

async fn approve(claims: Claims) -> Result<&'static str, Rejection> {
    claims.require("approve")?;
    Ok("approved")
}

async fn not_owner(_: Claims) -> Result<&'static str, Rejection> {
    Err(Rejection::forbidden("not_owner"))
}

async fn absent() -> StatusCode {
    StatusCode::NOT_FOUND
}

#[tokio::test]
async fn each_request_yields_one_record() {
    // FR-C3, FR-C5
    let records = Records::default();
    let verifier = records.verifier();
    let read = || RequireScope::new(&verifier, "read");
    let router = Router::new()
        .route("/orders/{id}", on_get(ok).post(ok).layer(read()))
        .route("/approve", post(approve).layer(read()))
        .route("/owner", on_get(not_owner).layer(read()))
        .route("/rule", on_get(ok).layer(read().and(|claims: &Claims, _: &_| claims.has_scope("own"))))
        .route("/optional", on_get(ok).layer(OptionalToken::new(&verifier)))
        .route("/absent", on_get(absent).layer(read()))
        .route("/nested", on_get(approve).layer(read()))
        // Each request is recorded once, also if this layer is around layers that reject.
        .layer(OptionalToken::new(&verifier));
    let client = "1example23456789";
    let post = |path| Request::post(path).body(Body::empty()).unwrap();
    let read = || token("read");
    for (request, expected) in [
        (with_token(get("/orders/7"), &read()), format!("accepted accepted 200 GET /orders/{{id}} {client}")),
        (get("/optional"), "accepted no_token 200 GET /optional -".to_owned()),
        (with_token(get("/absent"), &read()), format!("accepted accepted 404 GET /absent {client}")),
        (get("/orders/7"), "rejected no_credentials 401 GET /orders/{id} -".to_owned()),
        (
            with_scheme(get("/orders/7"), "Token a.b.c"),
            "rejected unsupported_scheme 401 GET /orders/{id} -".into(),
        ),
        (
            with_token(with_token(get("/absent"), "a"), "b"),
            "rejected several_headers 400 GET /absent -".into(),
        ),
        (with_token(get("/absent"), "a b"), "rejected not_one_token 400 GET /absent -".into()),
        (with_token(get("/absent"), "a"), "rejected malformed 401 GET /absent -".into()),
        (with_token(get("/absent"), &sign(&mint().expired())), "rejected expired 401 GET /absent -".into()),
        (
            with_token(post("/orders/7"), &token("write")),
            format!("rejected insufficient_scope 403 POST /orders/{{id}} {client}"),
        ),
        (
            with_token(post("/approve"), &read()),
            format!("rejected insufficient_scope 403 POST /approve {client}"),
        ),
        (with_token(get("/owner"), &read()), format!("rejected not_owner 403 GET /owner {client}")),
        (with_token(get("/rule"), &read()), format!("rejected denied 403 GET /rule {client}")),
        (with_token(get("/rule"), &token("read own")), format!("accepted accepted 200 GET /rule {client}")),
        (
            with_token(get("/absent"), &token("read suspended")),
            format!("rejected suspended 403 GET /absent {client}"),
        ),
    ] {
        send(&router, request).await;
        assert_eq!(records.take(), [expected]);
    }
}

fn with_scheme(mut request: Request<Body>, authorization: &'static str) -> Request<Body> {
    request.headers_mut().insert(header::AUTHORIZATION, HeaderValue::from_static(authorization));
    request
}

#[cfg(feature = "metrics")]
#[test]
fn metric_counts_each_request_once() {
    // FR-C4
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let verifier = Records::default().verifier();
    let read = || RequireScope::new(&verifier, "read");
    let router = Router::new()
        .route("/read", on_get(ok).layer(read()))
        .route("/approve", post(approve).layer(read()))
        .route("/owner", on_get(not_owner).layer(read()))
        .route("/optional", on_get(ok).layer(OptionalToken::new(&verifier)))
        .layer(OptionalToken::new(&verifier));
    let post = |path| Request::post(path).body(Body::empty()).unwrap();
    let requests = [
        with_token(get("/read"), &token("read")),
        with_token(get("/read"), &token("read")),
        get("/optional"),
        get("/read"),
        with_scheme(get("/read"), "Basic dTpw"),
        with_token(get("/read"), "a b"),
        with_token(get("/read"), &sign(&mint().expired().claim("sub", "x".repeat(99)))),
        with_token(get("/read"), &token("write")),
        with_token(post("/approve"), &token("read")),
        with_token(get("/owner"), &token("read")),
        with_token(get("/read"), &token("suspended")),
    ];
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            for request in requests {
                send(&router, request).await;
            }
        });
    });
    let mut counts: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter_map(|(key, _, _, value)| {
            let DebugValue::Counter(count) = value else { return None };
            let labels: Vec<_> =
                key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let is_ours = key.key().name() == "scopegate_requests_total";
            is_ours.then(|| format!("{} {count}", labels.join(",")))
        })
        .collect();
    counts.sort();
    assert_eq!(
        counts,
        [
            "decision=accepted,reason=accepted 2",
            "decision=accepted,reason=no_token 1",
            "decision=rejected,reason=expired 1",
            "decision=rejected,reason=insufficient_scope 2",
            "decision=rejected,reason=no_credentials 1",
            "decision=rejected,reason=not_one_token 1",
            "decision=rejected,reason=not_owner 1",
            "decision=rejected,reason=suspended 1",
            "decision=rejected,reason=unsupported_scheme 1",
        ]
    );
}

#[tokio::test]
async fn unavailable_keys_are_undecidable() {
    // FR-C3, FR-C4
    let records = Records::default();
    let log = Log::of_thread_without_times(LevelFilter::WARN);
    let local = scopegate_issuer::LocalIssuer::start().await.unwrap();
    local.set_fault(scopegate_issuer::Fault::Status(500));
    let lines = records.clone();
    let issuer = scopegate_axum::Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(issuer);
    let verifier = verifier.observe(move |decision| lines.0.lock().unwrap().push(line(decision)));
    let verifier = verifier.start_lazy().unwrap();
    let router = Router::new().route("/", on_get(ok).layer(RequireToken::new(&verifier)));
    log.take();
    assert_eq!(status(&router, with_token(get("/"), &local.mint().sign())).await, 503);
    assert_eq!(records.take(), ["undecidable keys_unavailable 503 GET / -"]);
    let logged = log.take();
    assert!(logged.contains(" WARN ") && logged.contains(r#"reason="keys_unavailable""#), "{logged}");
}

#[tokio::test]
async fn request_without_a_response_is_recorded_too() {
    // FR-C5: its caller goes away, or its handler panics
    let records = Records::default();
    let layer = RequireToken::new(&records.verifier());
    let router = Router::new().route("/", on_get(pending::<&'static str>).layer(layer));
    let request = with_token(get("/"), &token("read"));
    let mut response = std::pin::pin!(router.oneshot(request));
    let is_pending = poll_fn(|cx| Poll::Ready(response.as_mut().poll(cx).is_pending())).await;
    assert!(is_pending);
    assert_eq!(records.take(), [""; 0], "the request is not complete yet");
    response.set(Router::new().oneshot(get("/")));
    assert_eq!(records.take(), ["accepted accepted - GET / 1example23456789"]);
}

#[tokio::test]
async fn panicking_observer_leaves_the_decision() {
    // FR-C5
    let verifier = Verifier::builder().trust(trusted()).observe(|_| panic!("an observer's fault"));
    let verifier = verifier.build().unwrap();
    let router = Router::new().route("/", on_get(ok).layer(RequireToken::new(&verifier)));
    assert_eq!(status(&router, with_token(get("/"), &token("read"))).await, 200);
    assert_eq!(status(&router, get("/")).await, 401);
}

#[tokio::test]
async fn log_event_has_fields_and_marks_unverified_ones() {
    // FR-C3
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let verifier = Verifier::builder().trust(trusted()).build().unwrap();
    let router = Router::new().route("/orders/{id}", on_get(ok).layer(RequireScope::new(&verifier, "read")));
    let caller = |mint: scopegate_issuer::Mint| mint.claim("sub", "user-1").claim("jti", "id-1");
    let names = [
        r#"issuer="https://issuer.example/pool""#,
        r#"client_id="1example23456789""#,
        r#"subject="user-1""#,
        r#"jti="id-1""#,
    ];

    let lacking = sign(&caller(mint()));
    assert_eq!(status(&router, with_token(get("/orders/7"), &lacking)).await, 403);
    let logged = log.take();
    for field in ["request rejected", r#"reason="insufficient_scope""#, "status=403", "method=GET"] {
        assert!(logged.contains(field), "{field}: {logged}");
    }
    assert!(logged.contains(r#"route="/orders/{id}""#) && !logged.contains("/orders/7"), "{logged}");
    assert!(names.iter().all(|name| logged.contains(&format!(" {name}"))), "{logged}");
    assert!(!logged.contains("unverified"), "{logged}");

    let forged = sign(&caller(mint()).bad_signature());
    assert_eq!(status(&router, with_token(get("/orders/7"), &forged)).await, 401);
    let logged = log.take();
    assert!(logged.contains(r#"reason="bad_signature""#), "{logged}");
    assert!(names.iter().all(|name| logged.contains(&format!(" unverified_{name}"))), "{logged}");
    assert!(names.iter().all(|name| !logged.contains(&format!(" {name}"))), "{logged}");
}

#[tokio::test]
async fn log_shows_times_in_rfc_3339_and_difference() {
    // FR-C3
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let router = |now: u64| {
        let clock = move || std::time::UNIX_EPOCH + std::time::Duration::from_millis(now * 1000 + 129);
        let verifier = Verifier::builder().clock(clock).trust(trusted()).build().unwrap();
        Router::new().route("/", on_get(ok).layer(RequireToken::new(&verifier)))
    };
    let token = sign(&mint().issued_at(1_795_853_408).lifetime(60));
    for (now, status, shown) in [
        (1_795_853_469, 200, None),
        (
            1_795_857_069,
            401,
            Some("expired at 2026-11-28T08:11:08Z, used at 2026-11-28T09:11:09Z: 3601 s later (leeway 30 s)"),
        ),
        (
            1_795_853_308,
            401,
            Some("`iat` is 2026-11-28T08:10:08Z, used at 2026-11-28T08:08:28Z: 99 s earlier (leeway 30 s)"),
        ),
    ] {
        assert_eq!(crate::fixture::status(&router(now), with_token(get("/"), &token)).await, status);
        let logged = log.take();
        assert!(shown.map_or(logged.is_empty(), |shown| logged.contains(shown)), "{logged}");
    }
}

#[tokio::test]
async fn credentials_of_other_scheme_are_logged_without_them() {
    // FR-C8
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let verifier = Verifier::builder().trust(trusted()).build().unwrap();
    let router = Router::new()
        .route("/", on_get(ok).layer(RequireScope::new(&verifier, "read")))
        .route("/optional", on_get(ok).layer(OptionalToken::new(&verifier)));
    let token = token("read");
    let secrets: Vec<&str> = token.split('.').chain(["dXNlcjpwYXNz"]).collect();
    for authorization in
        [token.clone(), format!("Token {token}"), format!("DPoP {token}"), "Basic dXNlcjpwYXNz".into()]
    {
        let mut request = get("/");
        request.headers_mut().insert(header::AUTHORIZATION, authorization.try_into().unwrap());
        let response = send(&router, request).await;
        assert_eq!(response.status(), 401);
        let challenge = &response.headers()[header::WWW_AUTHENTICATE];
        assert_eq!(challenge, r#"Bearer realm="api", scope="read""#, "RFC 6750 §3.1: no error code");
        let logged = log.take();
        assert!(logged.contains(" INFO ") && logged.contains(r#"reason="unsupported_scheme""#), "{logged}");
        assert!(secrets.iter().all(|secret| !logged.contains(secret)), "{logged}");
    }
    // A request without credentials is no sign of a mistake, and neither is an anonymous one where
    // tokens are optional.
    assert_eq!(status(&router, get("/")).await, 401);
    assert_eq!(status(&router, with_scheme(get("/optional"), "Basic dXNlcjpwYXNz")).await, 200);
    assert_eq!(status(&router, with_token(get("/"), &token)).await, 200);
    assert_eq!(log.take(), "");
}

/// A claim that is `known`, and no other one.
#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Known {
    Known,
}

#[tokio::test]
async fn rejection_of_second_token_has_no_claims() {
    // FR-C3, FR-C5
    let records = Records::default();
    let verifier = records.verifier();
    // The handler verifies a token of its own, and uses `?` on the error about that token.
    let second = |scope: &str, tenant: &str| {
        let token = mint().scope(scope).claim("tenant", tenant).claim("jti", "second");
        let (verifier, token) = (verifier.clone(), sign(&token));
        async move |_: Claims| -> Result<&'static str, Rejection> {
            let claims = verifier.verify(&token)?;
            claims.require("write")?;
            claims.claim::<Known>("tenant")?;
            Ok("ok")
        }
    };
    let router = Router::new()
        .route("/lacks", on_get(second("other", "known")))
        .route("/suspended", on_get(second("write suspended", "known")))
        // It lacks the same scope as the caller's token, and its scopes are the same.
        .route("/same", on_get(second("read", "known")))
        .route("/unexpected", on_get(second("write", "other")))
        .route("/suffices", on_get(second("write", "known")))
        .route(
            "/own",
            on_get(async |claims: Claims| -> Result<&str, Rejection> {
                (*claims).require("write")?;
                Ok("ok")
            }),
        )
        .route(
            "/own_misfit",
            on_get(async |claims: Claims| -> Result<&str, Rejection> {
                claims.claim::<Known>("client_id")?;
                Ok("ok")
            }),
        )
        .route("/owner", on_get(not_owner))
        .layer(RequireScope::new(&verifier, "read"));
    for (path, expected) in [
        ("/lacks", "rejected insufficient_scope 403 GET /lacks -"),
        ("/suspended", "rejected suspended 403 GET /suspended -"),
        ("/same", "rejected insufficient_scope 403 GET /same -"),
        ("/unexpected", "rejected unexpected_claims 403 GET /unexpected -"),
        ("/suffices", "accepted accepted 200 GET /suffices 1example23456789"),
        ("/own", "rejected insufficient_scope 403 GET /own 1example23456789"),
        ("/own_misfit", "rejected unexpected_claims 403 GET /own_misfit 1example23456789"),
        ("/owner", "rejected not_owner 403 GET /owner 1example23456789"),
    ] {
        send(&router, with_token(get(path), &token("read"))).await;
        assert_eq!(records.take(), [expected]);
    }
}
