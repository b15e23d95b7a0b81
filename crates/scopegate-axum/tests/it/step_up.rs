//! Step-up authentication (RFC 9470): routes that require how and when the user authenticated.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Response, Version, header};
use axum::routing::{get as on_get, post as on_post};
use scopegate_axum::{
    Claims, ConfigError, OptionalToken, ProtectedResource, Rejection, RequireScope, RequireToken, Verifier,
};
use scopegate_issuer::Mint;
use serde_json::{Value, json};
use testkit::{NOW, client_token, issuer_with_keys};

use crate::fixture::{body_text, get, header_text, send, sign, status, with_token};

const MFA: &str = "urn:example:mfa";
const FIVE_MINUTES: Duration = Duration::from_secs(300);

async fn ok() -> &'static str {
    "ok"
}

fn verifier() -> Verifier {
    verifier_at(Arc::new(AtomicU64::new(NOW)))
}

fn verifier_at(now: Arc<AtomicU64>) -> Verifier {
    let issuer = issuer_with_keys([testkit::KEY.jwk()]).client(testkit::CLIENT);
    let clock = move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed));
    Verifier::builder().clock(clock).trust(issuer).build().unwrap()
}

/// A token of a user who has authenticated in this way at this time.
fn user(acr: impl Into<Value>, auth_time: impl Into<Value>) -> Mint {
    let token = client_token().scope("orders/write").claim("sub", "user-1");
    token.claim("acr", acr).claim("auth_time", auth_time)
}

fn strict(verifier: &Verifier) -> RequireScope {
    RequireScope::new(verifier, "orders/write").with_acr([MFA]).with_max_auth_age(FIVE_MINUTES)
}

fn orders(layer: RequireScope) -> Router {
    Router::new().route("/orders", on_get(ok).layer(layer))
}

async fn with(router: &Router, token: &Mint) -> Response<Body> {
    send(router, with_token(get("/orders"), &sign(token))).await
}

fn reason(response: &Response<Body>) -> &'static str {
    response.extensions().get::<Rejection>().unwrap().reason_code()
}

fn challenge(response: &Response<Body>) -> &str {
    header_text(response, &header::WWW_AUTHENTICATE).unwrap()
}

const STEP_UP: &str = "Bearer realm=\"api\", scope=\"orders/write\", acr_values=\"urn:example:mfa\", max_age=300, \
                       error=\"insufficient_user_authentication\", \
                       error_description=\"the user must authenticate again for this request\"";

#[tokio::test]
async fn insufficient_authentication_is_401_with_both_requirements() {
    // SU01, SU02, SU03
    let router = orders(strict(&verifier()));
    assert_eq!(with(&router, &user(MFA, NOW - 299)).await.status(), 200);
    let lacking = [
        user("urn:example:password", NOW - 299),
        user(Value::Null, NOW - 299),
        user(json!([MFA]), NOW - 299),
        user(MFA, NOW - 301),
        user(MFA, Value::Null),
        user(MFA, (NOW - 299).to_string()),
    ];
    for token in lacking {
        let response = with(&router, &token).await;
        assert_eq!((response.status().as_u16(), challenge(&response)), (401, STEP_UP));
        assert_eq!(reason(&response), "insufficient_user_authentication");
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.claims().and_then(|claims| claims.subject()), Some("user-1"));
        assert_eq!(header_text(&response, &header::CACHE_CONTROL), Some("no-store"));
        assert_eq!(
            body_text(response).await,
            r#"{"detail":"the user must authenticate again for this request","status":401,"title":"Unauthorized"}"#
        );
    }
}

