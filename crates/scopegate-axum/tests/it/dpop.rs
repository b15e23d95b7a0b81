//! DPoP (RFC 9449) through the layers and a real router. `crates/scopegate/tests/it/dpop` tests the
//! checks on a proof.

mod responses;
mod single_use;
#[cfg(all(feature = "mtls", feature = "test-util"))]
mod statuses;
mod target;
mod tenants;

use std::future::ready;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderName, Request, Response, Version, header};
use axum::routing::{get as on_get, post as on_post};
use scopegate::{ProofUse, ReplayStore, ReplayStoreError, UsedProof};
use scopegate_axum::{
    AcceptedIssuers, AuthorizationServers, Claims, ConfigError, Dpop, DpopNonces, OptionalToken,
    ProtectedResource, Rejection, RequireScope, RequireToken, TenantResource, Verifier, request_host,
};
use scopegate_issuer::{Algorithm as KeyAlgorithm, LocalIssuer, SigningKey};
use serde_json::{Value, json};
use testkit::{NOW, Proof, Token as _, bound_to, client_token, issuer_with_keys, token_hash};

use crate::fixture::{body_text, get, header_text, send, status, with_token};

static CLIENT_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(KeyAlgorithm::ES256));
static TOKEN: LazyLock<String> =
    LazyLock::new(|| bound_to(&CLIENT_KEY, client_token().scope("orders/read")).compact());

const ORIGIN: &str = "https://api.example";
const NONCE: HeaderName = HeaderName::from_static("dpop-nonce");

fn verifier(dpop: Dpop) -> Verifier {
    verifier_at(dpop, Arc::new(AtomicU64::new(NOW)))
}

fn verifier_at(dpop: Dpop, now: Arc<AtomicU64>) -> Verifier {
    Verifier::builder()
        .clock(move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed)))
        .trust(issuer_with_keys([testkit::KEY.jwk()]).client(testkit::CLIENT))
        .dpop(dpop.origin(ORIGIN))
        .build()
        .unwrap()
}

fn accepting() -> Verifier {
    verifier(Dpop::accept())
}

/// A handler that requires the caller's claims.
async fn who(claims: Claims) -> String {
    format!("{} {}", claims.client_id().unwrap_or("?"), claims.is_sender_constrained())
}

fn orders(verifier: &Verifier) -> Router {
    Router::new().route("/orders", on_get(who).post(who).layer(RequireScope::new(verifier, "orders/read")))
}

/// A draft of a proof for this path.
fn proof(method: &str, path: &str) -> Proof {
    Proof::new(&CLIENT_KEY, method, &format!("{ORIGIN}{path}"), &TOKEN)
}

fn with_proof(mut request: Request<Body>, proof: &Proof) -> Request<Body> {
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, format!("DPoP {}", &*TOKEN).parse().unwrap());
    headers.insert("dpop", proof.sign_with(&CLIENT_KEY).parse().unwrap());
    request
}

fn proven(path: &str) -> Request<Body> {
    with_proof(get(path), &proof("GET", path))
}

fn again(request: &Request<Body>) -> Request<Body> {
    let mut copy = get(request.uri().path());
    copy.headers_mut().clone_from(request.headers());
    copy
}

fn reason(response: &Response<Body>) -> &'static str {
    response.extensions().get::<Rejection>().unwrap().reason_code()
}

fn challenges(response: &Response<Body>) -> Vec<&str> {
    response.headers().get_all(header::WWW_AUTHENTICATE).iter().map(|one| one.to_str().unwrap()).collect()
}

#[tokio::test]
async fn proven_request_reaches_handler_once() {
    // DP01, DP24, DP42: a reconnect needs a new proof.
    let router = orders(&accepting());
    let request = proven("/orders");
    let copy = again(&request);
    let response = send(&router, request).await;
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key(NONCE));
    assert_eq!(body_text(response).await, format!("{} true", testkit::CLIENT));
    let replayed = send(&router, copy).await;
    assert_eq!((replayed.status().as_u16(), reason(&replayed)), (401, "proof_replayed"));
    assert_eq!(status(&router, proven("/orders")).await, 200);
}

