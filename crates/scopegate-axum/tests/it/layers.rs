//! The requests that a layer covers, depending on its position in the router.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::handler::Handler as _;
use axum::http::{HeaderValue, Method, Request, header};
use axum::routing::get as on_get;
use scopegate_axum::{Issuer, OptionalToken, RequireScope, RequireToken, Verifier};
use scopegate_issuer::{Algorithm, Mint, SigningKey};
use tower::util::MapRequestLayer;
use tower_http::cors::CorsLayer;

use crate::fixture::{get, header_text, send, status, token, verifier, with_token};

async fn ok() {}

fn request(method: Method, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
}

/// Returns the statuses without a token, for a reader and for a writer.
async fn statuses(router: &Router, method: Method, path: &str) -> [u16; 3] {
    let anonymous = request(method.clone(), path);
    let reader = with_token(request(method.clone(), path), &token("read"));
    let writer = with_token(request(method, path), &token("write"));
    [
        status(router, anonymous).await.as_u16(),
        status(router, reader).await.as_u16(),
        status(router, writer).await.as_u16(),
    ]
}

#[tokio::test]
async fn layer_on_handler_protects_its_method() {
    // D24
    let verifier = verifier();
    let (read, write) = (RequireScope::new(&verifier, "read"), RequireScope::new(&verifier, "write"));
    let router = Router::new().route("/", on_get(ok.layer(read)).post(ok.layer(write)));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::POST, "/").await, [401, 403, 200]);
    assert_eq!(statuses(&router, Method::DELETE, "/").await, [405, 405, 405]);
}

#[tokio::test]
async fn layer_on_method_router_protects_earlier_methods() {
    let verifier = verifier();
    let (read, write) = (RequireScope::new(&verifier, "read"), RequireScope::new(&verifier, "write"));
    let router = Router::new().route("/", on_get(ok).layer(read).post(ok).layer(write));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 403, 403], "GET needs both scopes");
    assert_eq!(statuses(&router, Method::POST, "/").await, [401, 403, 200]);
}

#[tokio::test]
async fn layers_on_two_method_routers_stay_apart() {
    let verifier = verifier();
    let (read, write) = (RequireScope::new(&verifier, "read"), RequireScope::new(&verifier, "write"));
    let router = Router::new()
        .route("/", on_get(ok).route_layer(read))
        .route("/", axum::routing::post(ok).route_layer(write));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::POST, "/").await, [401, 403, 200]);
    assert_eq!(statuses(&router, Method::DELETE, "/").await, [405, 405, 405]);
}

#[tokio::test]
async fn layer_on_router_protects_routes_and_fallback() {
    let router = Router::new().route("/", on_get(ok)).layer(RequireScope::new(&verifier(), "read"));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/nowhere").await, [401, 404, 403]);
}

#[tokio::test]
async fn route_layer_on_router_leaves_fallback_open() {
    let router = Router::new().route("/", on_get(ok)).route_layer(RequireScope::new(&verifier(), "read"));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/nowhere").await, [404, 404, 404]);
}

const ORIGIN: &str = "https://app.example";

/// As on the crate page.
fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(HeaderValue::from_static(ORIGIN))
        .allow_methods([Method::GET])
        .allow_headers([header::AUTHORIZATION])
        .expose_headers([header::WWW_AUTHENTICATE])
}

/// The request of a browser before it sends a script's request with a token.
fn preflight() -> Request<Body> {
    let mut request = from_script(request(Method::OPTIONS, "/"));
    let headers = request.headers_mut();
    headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("GET"));
    headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("authorization"));
    request
}

fn from_script(mut request: Request<Body>) -> Request<Body> {
    request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static(ORIGIN));
    request
}

