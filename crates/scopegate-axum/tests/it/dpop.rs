//! DPoP (RFC 9449) through the layers and a real router. `crates/scopegate/tests/it/dpop` tests the
//! checks on a proof.

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
async fn proof_names_url_before_nesting() {
    // DP19
    let inner = || orders(&accepting());
    for router in [
        Router::new().nest("/api", Router::new().nest("/v1", inner())),
        Router::new().nest("/api/{version}", inner()),
        Router::new().nest_service("/api/v1", inner()),
        Router::new().nest_service("/api", Router::new().nest_service("/v1", inner())),
    ] {
        assert_eq!(status(&router, proven("/api/v1/orders")).await, 200);
        for path in ["/orders", "/v1/orders", "/api/orders"] {
            let inner = with_proof(get("/api/v1/orders"), &proof("GET", path));
            assert_eq!(reason(&send(&router, inner).await), "invalid_proof", "{path}");
        }
        let query = with_proof(get("/api/v1/orders?x=1"), &proof("GET", "/api/v1/orders"));
        assert_eq!(status(&router, query).await, 200);
    }
}

#[tokio::test]
async fn proof_names_prefix_that_nest_or_proxy_removes() {
    // DP19: a request for the prefix itself arrives as `/`.
    let root = |verifier: &Verifier| {
        Router::new().route("/", on_get(who).layer(RequireScope::new(verifier, "orders/read")))
    };
    let nested = Router::new().nest("/svc", root(&accepting()));
    for (path, other) in [("/svc", "/"), ("/svc", "/svc/")] {
        assert_eq!(status(&nested, with_proof(get(path), &proof("GET", path))).await, 200, "{path}");
        assert_eq!(status(&nested, with_proof(get(path), &proof("GET", other))).await, 401, "{other}");
    }
    let behind_proxy = root(&verifier(Dpop::accept().path_prefix("/svc")));
    for (path, expected) in [("/svc", 200), ("/svc/", 200), ("/", 401), ("/svc/svc", 401)] {
        let request = with_proof(get("/"), &proof("GET", path));
        assert_eq!(status(&behind_proxy, request).await, expected, "{path}");
    }
    // Both: the proxy removes the first part, and `nest` the second.
    let both = Router::new().nest("/v1", root(&verifier(Dpop::accept().path_prefix("/svc"))));
    for (path, expected) in [("/svc/v1", 200), ("/v1", 401), ("/svc", 401)] {
        let request = with_proof(get("/v1"), &proof("GET", path));
        assert_eq!(status(&both, request).await, expected, "{path}");
    }
}

#[tokio::test]
async fn forwarded_host_has_no_effect() {
    // DP18
    let router = orders(&accepting());
    for (url, expected) in [("https://api.example/orders", 200), ("https://evil.example/orders", 401)] {
        let proof = Proof::new(&CLIENT_KEY, "GET", url, &TOKEN);
        let mut request = with_proof(get("/orders"), &proof);
        for name in ["host", "x-forwarded-host"] {
            request.headers_mut().insert(name, "evil.example".parse().unwrap());
        }
        assert_eq!(status(&router, request).await, expected, "{url}");
    }
}

#[test]
fn resource_has_the_origin_of_proofs() {
    // DP18, DP39
    let verifier = accepting();
    assert!(ProtectedResource::new("https://api.example/v1", &verifier).is_ok());
    let other = ProtectedResource::new("https://a.example/v1", &verifier);
    assert!(matches!(other, Err(ConfigError::OutOfRange { .. })), "{other:?}");
}