#[tokio::test]
async fn metadata_follows_settings() {
    // DP39
    let document = |verifier: &Verifier| {
        let api = ProtectedResource::new("https://api.example/orders", verifier).unwrap();
        serde_json::from_str::<Value>(&api.metadata().document()).unwrap()
    };
    let algorithms = json!(["ES256", "ES384", "EdDSA", "PS256"]);
    let accepts = document(&accepting());
    assert_eq!(accepts["dpop_signing_alg_values_supported"], algorithms);
    assert!(accepts.get("dpop_bound_access_tokens_required").is_none());
    let requires = document(&verifier(Dpop::require().algorithms([scopegate_axum::Algorithm::ES256])));
    assert_eq!(requires["dpop_signing_alg_values_supported"], json!(["ES256"]));
    assert_eq!(requires["dpop_bound_access_tokens_required"], true);
    let without = document(&crate::fixture::verifier());
    assert!(without.as_object().unwrap().keys().all(|member| !member.starts_with("dpop")));
}

#[tokio::test]
async fn bound_token_with_new_key_waits_for_it() {
    // DP43
    let local = LocalIssuer::start().await.unwrap();
    let issuer = scopegate_axum::Issuer::cognito_at(local.issuer()).unwrap().client("local-reader");
    let dpop = Dpop::accept().origin(ORIGIN);
    let verifier = Verifier::builder().trust(issuer).dpop(dpop).start().await.unwrap();
    let router = Router::new().route("/orders", on_get(who).layer(RequireToken::new(&verifier)));
    local.rotate();
    let token = bound_to(&CLIENT_KEY, local.mint()).sign();
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let proof = proof("GET", "/orders").claim("ath", token_hash(&token)).claim("iat", now);
    let mut request = with_proof(get("/orders"), &proof);
    request.headers_mut().insert(header::AUTHORIZATION, format!("DPoP {token}").parse().unwrap());
    let copy = again(&request);
    assert_eq!(status(&router, request).await, 200);
    assert_eq!(status(&router, copy).await, 401);
}

#[tokio::test]
async fn mcp_server_passes_checks_of_dpop_profile() {
    // DP44: SEP-1932, "Validation logic", "Error handling", "Time window", "Algorithm support"
    let wide = Dpop::require().max_age(Duration::from_secs(300));
    let router =
        Router::new().route("/mcp", on_post(who).layer(RequireScope::new(&verifier(wide), "orders/read")));
    let call = || Request::post("/mcp").body(Body::empty()).unwrap();
    let valid = || proof("POST", "/mcp");
    // 1. A valid proof is accepted, up to the age of 5 minutes.
    assert_eq!(status(&router, with_proof(call(), &valid())).await, 200);
    assert_eq!(status(&router, with_proof(call(), &valid().claim("iat", NOW - 300))).await, 200);
    // 2. A bound token alone is rejected.
    assert_eq!(status(&router, with_token(call(), &TOKEN)).await, 401);
    // 3. Every required claim is checked, 4. the time, 5. the key and the token, and 6. the algorithm.
    let rejected = [
        valid().without_claim("jti"),
        valid().without_claim("htm"),
        valid().without_claim("htu"),
        valid().without_claim("iat"),
        valid().without_claim("ath"),
        valid().claim("htm", "GET"),
        valid().claim("htu", "https://api.example/other"),
        valid().claim("iat", NOW - 301),
        valid().claim("iat", NOW + 301),
        valid().claim("ath", token_hash("other")),
        valid().header("jwk", SigningKey::generate(KeyAlgorithm::ES256).jwk()),
        valid().header("alg", "none"),
        valid().header("alg", "HS256"),
        valid().header("typ", "JWT"),
    ];
    for proof in rejected {
        let response = send(&router, with_proof(call(), &proof)).await;
        assert_eq!(
            (response.status().as_u16(), reason(&response)),
            (401, "invalid_proof"),
            "{}",
            proof.payload()
        );
        let [challenge] = challenges(&response).try_into().unwrap();
        assert!(challenge.starts_with("DPoP ") && challenge.contains(r#"error="invalid_dpop_proof""#));
        assert!(challenge.contains(r#"algs="ES256 ES384 EdDSA PS256""#), "{challenge}");
    }
}