#[tokio::test]
async fn outer_cors_layer_handles_preflight() {
    // D20
    let read = || RequireScope::new(&verifier(), "read");
    for router in [
        Router::new().route("/", on_get(ok)).layer(read()).layer(cors()),
        Router::new().route("/", on_get(ok.layer(read()))).layer(cors()),
    ] {
        let response = send(&router, preflight()).await;
        assert_eq!(response.status(), 200);
        for (name, value) in [
            (header::ACCESS_CONTROL_ALLOW_ORIGIN, ORIGIN),
            (header::ACCESS_CONTROL_ALLOW_METHODS, "GET"),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization"),
        ] {
            assert_eq!(header_text(&response, &name), Some(value));
        }
        // The requests that follow are still checked. The script can read the response and its
        // challenge.
        let reader = token("read");
        for (request, status) in [(get("/"), 401), (with_token(get("/"), &reader), 200)] {
            let response = send(&router, from_script(request)).await;
            assert_eq!(response.status(), status);
            assert_eq!(header_text(&response, &header::ACCESS_CONTROL_ALLOW_ORIGIN), Some(ORIGIN));
            let exposed = header_text(&response, &header::ACCESS_CONTROL_EXPOSE_HEADERS);
            assert_eq!(exposed, Some("www-authenticate"));
            assert_eq!(response.headers().contains_key(header::WWW_AUTHENTICATE), status == 401);
        }
    }
}

#[tokio::test]
async fn inner_cors_layer_misses_preflight_and_rejections() {
    // D20
    let read = RequireScope::new(&verifier(), "read");
    let router = Router::new().route("/", on_get(ok)).layer(cors()).layer(read);
    for request in [preflight(), from_script(get("/"))] {
        let response = send(&router, request).await;
        assert_eq!(response.status(), 401);
        assert_eq!(header_text(&response, &header::ACCESS_CONTROL_ALLOW_ORIGIN), None);
    }
    let response = send(&router, with_token(from_script(get("/")), &token("read"))).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header_text(&response, &header::ACCESS_CONTROL_ALLOW_ORIGIN), Some(ORIGIN));
}

#[tokio::test]
async fn routes_added_after_layer_stay_open() {
    let router = Router::new()
        .route("/", on_get(ok))
        .layer(RequireScope::new(&verifier(), "read"))
        .route("/health", on_get(ok));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/health").await, [200, 200, 200]);
}

#[tokio::test]
async fn layer_on_nested_router_protects_that_router() {
    let protected = || Router::new().route("/in", on_get(ok)).layer(RequireScope::new(&verifier(), "read"));
    let router = Router::new().nest("/api", protected()).route("/", on_get(ok));
    assert_eq!(statuses(&router, Method::GET, "/api/in").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/").await, [200, 200, 200]);
    let router = Router::new().route("/", on_get(ok)).merge(protected());
    assert_eq!(statuses(&router, Method::GET, "/in").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/").await, [200, 200, 200]);
}

#[tokio::test]
async fn layer_on_fallback_protects_fallback() {
    let router =
        Router::new().route("/", on_get(ok)).fallback(ok.layer(RequireScope::new(&verifier(), "read")));
    assert_eq!(statuses(&router, Method::GET, "/nowhere").await, [401, 200, 403]);
    assert_eq!(statuses(&router, Method::GET, "/").await, [200, 200, 200]);
}

#[tokio::test]
async fn nested_layers_require_both() {
    // D14
    let verifier = verifier();
    let router = Router::new()
        .route("/", on_get(ok).layer(RequireScope::new(&verifier, "read")))
        .layer(RequireToken::new(&verifier));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    let router = Router::new()
        .route("/", on_get(ok).layer(RequireScope::new(&verifier, "read")))
        .layer(OptionalToken::new(&verifier));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 200, 403]);
    let router = Router::new()
        .route("/", on_get(ok).layer(RequireScope::new(&verifier, "read")))
        .layer(RequireScope::new(&verifier, "write"));
    let both = with_token(get("/"), &token("read write"));
    assert_eq!(statuses(&router, Method::GET, "/").await, [401, 403, 403]);
    assert_eq!(status(&router, both).await, 200);
}

/// A verifier that counts its verifications.
fn counting(key: &SigningKey) -> (Verifier, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let clock = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        SystemTime::now()
    };
    let jwks = serde_json::json!({ "keys": [key.jwk()] }).to_string();
    let issuer = Issuer::from_jwks("https://issuer.example", &jwks).unwrap().client("c");
    (Verifier::builder().clock(clock).trust(issuer).build().unwrap(), count)
}

