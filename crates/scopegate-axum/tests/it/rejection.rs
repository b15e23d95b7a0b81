//! The exact response to each kind of request. Row ids (D07, …) refer to docs/generated/conformance.md.

mod challenge;
mod grpc;
mod handler;
mod hook;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get as on_get;
use scopegate_axum::{
    Error, Issuer, OptionalToken, Rejection, RejectionReason, RequireScope, RequireToken, Verifier, all_of,
    any_of,
};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::Log;
use tracing::level_filters::LevelFilter;

use crate::fixture::{body_text, get, header_text, mint, send, sign, status, token, verifier, with_token};

fn router() -> Router {
    let verifier = verifier();
    let ok = || on_get(|| async { "ok" }).post(|| async { "ok" });
    Router::new()
        .route("/scope", ok().layer(RequireScope::new(&verifier, "orders/read")))
        .route("/all", ok().layer(RequireScope::new(&verifier, all_of(["a", "b"]))))
        .route("/any", ok().layer(RequireScope::new(&verifier, any_of(["a", "b"]))))
        .route("/token", ok().layer(RequireToken::new(&verifier)))
        .route("/accept", ok().layer(OptionalToken::new(&verifier)))
        .route("/realm", ok().layer(RequireToken::new(&verifier).with_realm("Orders \"EU\"")))
}

/// Returns the status, the challenge and the body's detail.
async fn response_to(request: Request<Body>) -> (u16, Option<String>, String) {
    let response = send(&router(), request).await;
    let status = response.status().as_u16();
    let challenge = header_text(&response, &header::WWW_AUTHENTICATE).map(str::to_owned);
    if status == 200 {
        return (status, challenge, String::new());
    }
    assert_eq!(header_text(&response, &header::CONTENT_TYPE), Some("application/problem+json"));
    assert_eq!(header_text(&response, &header::CACHE_CONTROL), Some("no-store"));
    let body: serde_json::Value = serde_json::from_str(&body_text(response).await).unwrap();
    assert_eq!(body["status"], status);
    (status, challenge, body["detail"].as_str().unwrap().to_owned())
}

async fn assert_response(request: Request<Body>, status: u16, challenge: &str, detail: &str) {
    assert_eq!(response_to(request).await, (status, Some(challenge.to_owned()), detail.to_owned()));
}

const NOT_VALID: &str = "the access token has expired, or is not valid for this API";

#[tokio::test]
async fn valid_token_with_scope_is_accepted() {
    // D01
    assert_eq!(
        response_to(with_token(get("/scope"), &token("orders/read"))).await,
        (200, None, String::new())
    );
}