/// Returns an API with two tenants, which have a host each.
fn orders_of_tenants(verifier: &Verifier) -> Router {
    let tenant = |identifier: &str| {
        let servers = AuthorizationServers::new(verifier, [testkit::ISSUER]).unwrap();
        TenantResource::new(identifier, servers).unwrap()
    };
    let (a, b) = (tenant("https://a.example/v1"), tenant("https://b.example:8443"));
    let api =
        ProtectedResource::new(ORIGIN, verifier).unwrap().with_tenant_for(move |request| match request_host(
            request,
        )
        .as_deref()
        {
            Some("a.example") => Some(a.clone()),
            Some("b.example") => Some(b.clone()),
            _ => None,
        });
    let any = api.require_scope("orders/read");
    let without_tenant = any.clone().with_issuers_for(|_| AcceptedIssuers::issuers([testkit::ISSUER]));
    Router::new().route("/orders", on_get(who).layer(any)).route("/all", on_get(who).layer(without_tenant))
}

fn at_host(host: &str, path: &str, url: &str) -> Request<Body> {
    let mut request = with_proof(get(path), &Proof::new(&CLIENT_KEY, "GET", url, &TOKEN));
    request.headers_mut().insert(header::HOST, host.parse().unwrap());
    request
}

#[tokio::test]
async fn proof_names_origin_of_the_tenant() {
    // DP16, DP18
    let router = orders_of_tenants(&accepting());
    for (host, path, url, expected) in [
        ("a.example", "/orders", "https://a.example/orders", 200),
        ("a.example", "/orders", "https://b.example:8443/orders", 401),
        ("a.example", "/orders", "https://api.example/orders", 401),
        ("b.example", "/orders", "https://b.example:8443/orders", 200),
        ("b.example", "/orders", "https://b.example/orders", 401),
        ("b.example", "/orders", "https://a.example/orders", 401),
        // Without a tenant, the origin of the settings counts.
        ("c.example", "/all", "https://api.example/all", 200),
        ("c.example", "/all", "https://c.example/all", 401),
        ("c.example", "/all", "https://a.example/all", 401),
        ("c.example", "/orders", "https://api.example/orders", 401),
    ] {
        let response = send(&router, at_host(host, path, url)).await;
        assert_eq!(response.status(), expected, "{host} {url}");
        let expected = match (expected, path, host) {
            (200, ..) => None,
            // The proof is valid, and no issuer is.
            (_, "/orders", "c.example") => Some("wrong_issuer"),
            _ => Some("invalid_proof"),
        };
        let found = response.extensions().get::<Rejection>().map(Rejection::reason_code);
        assert_eq!(found, expected, "{host} {url}");
    }
    let mut forwarded = at_host("b.example", "/orders", "https://a.example/orders");
    forwarded.headers_mut().insert("x-forwarded-host", "a.example".parse().unwrap());
    assert_eq!(status(&router, forwarded).await, 401);
}

#[tokio::test]
async fn proof_of_one_tenant_is_invalid_at_another() {
    // DP25: before and after its use.
    let router = orders_of_tenants(&accepting());
    let of_a = at_host("a.example", "/orders", "https://a.example/orders");
    let at_b = || {
        let mut request = again(&of_a);
        request.headers_mut().insert(header::HOST, "b.example".parse().unwrap());
        request
    };
    assert_eq!(reason(&send(&router, at_b()).await), "invalid_proof");
    assert_eq!(status(&router, again(&of_a)).await, 200);
    assert_eq!(reason(&send(&router, at_b()).await), "invalid_proof");
    assert_eq!(reason(&send(&router, again(&of_a)).await), "proof_replayed");
}

#[tokio::test]
async fn proof_of_wrong_host_is_not_used_up() {
    // DP25: the token's issuer is not accepted for the request.
    let by_host = |request: &Parts| match request_host(request).as_deref() {
        Some("a.example") => AcceptedIssuers::issuers([testkit::ISSUER]),
        _ => AcceptedIssuers::none(),
    };
    let layer = RequireScope::new(&accepting(), "orders/read").with_issuers_for(by_host);
    let router = Router::new().route("/orders", on_get(who).layer(layer));
    let at = |host: &str, request: &Request<Body>| {
        let mut request = again(request);
        request.headers_mut().insert(header::HOST, host.parse().unwrap());
        request
    };
    // The second round has a cached token.
    for _ in 0..2 {
        let request = proven("/orders");
        let rejected = send(&router, at("b.example", &request)).await;
        assert_eq!((rejected.status().as_u16(), reason(&rejected)), (401, "wrong_issuer"));
        assert_eq!(status(&router, at("a.example", &request)).await, 200);
        let replayed = send(&router, at("a.example", &request)).await;
        assert_eq!((replayed.status().as_u16(), reason(&replayed)), (401, "proof_replayed"));
    }
    // A bearer token as well.
    let layer = RequireToken::new(&accepting()).with_issuers(AcceptedIssuers::none());
    let router = Router::new().route("/orders", on_get(who).layer(layer));
    let bearer = client_token().scope("orders/read").compact();
    assert_eq!(reason(&send(&router, with_token(get("/orders"), &bearer)).await), "wrong_issuer");
}