fn minted(key: &SigningKey, scope: &str) -> String {
    Mint::cognito("https://issuer.example", "c").without_claim("token_use").scope(scope).sign_with(key)
}

#[tokio::test]
async fn nested_layers_each_verify_the_token() {
    // FR-C7: the inner layer finds the token in the cache
    let key = SigningKey::generate(Algorithm::ES256);
    let (verifier, count) = counting(&key);
    let router = Router::new()
        .route("/", on_get(ok.layer(RequireScope::new(&verifier, "read"))))
        .layer(RequireToken::new(&verifier));
    assert_eq!(status(&router, with_token(get("/"), &minted(&key, "read"))).await, 200);
    assert_eq!(count.load(Ordering::Relaxed), 2);
    assert_eq!(status(&router, with_token(get("/"), &minted(&key, "write"))).await, 403);
    assert_eq!(count.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn token_expired_in_queue_is_rejected_inside() {
    // FR-C7
    const NOW: u64 = 1_800_000_000;
    let key = SigningKey::generate(Algorithm::ES256);
    let now = Arc::new(AtomicU64::new(NOW));
    let clock = Arc::clone(&now);
    let clock = move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed));
    let jwks = serde_json::json!({ "keys": [key.jwk()] }).to_string();
    let issuer = Issuer::from_jwks("https://issuer.example", &jwks).unwrap().client("c");
    let verifier = Verifier::builder().clock(clock).leeway(Duration::ZERO).trust(issuer).build().unwrap();
    let token = Mint::cognito("https://issuer.example", "c").without_claim("token_use").scope("read");
    let token = token.issued_at(NOW).lifetime(60).sign_with(&key);
    for (waits, expected) in [(59, 200), (60, 401), (3_600, 401)] {
        let later = Arc::clone(&now);
        let queue = MapRequestLayer::new(move |request: Request<Body>| {
            later.store(NOW + waits, Ordering::Relaxed);
            request
        });
        let router = Router::new()
            .route("/", on_get(ok.layer(RequireScope::new(&verifier, "read"))))
            .layer(queue)
            .layer(RequireToken::new(&verifier));
        now.store(NOW, Ordering::Relaxed);
        assert_eq!(status(&router, with_token(get("/"), &token)).await, expected, "{waits} s");
    }
}

#[tokio::test]
async fn nested_layer_of_other_verifier_verifies_again() {
    // Both issuers have the same name, and not the same keys.
    let (ours, theirs) = (SigningKey::generate(Algorithm::ES256), SigningKey::generate(Algorithm::ES256));
    let (outer, inner) = (counting(&theirs).0, counting(&ours).0);
    let router = |inner: &Verifier| {
        Router::new()
            .route("/", on_get(ok.layer(RequireScope::new(inner, "read"))))
            .layer(RequireToken::new(&outer))
    };
    let token = minted(&theirs, "read");
    assert_eq!(status(&router(&outer), with_token(get("/"), &token)).await, 200);
    assert_eq!(status(&router(&inner), with_token(get("/"), &token)).await, 401);
}

#[tokio::test]
async fn replaced_token_is_verified_by_inner_layer() {
    let verifier = verifier();
    let router = |seen: Vec<String>| {
        let replace = move |mut request: Request<Body>| {
            request.headers_mut().remove(header::AUTHORIZATION);
            seen.iter().fold(request, |request, token| with_token(request, token))
        };
        Router::new()
            .route("/", on_get(ok.layer(RequireScope::new(&verifier, "admin"))))
            .layer(MapRequestLayer::new(replace))
            .layer(RequireToken::new(&verifier))
    };
    let (admin, reader) = (token("admin"), token("read"));
    for (sent, seen, expected) in [
        (&admin, vec![admin.clone()], 200),
        (&admin, vec![reader.clone()], 403),
        (&admin, vec!["a.b.c".to_owned()], 401),
        (&admin, vec![], 401),
        (&admin, vec![admin.clone(), admin.clone()], 400),
        (&reader, vec![admin.clone()], 200),
    ] {
        assert_eq!(status(&router(seen), with_token(get("/"), sent)).await, expected);
    }
}