#[tokio::test]
async fn missing_credentials_challenge_has_no_error() {
    // D07, D08, D09, W15
    let detail = "a bearer token is needed";
    assert_response(get("/scope"), 401, r#"Bearer realm="api", scope="orders/read""#, detail).await;
    assert_response(get("/token"), 401, r#"Bearer realm="api""#, detail).await;
    let basic = Request::get("/scope").header("authorization", "Basic dTpw").body(Body::empty()).unwrap();
    assert_response(basic, 401, r#"Bearer realm="api", scope="orders/read""#, detail).await;
}

#[tokio::test]
async fn token_in_query_or_body_is_ignored() {
    // D04, D05, D06
    let good = token("orders/read");
    let in_query = get(&format!("/scope?access_token={good}"));
    assert_response(in_query, 401, r#"Bearer realm="api", scope="orders/read""#, "a bearer token is needed")
        .await;
    let form = |path: &str, token: &str| {
        Request::get(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("access_token={token}")))
            .unwrap()
    };
    for in_body in [form("/scope", &good), post(form("/scope", &good))] {
        assert_response(
            in_body,
            401,
            r#"Bearer realm="api", scope="orders/read""#,
            "a bearer token is needed",
        )
        .await;
    }
    // With a header, the token in the query or the body has no effect.
    let both = form(&format!("/scope?access_token={good}"), &good);
    assert_eq!(response_to(with_token(both, &good)).await.0, 200);
    let others = form("/scope?access_token=opaque", "opaque");
    assert_eq!(response_to(with_token(others, &good)).await.0, 200);
    let only_there = form(&format!("/scope?access_token={good}"), &good);
    assert_eq!(response_to(with_token(only_there, &token(""))).await.0, 403);
}

fn post(mut request: Request<Body>) -> Request<Body> {
    *request.method_mut() = Method::POST;
    request
}

#[tokio::test]
async fn several_credentials_are_an_invalid_request() {
    // D02, D03, D04, D07, D10, D19
    let good = token("orders/read");
    let detail = "expected one Authorization header with one bearer token";
    let challenge = format!(r#"Bearer realm="api", error="invalid_request", error_description="{detail}""#);
    let twice = with_token(with_token(get("/scope"), &good), &good);
    assert_response(twice, 400, &challenge, detail).await;
    let after = |prefix: &str, suffix: &str| {
        let value = format!("{prefix}{good}{suffix}");
        Request::get("/scope").header("authorization", value).body(Body::empty()).unwrap()
    };
    for (prefix, suffix) in [
        ("Bearer\t", ""),
        ("Bearer \t", ""),
        ("Bearer,", ""),
        ("Bearer \"", "\""),
        ("Bearer ", " x"),
        ("Bearer ", " ="),
        ("Bearer ", ","),
        ("Bearer ", ", Bearer x"),
        ("Bearer ", "\tx"),
        ("Bearer access_token=", ""),
    ] {
        assert_response(after(prefix, suffix), 400, &challenge, detail).await;
    }
    for empty in ["Bearer", "Bearer ", "Bearer    "] {
        let request = Request::get("/scope").header("authorization", empty).body(Body::empty()).unwrap();
        assert_response(request, 400, &challenge, detail).await;
    }
    // Several spaces, and any case of the scheme, are accepted. Without a space it is another
    // scheme.
    for scheme in ["Bearer ", "Bearer    ", "bearer ", "BEARER ", "bEaReR "] {
        assert_eq!(response_to(after(scheme, "")).await.0, 200, "{scheme}");
    }
    let detail = "a bearer token is needed";
    assert_response(after("Bearer", ""), 401, r#"Bearer realm="api", scope="orders/read""#, detail).await;
}

#[tokio::test]
async fn rejected_token_is_an_invalid_token() {
    // A29, D07, D11, D16, D19, DP01: forged, expired, malformed, sender-constrained, of another
    // issuer. All get the same response, so that it does not depend on unverified input.
    let challenge = format!(
        r#"Bearer realm="api", scope="orders/read", error="invalid_token", error_description="{NOT_VALID}""#
    );
    for bad in [
        sign(&mint().bad_signature()),
        sign(&mint().expired()),
        sign(&mint().expired().bad_signature()),
        sign(&mint().unsigned()),
        sign(&mint().alg("HS256")),
        sign(&mint().client("other")),
        sign(&mint().claim("iss", "https://evil.example")),
        sign(&mint().header("kid", "no such key")),
        sign(&mint().claim("aud", "other")),
        sign(&mint().claim("token_use", "id")),
        sign(
            &mint().claim("cnf", serde_json::json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })),
        ),
        sign(&mint().raw_payload("[]")),
        "opaque".to_owned(),
        "a.b.c".to_owned(),
    ] {
        assert_response(with_token(get("/scope"), &bad), 401, &challenge, NOT_VALID).await;
    }
}

#[tokio::test]
async fn token_without_scope_gets_required_scopes() {
    // D12, D13, D19
    let detail = "the access token lacks a scope that is needed";
    for (path, scopes, needed) in [
        ("/scope", "", "orders/read"),
        ("/scope", "orders/readers orders orders/read:all", "orders/read"),
        ("/all", "a", "a b"),
        ("/all", "b", "a b"),
        ("/any", "c", "a"),
    ] {
        let challenge = format!(
            r#"Bearer realm="api", scope="{needed}", error="insufficient_scope", error_description="{detail}""#
        );
        assert_response(with_token(get(path), &token(scopes)), 403, &challenge, detail).await;
    }
    for (path, scopes) in [("/all", "b a"), ("/any", "b"), ("/any", "a"), ("/token", "")] {
        assert_eq!(response_to(with_token(get(path), &token(scopes))).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn missing_keys_are_503() {
    // D21, W7
    let local = LocalIssuer::start().await.unwrap();
    local.set_fault(Fault::Status(500));
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().trust(issuer).start_lazy().unwrap();
    let layer = RequireScope::new(&verifier, "https://my-api-server.org/api.read");
    let router = Router::new().route("/", on_get(|| async {}).layer(layer));
    let response = send(&router, with_token(get("/"), &local.mint().sign())).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let retry_after: u64 = header_text(&response, &header::RETRY_AFTER).unwrap().parse().unwrap();
    assert!((1..=60).contains(&retry_after));
    assert_eq!(header_text(&response, &header::WWW_AUTHENTICATE), None);
    assert_eq!(header_text(&response, &header::CACHE_CONTROL), Some("no-store"));
    assert!(body_text(response).await.contains("cannot be verified at the moment"));
}

#[tokio::test]
async fn expired_keys_are_503_until_fetched() {
    // B24, D21: an unknown key is a 503 while its issuer is unavailable. FR-A5: after a period.
    let local = LocalIssuer::start().await.unwrap();
    let ahead = Arc::new(AtomicU64::new(0));
    let clock = {
        let ahead = Arc::clone(&ahead);
        move || SystemTime::now() + Duration::from_secs(ahead.load(Ordering::Relaxed))
    };
    let issuer = Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let verifier = Verifier::builder().clock(clock).trust(issuer).start().await.unwrap();
    let router = Router::new().route("/", on_get(|| async {}).layer(RequireToken::new(&verifier)));
    let good = local.mint().lifetime(7 * 86_400).sign();
    assert_eq!(status(&router, with_token(get("/"), &good)).await, StatusCode::OK);
    local.set_fault(Fault::Status(500));
    let unknown = local.mint().header("kid", "no such key").sign();
    for (hours, token, expected) in
        [(0, &unknown, 401), (0, &good, 200), (23, &good, 200), (23, &unknown, 503), (24, &good, 503)]
    {
        ahead.store(hours * 3_600, Ordering::Relaxed);
        let response = send(&router, with_token(get("/"), token)).await;
        assert_eq!(response.status(), expected, "after {hours} h");
        if expected == 503 {
            let retry_after: u64 = header_text(&response, &header::RETRY_AFTER).unwrap().parse().unwrap();
            assert!((1..=60).contains(&retry_after));
            assert_eq!(header_text(&response, &header::WWW_AUTHENTICATE), None);
        }
    }
    local.clear_fault();
    ahead.store(25 * 3_600, Ordering::Relaxed);
    verifier.ready().await;
    assert_eq!(
        status(&router, with_token(get("/"), &good)).await,
        StatusCode::OK,
        "the keys are available again"
    );
}

#[tokio::test]
async fn optional_token_rejects_invalid_token() {
    assert_eq!(response_to(get("/accept")).await.0, 200);
    assert_eq!(response_to(with_token(get("/accept"), &token(""))).await.0, 200);
    let challenge = format!(r#"Bearer realm="api", error="invalid_token", error_description="{NOT_VALID}""#);
    assert_response(with_token(get("/accept"), "opaque"), 401, &challenge, NOT_VALID).await;
    assert_eq!(response_to(with_token(with_token(get("/accept"), "a"), "b")).await.0, 400);
}

#[tokio::test]
async fn configured_realm_is_in_challenge() {
    // D15
    assert_eq!(response_to(get("/realm")).await.1.unwrap(), r#"Bearer realm="Orders \"EU\"""#);
}

#[tokio::test]
async fn reason_is_in_extensions_and_not_in_body() {
    // D16
    let response = send(&router(), with_token(get("/scope"), &sign(&mint().client("somebody-else")))).await;
    let rejection = response.extensions().get::<Rejection>().unwrap();
    assert!(matches!(rejection.reason(), RejectionReason::Token(Error::WrongClient { .. })), "{rejection}");
    assert!(rejection.to_string().contains("somebody-else"));
    let headers = format!("{:?}", response.headers());
    assert!(!headers.contains("somebody-else") && !body_text(response).await.contains("somebody-else"));
}

#[tokio::test]
async fn rejection_of_any_token_logs_one_line() {
    // A19
    let log = Log::of_thread(LevelFilter::INFO);
    let router = router();
    let endless = "x".repeat(10_000);
    for hostile in [
        "../../etc/passwd",
        "' OR 1=1 --",
        "a\0b",
        "a\nINFO forged",
        "\u{1b}[31m\u{202e}",
        "\u{2028}",
        &endless,
    ] {
        for bad in [
            mint().header("kid", hostile),
            mint().header("typ", hostile),
            mint().alg(hostile),
            mint().claim("iss", hostile),
            mint().claim("aud", hostile),
            mint().claim("token_use", hostile),
            mint().claim("client_id", hostile),
        ] {
            assert_eq!(
                status(&router, with_token(get("/scope"), &sign(&bad))).await,
                StatusCode::UNAUTHORIZED
            );
            let logged = log.take();
            assert!(logged.ends_with('\n') && logged.matches('\n').count() == 1, "{logged}");
            assert!(logged.contains("INFO") && logged.contains("request rejected"), "{logged}");
            assert!(
                !logged.trim_end().chars().any(|c| c.is_control() || "\u{202e}\u{2028}".contains(c)),
                "{logged}"
            );
            // FR-B12, FR-C3: an identifier of 256 characters in the error, one of 80 in the fields.
            assert!(logged.len() < 750, "{} {logged}", logged.len());
        }
    }
}

#[tokio::test]
async fn rejection_body_can_be_replaced_by_middleware() {
    async fn plain_text(response: Response) -> Response {
        match response.extensions().get::<Rejection>() {
            Some(_) => response.map(|_| Body::from("no entry")),
            None => response,
        }
    }
    let router = router().layer(map_response(plain_text));
    let response = send(&router, get("/scope")).await;
    assert!(header_text(&response, &header::WWW_AUTHENTICATE).is_some());
    assert_eq!(body_text(response).await, "no entry");
    let response = send(&router, with_token(get("/scope"), &token("orders/read"))).await;
    assert_eq!(body_text(response).await, "ok");
}

#[tokio::test]
async fn head_request_is_decided_like_get() {
    // D23
    let head = || Request::head("/scope").body(Body::empty()).unwrap();
    assert_eq!(status(&router(), head()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&router(), with_token(head(), &token("orders/read"))).await, StatusCode::OK);
}

#[test]
fn unsatisfiable_requirement_is_a_config_error() {
    // D24
    assert!(RequireScope::try_new(&verifier(), "orders/read").is_ok());
    for literal in ["", "a b", "a\"b", "ä"] {
        assert!(RequireScope::try_new(&verifier(), literal).is_err(), "{literal}");
    }
    assert!(RequireScope::try_new(&verifier(), all_of([""; 0])).is_err());
}

#[test]
#[should_panic(
    expected = r#"RequireScope: expected a scope (printable ASCII without space, quote and backslash), found "a b""#
)]
fn invalid_scope_literal_panics_with_the_literal() {
    let _ = RequireScope::new(&verifier(), "a b");
}