#[tokio::test]
async fn two_layers_of_one_verifier_use_proof_once() {
    // DP40
    let verifier = accepting();
    let router = orders(&verifier).layer(RequireToken::new(&verifier));
    let request = proven("/orders");
    let copy = again(&request);
    assert_eq!(status(&router, request).await, 200);
    assert_eq!(status(&router, copy).await, 401);
    // Another verifier keeps its own record, also between two layers of the first.
    let other = RequireToken::new(&accepting());
    for router in [
        orders(&accepting()).layer(RequireToken::new(&verifier)),
        orders(&verifier).layer(other).layer(RequireToken::new(&verifier)),
    ] {
        let request = proven("/orders");
        let copy = again(&request);
        assert_eq!(status(&router, request).await, 200);
        assert_eq!(reason(&send(&router, copy).await), "proof_replayed");
    }
}

#[tokio::test]
async fn two_verifiers_with_one_store_use_proof_once() {
    // DP40
    let dpop = Dpop::accept().replay_store(Shared(Arc::new(AtomicBool::new(false))));
    let (outer, inner) = (verifier(dpop.clone()), verifier(dpop));
    let router = orders(&inner).layer(RequireToken::new(&outer));
    let request = proven("/orders");
    let copy = again(&request);
    assert_eq!(status(&router, request).await, 200);
    assert_eq!(reason(&send(&router, copy).await), "proof_replayed");
}

#[tokio::test]
async fn settings_with_clones_of_store_use_proof_once() {
    // DP40: each layer's verifier has settings of its own.
    let store = Shared(Arc::new(AtomicBool::new(false)));
    let verifier_of = |store| verifier(Dpop::accept().replay_store(store));
    let router = |inner| orders(&inner).layer(RequireToken::new(&verifier_of(store.clone())));
    let request = proven("/orders");
    let copy = again(&request);
    let own = router(verifier_of(store.clone()));
    assert_eq!(status(&own, request).await, 200);
    assert_eq!(reason(&send(&own, copy).await), "proof_replayed");
    // Another store has another identity, and its own record.
    let other = Shared(Arc::new(AtomicBool::new(true)));
    store.0.store(false, Ordering::Relaxed);
    let response = send(&router(verifier_of(other)), proven("/orders")).await;
    assert_eq!(reason(&response), "proof_replayed");
}