#[tokio::test]
async fn absent_and_malformed_claims_are_different_errors() {
    // SU01, SU02
    let router = orders(strict(&verifier()));
    for (token, expected) in [
        (user(Value::Null, NOW), "claim `acr` is absent"),
        (user(7, NOW), r#"claim `acr`: expected a string, found a number, "7""#),
        (user("b", NOW), r#"expected `acr` to be one of urn:example:mfa, found "b""#),
        (user(MFA, Value::Null), "claim `auth_time` is absent"),
        (user(MFA, "7"), r#"claim `auth_time`: expected a number of seconds since 1970, found "7""#),
        (
            user(MFA, NOW - 301),
            "`auth_time` is 2027-01-15T07:54:59Z, used at 2027-01-15T08:00:00Z: 301 s later (at most 300 s)",
        ),
        (
            user(MFA, NOW + 90),
            "`auth_time` is 2027-01-15T08:01:30Z, used at 2027-01-15T08:00:00Z: 90 s earlier",
        ),
    ] {
        let response = with(&router, &token).await;
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.to_string(), format!("the user must authenticate again: {expected}"));
    }
}

#[tokio::test]
async fn each_requirement_stands_alone() {
    // SU01, SU02
    let verifier = verifier();
    let write = || RequireScope::new(&verifier, "orders/write");
    let by_acr = orders(write().with_acr(["urn:a"]).with_acr([MFA, "urn:b"]));
    for acr in [MFA, "urn:b"] {
        assert_eq!(with(&by_acr, &user(acr, Value::Null)).await.status(), 200, "{acr}");
    }
    let response = with(&by_acr, &user("urn:a", NOW)).await;
    assert!(
        challenge(&response).contains(r#"acr_values="urn:example:mfa urn:b", error="#),
        "the last call counts"
    );
    let by_age = orders(write().with_max_auth_age(FIVE_MINUTES));
    assert_eq!(with(&by_age, &user(Value::Null, NOW)).await.status(), 200);
    let response = with(&by_age, &user(Value::Null, NOW - 301)).await;
    assert!(challenge(&response).contains(r#"scope="orders/write", max_age=300, error="#));
}

#[tokio::test]
async fn cached_token_becomes_too_old() {
    // SU02
    let now = Arc::new(AtomicU64::new(NOW));
    let verifier = verifier_at(Arc::clone(&now));
    let router = orders(strict(&verifier));
    let token = user(MFA, NOW);
    for (seconds, expected) in [(0, 200), (0, 200), (300, 200), (301, 401), (302, 401)] {
        now.store(NOW + seconds, Ordering::Relaxed);
        assert_eq!(with(&router, &token).await.status(), expected, "{seconds}");
    }
    // The same token is accepted by a route without this requirement.
    let other = orders(RequireScope::new(&verifier, "orders/write"));
    assert_eq!(with(&other, &token).await.status(), 200);
}

#[tokio::test]
async fn missing_scope_comes_first() {
    // SU04
    let router = orders(strict(&verifier()));
    for auth_time in [NOW, NOW - 301] {
        let response = with(&router, &user(MFA, auth_time).scope("orders/read")).await;
        assert_eq!((response.status().as_u16(), reason(&response)), (403, "insufficient_scope"));
        let challenge = challenge(&response);
        assert!(
            challenge.contains(r#"scope="orders/write""#) && !challenge.contains("max_age"),
            "{challenge}"
        );
    }
}

#[tokio::test]
async fn machine_token_is_403_without_step_up() {
    // SU05
    let router = orders(strict(&verifier()));
    let machine = || user(MFA, NOW).claim("sub", testkit::CLIENT);
    for token in [machine(), machine().without_claim("sub"), machine().claim("auth_time", NOW - 301)] {
        let response = with(&router, &token).await;
        assert_eq!((response.status().as_u16(), reason(&response)), (403, "user_required"));
        assert_eq!(challenge(&response), r#"Bearer realm="api""#);
        assert_eq!(
            body_text(response).await,
            r#"{"detail":"the request is not allowed","reason":"user_required","status":403,"title":"Forbidden"}"#
        );
    }
}

#[tokio::test]
async fn challenge_keeps_metadata_and_realm() {
    // SU07
    let api = ProtectedResource::new("https://api.example", &verifier()).unwrap().with_realm("Orders");
    let router = orders(api.require_scope("orders/write").with_acr([MFA]));
    let response = with(&router, &user("urn:other", NOW)).await;
    let expected = "Bearer realm=\"Orders\", \
                    resource_metadata=\"https://api.example/.well-known/oauth-protected-resource\", \
                    scope=\"orders/write\", acr_values=\"urn:example:mfa\", error=\"insufficient_user";
    assert!(challenge(&response).starts_with(expected), "{}", challenge(&response));
    let document = api.metadata().document();
    assert!(document.contains("orders/write") && !document.contains("acr"), "{document}");
}

#[tokio::test]
async fn other_challenges_have_no_requirement() {
    // SU07
    let router = orders(strict(&verifier()));
    let missing = send(&router, get("/orders")).await;
    assert_eq!(challenge(&missing), r#"Bearer realm="api", scope="orders/write""#);
    let expired = with(&router, &user(MFA, NOW).expires_at(NOW - 100)).await;
    assert!(challenge(&expired).contains("invalid_token") && !challenge(&expired).contains("acr_values"));
}

#[tokio::test]
async fn every_layer_requires_authentication() {
    // SU01
    let verifier = verifier();
    let required = RequireToken::new(&verifier).with_acr([MFA]).with_max_auth_age(FIVE_MINUTES);
    let optional = OptionalToken::new(&verifier).with_acr([MFA]).with_max_auth_age(FIVE_MINUTES);
    let router = Router::new()
        .route("/token", on_get(ok).layer(required))
        .route("/optional", on_get(ok).layer(optional));
    for path in ["/token", "/optional"] {
        let request = |token: &Mint| with_token(get(path), &sign(token));
        assert_eq!(status(&router, request(&user(MFA, NOW))).await, 200, "{path}");
        for token in [user("urn:other", NOW), user(MFA, NOW - 301)] {
            let response = send(&router, request(&token)).await;
            assert_eq!(reason(&response), "insufficient_user_authentication", "{path}");
            assert!(!challenge(&response).contains("scope="), "{path}");
        }
    }
    assert_eq!(status(&router, get("/token")).await, 401);
    assert_eq!(status(&router, get("/optional")).await, 200, "a request without a token has no user");
}

#[tokio::test]
async fn rules_run_after_authentication() {
    // SU04
    let asked = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&asked);
    let rule = move |_: &Claims, _: &Parts| {
        count.fetch_add(1, Ordering::Relaxed);
        false
    };
    let router = orders(strict(&verifier()).and(rule));
    assert_eq!(with(&router, &user(MFA, NOW - 301)).await.status(), 401);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
    assert_eq!(with(&router, &user(MFA, NOW)).await.status(), 403);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn grpc_call_gets_challenge_as_metadata() {
    // SU01
    let router = Router::new().route("/shop.Orders/Create", on_post(ok).layer(strict(&verifier())));
    let call = |token: &Mint| {
        let request = Request::post("/shop.Orders/Create").version(Version::HTTP_2);
        let request = request.header(header::CONTENT_TYPE, "application/grpc").header(header::TE, "trailers");
        with_token(request.body(Body::empty()).unwrap(), &sign(token))
    };
    let accepted = send(&router, call(&user(MFA, NOW))).await;
    assert!(!accepted.headers().contains_key("grpc-status"));
    let rejected = send(&router, call(&user(MFA, NOW - 301))).await;
    assert_eq!(
        (rejected.status().as_u16(), &rejected.headers()["grpc-status"]),
        (200, &"16".parse().unwrap())
    );
    assert_eq!(challenge(&rejected), STEP_UP);
}

#[test]
fn values_are_checked_when_the_router_is_built() {
    // SU03
    let verifier = verifier();
    let layer = || RequireToken::new(&verifier);
    assert!(layer().try_with_acr(vec![MFA.to_owned()]).is_ok());
    assert!(matches!(layer().try_with_acr(["a\"b"]), Err(ConfigError::InvalidName { .. })));
    assert!(matches!(layer().try_with_acr([""; 0]), Err(ConfigError::OutOfRange { .. })));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = layer().with_acr(["a b"]);
    }));
    let message = panic.unwrap_err().downcast::<String>().unwrap();
    assert!(message.starts_with("RequireToken: acr value: ") && message.contains(r#""a b""#), "{message}");
}