#[tokio::test]
async fn denied_request_does_not_use_up_its_proof() {
    // DP25
    let verifier = accepting();
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let layer = RequireScope::new(&verifier, "orders/read")
        .and(move |claims: &Claims, _: &_| claims.is_sender_constrained() && is_open.load(Ordering::Relaxed));
    let router = Router::new().route("/orders", on_get(who).layer(layer));
    let request = proven("/orders");
    let (second, third) = (again(&request), again(&request));
    let denied = send(&router, request).await;
    assert_eq!((denied.status().as_u16(), reason(&denied)), (403, "denied"));
    assert_eq!(challenges(&denied), [r#"DPoP realm="api""#]);
    open.store(true, Ordering::Relaxed);
    assert_eq!(status(&router, second).await, 200);
    assert_eq!(status(&router, third).await, 401);
}

#[tokio::test]
async fn handler_rejection_has_challenge_of_caller() {
    // DP32, SU08
    async fn approve(claims: Claims) -> Result<&'static str, Rejection> {
        claims.require("orders/approve")?;
        Ok("approved")
    }
    let layer = RequireScope::new(&accepting(), "orders/read");
    let router = Router::new().route("/orders", on_get(approve).layer(layer));
    let response = send(&router, proven("/orders")).await;
    assert_eq!((response.status().as_u16(), reason(&response)), (403, "insufficient_scope"));
    let [challenge] = challenges(&response).try_into().unwrap();
    assert!(challenge.starts_with("DPoP ") && challenge.contains("orders/approve"), "{challenge}");
    let bearer = client_token().scope("orders/read").compact();
    let response = send(&router, with_token(get("/orders"), &bearer)).await;
    let [challenge] = challenges(&response).try_into().unwrap();
    assert!(challenge.starts_with("Bearer "), "{challenge}");
}

#[tokio::test]
async fn optional_token_with_proof_must_be_valid() {
    let layer = OptionalToken::new(&accepting());
    let router = Router::new().route("/orders", on_get(async || "orders").layer(layer));
    assert_eq!(status(&router, get("/orders")).await, 200);
    assert_eq!(status(&router, proven("/orders")).await, 200);
    assert_eq!(status(&router, with_proof(get("/orders"), &proof("POST", "/orders"))).await, 401);
    assert_eq!(status(&router, with_token(get("/orders"), &TOKEN)).await, 401);
}

#[tokio::test]
async fn response_renews_nonce_of_earlier_slice() {
    // DP33, DP35, DP37
    let now = Arc::new(AtomicU64::new(NOW));
    let verifier = verifier_at(Dpop::accept().nonces(&DpopNonces::new()), Arc::clone(&now));
    let router = orders(&verifier);
    let rejected = send(&router, proven("/orders")).await;
    assert_eq!((rejected.status().as_u16(), reason(&rejected)), (401, "nonce_required"));
    assert_eq!(header_text(&rejected, &header::CACHE_CONTROL), Some("no-store"));
    assert!(challenges(&rejected)[0].contains("use_dpop_nonce"));
    let nonce = header_text(&rejected, &NONCE).unwrap().to_owned();
    let with_nonce = |nonce: &str, iat: u64| {
        with_proof(get("/orders"), &proof("GET", "/orders").claim("nonce", nonce).claim("iat", iat))
    };
    let accepted = send(&router, with_nonce(&nonce, NOW)).await;
    assert_eq!(accepted.status(), 200);
    assert_eq!(header_text(&accepted, &NONCE), None);
    now.store(NOW + 200, Ordering::Relaxed);
    let accepted = send(&router, with_nonce(&nonce, NOW + 200)).await;
    assert_eq!(accepted.status(), 200);
    let next = header_text(&accepted, &NONCE).unwrap();
    assert_eq!(header_text(&accepted, &header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(status(&router, with_nonce(next, NOW + 200)).await, 200);
    // DP38
    let bearer =
        send(&router, with_token(get("/orders"), &client_token().scope("orders/read").compact())).await;
    assert_eq!((bearer.status().as_u16(), header_text(&bearer, &NONCE)), (200, None));
    let bearer = send(&router, with_token(get("/orders"), "a.b.c")).await;
    assert_eq!((bearer.status().as_u16(), header_text(&bearer, &NONCE)), (401, None));
}

#[tokio::test]
async fn grpc_call_has_method_and_path_in_its_proof() {
    // DP41
    let layer = RequireScope::new(&accepting(), "orders/read");
    let router = Router::new().route("/shop.Orders/List", on_post(who).layer(layer));
    let call = || {
        Request::post("/shop.Orders/List")
            .version(Version::HTTP_2)
            .header(header::CONTENT_TYPE, "application/grpc")
            .header(header::TE, "trailers")
            .body(Body::empty())
            .unwrap()
    };
    let accepted = send(&router, with_proof(call(), &proof("POST", "/shop.Orders/List"))).await;
    assert!(!accepted.headers().contains_key("grpc-status"));
    for proof in [proof("GET", "/shop.Orders/List"), proof("POST", "/shop.Orders/Create")] {
        let rejected = send(&router, with_proof(call(), &proof)).await;
        assert_eq!(
            (rejected.status().as_u16(), &rejected.headers()["grpc-status"]),
            (200, &"16".parse().unwrap())
        );
        assert_eq!(challenges(&rejected).len(), 2);
    }
}

#[tokio::test]
async fn step_up_challenge_is_in_the_scheme_of_the_caller() {
    // SU08
    let token = |auth_time: u64| {
        let draft = client_token().scope("orders/read").claim("sub", "user-1").claim("auth_time", auth_time);
        bound_to(&CLIENT_KEY, draft).compact()
    };
    let request = |token: &str, proof: &Proof| {
        let mut request = with_proof(get("/orders"), proof);
        request.headers_mut().insert(header::AUTHORIZATION, format!("DPoP {token}").parse().unwrap());
        request
    };
    let now = Arc::new(AtomicU64::new(NOW));
    let router = |dpop: Dpop| {
        let verifier = verifier_at(dpop, Arc::clone(&now));
        let layer = RequireScope::new(&verifier, "orders/read").with_max_auth_age(Duration::from_secs(300));
        Router::new().route("/orders", on_get(who).layer(layer))
    };
    let old = token(NOW - 301);
    for (dpop, others) in [(Dpop::accept(), 1), (Dpop::require(), 0)] {
        let proof = Proof::new(&CLIENT_KEY, "GET", &format!("{ORIGIN}/orders"), &old);
        let response = send(&router(dpop), request(&old, &proof)).await;
        assert_eq!(
            (response.status().as_u16(), reason(&response)),
            (401, "insufficient_user_authentication")
        );
        let [first, rest @ ..] = &*challenges(&response) else { panic!("no challenge") };
        assert!(first.starts_with("DPoP ") && first.contains("max_age=300, error="), "{first}");
        assert_eq!(rest.len(), others);
        assert!(rest.iter().all(|other| !other.contains("error") && !other.contains("max_age")), "{rest:?}");
    }
    // The rejected request has not used up its proof: it is accepted once the requirement is met.
    let router = router(Dpop::accept());
    let recent = token(NOW + 1);
    let proof = Proof::new(&CLIENT_KEY, "GET", &format!("{ORIGIN}/orders"), &recent).claim("iat", NOW + 302);
    now.store(NOW + 302, Ordering::Relaxed);
    assert_eq!(reason(&send(&router, request(&recent, &proof)).await), "insufficient_user_authentication");
    now.store(NOW + 301, Ordering::Relaxed);
    assert_eq!(status(&router, request(&recent, &proof)).await, 200);
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

/// A store whose responses arrive later.
#[derive(Clone)]
struct Shared(Arc<AtomicBool>);

impl ReplayStore for Shared {
    fn record(
        &self,
        _: UsedProof,
    ) -> Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>> {
        let was_used = self.0.swap(true, Ordering::Relaxed);
        Box::pin(async move {
            tokio::task::yield_now().await;
            ready(Ok(if was_used { ProofUse::Repeated } else { ProofUse::First })).await
        })
    }

    fn identity(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.0).addr())
    }
}

#[tokio::test]
async fn layer_waits_for_shared_store() {
    // DP24, DP28
    let used = Arc::new(AtomicBool::new(false));
    let verifier = verifier(Dpop::accept().replay_store(Shared(Arc::clone(&used))));
    let router = orders(&verifier).layer(RequireToken::new(&verifier));
    let response = send(&router, proven("/orders")).await;
    assert_eq!(
        body_text(response).await,
        format!("{} true", testkit::CLIENT),
        "the inner layer records nothing"
    );
    assert!(used.load(Ordering::Relaxed));
    let replayed = send(&router, proven("/orders")).await;
    assert_eq!((replayed.status().as_u16(), reason(&replayed)), (401, "proof_replayed"));
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
