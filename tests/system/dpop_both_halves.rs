//! DPoP (RFC 9449) with both halves: the client proves each request, and the verifier judges it.
//!
//! The token endpoint is written by hand. It verifies proofs with another implementation of JWS.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use axum::handler::Handler as _;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jsonwebtoken::jwk::ThumbprintHash;
use jsonwebtoken::{DecodingKey, Validation};
use scopegate_axum::{Claims, Dpop, DpopNonces, Issuer, RequireScope, Verifier};
use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials, DpopKey};
use scopegate_issuer::{Algorithm, LocalIssuer, SigningKey};
use serde_json::{Value, json};

use crate::api::{READ, WRITER};

/// The nonce that the token endpoint requires.
const NONCE: &str = "nonce-of-the-issuer";

struct TokenEndpoint {
    issuer: LocalIssuer,
    url: String,
    requests: AtomicUsize,
    /// The thumbprints of the keys of all tokens.
    keys: Mutex<Vec<String>>,
}

/// Verifies the proof, and issues a token that is bound to its key.
async fn issue(State(endpoint): State<Arc<TokenEndpoint>>, headers: HeaderMap) -> Response {
    endpoint.requests.fetch_add(1, Ordering::Relaxed);
    // Another test may have installed it.
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    let proof = headers["dpop"].to_str().unwrap();
    let header = jsonwebtoken::decode_header(proof).unwrap();
    let jwk = header.jwk.unwrap();
    let mut validation = Validation::new(header.alg);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    let key = DecodingKey::from_jwk(&jwk).unwrap();
    let claims = jsonwebtoken::decode::<Value>(proof, &key, &validation).unwrap().claims;
    assert_eq!(header.typ.as_deref(), Some("dpop+jwt"));
    assert_eq!((&claims["htm"], &claims["htu"]), (&json!("POST"), &json!(endpoint.url)));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(claims["iat"].as_u64().unwrap()) < 60);
    let nonce = [("dpop-nonce", NONCE)];
    if claims["nonce"] != NONCE {
        let error = Json(json!({ "error": "use_dpop_nonce" }));
        return (StatusCode::BAD_REQUEST, nonce, error).into_response();
    }
    let jkt = jwk.thumbprint(ThumbprintHash::SHA256).unwrap();
    endpoint.keys.lock().unwrap().push(jkt.clone());
    let token =
        endpoint.issuer.mint().client(WRITER.0).scope(READ).claim("cnf", json!({ "jkt": jkt })).sign();
    (nonce, Json(json!({ "access_token": token, "token_type": "DPoP", "expires_in": 300 }))).into_response()
}

struct System {
    endpoint: Arc<TokenEndpoint>,
    api: String,
    /// The statuses of the API.
    statuses: Arc<Mutex<Vec<u16>>>,
    http: reqwest::Client,
}

impl System {
    /// Starts an API that requires proofs, with the time of this clock.
    async fn start(now: &Arc<AtomicU64>, nonces: Option<&DpopNonces>) -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let trusted = Issuer::cognito_at(issuer.issuer()).unwrap().client(WRITER.0);
        let (listener, api) = testkit::listen().await;
        let dpop = Dpop::require().origin(&api);
        let dpop = nonces.into_iter().fold(dpop, Dpop::nonces);
        let clock = Arc::clone(now);
        let verifier = Verifier::builder()
            .clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)))
            .trust(trusted)
            .dpop(dpop)
            .start()
            .await
            .unwrap();
        let statuses = Arc::new(Mutex::new(Vec::new()));
        testkit::serve_on(listener, router(&verifier, Arc::clone(&statuses)));
        let (tokens, url) = testkit::listen().await;
        let url = format!("{url}/token");
        let (requests, keys) = (AtomicUsize::new(0), Mutex::default());
        let endpoint = Arc::new(TokenEndpoint { issuer, url, requests, keys });
        let routes = Router::new().route("/token", post(issue)).with_state(Arc::clone(&endpoint));
        testkit::serve_on(tokens, routes);
        Self { endpoint, api, statuses, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    fn client(&self, key: DpopKey, now: &Arc<AtomicU64>) -> ClientCredentials {
        let clock = Arc::clone(now);
        ClientCredentials::builder(ClientAuthentication::client_secret_basic(WRITER.0, WRITER.1))
            .token_endpoint(&self.endpoint.url)
            .scope(READ)
            .dpop(key)
            .clock(move || UNIX_EPOCH + Duration::from_secs(clock.load(Ordering::Relaxed)))
            .build()
            .unwrap()
    }

    async fn get(&self, caller: &AddToken) -> u16 {
        let url = format!("{}/orders?page=1", self.api);
        caller.send(self.http.get(url)).await.unwrap().status().as_u16()
    }

    fn statuses(&self) -> Vec<u16> {
        std::mem::take(&mut *self.statuses.lock().unwrap())
    }
}

fn router(verifier: &Verifier, statuses: Arc<Mutex<Vec<u16>>>) -> Router {
    let handler = async |claims: Claims| claims.is_sender_constrained().to_string();
    let record = move |request: Request, next: Next| {
        let statuses = Arc::clone(&statuses);
        async move {
            let response = next.run(request).await;
            statuses.lock().unwrap().push(response.status().as_u16());
            response
        }
    };
    Router::new()
        .route("/orders", get(handler.layer(RequireScope::new(verifier, READ))))
        .layer(middleware::from_fn(record))
}

fn now() -> Arc<AtomicU64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    Arc::new(AtomicU64::new(now))
}

#[tokio::test]
async fn verifier_accepts_each_proof_of_client() {
    // DP50
    let now = now();
    let system = System::start(&now, None).await;
    let ed25519 = SigningKey::generate(Algorithm::EdDSA).private_key_pem();
    let keys = [DpopKey::per_token(), DpopKey::ed25519_per_token(), DpopKey::from_pem(&ed25519).unwrap()];
    for key in keys {
        let caller = AddToken::new(&system.client(key, &now), &system.api).unwrap();
        for _ in 0..5 {
            assert_eq!(system.get(&caller).await, 200);
        }
        assert_eq!(system.statuses(), [200; 5]);
    }
    assert_eq!(system.endpoint.keys.lock().unwrap().len(), 3);
    // The first request of each client has no nonce of the issuer (DP52).
    assert_eq!(system.endpoint.requests.load(Ordering::Relaxed), 6);
}

#[tokio::test]
async fn proof_is_accepted_once_and_for_its_request() {
    // DP50: RFC 9449 §4.2, §11.1
    let now = now();
    let system = System::start(&now, None).await;
    let token = system.client(DpopKey::per_token(), &now).token().await.unwrap();
    let send = async |proof| {
        let request = system.http.get(format!("{}/orders", system.api));
        let request = request.header("authorization", token.header_value()).header("dpop", proof);
        request.send().await.unwrap().status().as_u16()
    };
    let proof = |method, path| {
        let uri = format!("{}{path}", system.api).parse().unwrap();
        token.dpop_proof(&method, &uri).unwrap().unwrap()
    };
    let first = proof(Method::GET, "/orders");
    assert_eq!(send(first.clone()).await, 200);
    assert_eq!(send(first).await, 401);
    assert_eq!(send(proof(Method::GET, "/orders?x=1")).await, 200, "the query is not proven");
    assert_eq!(send(proof(Method::POST, "/orders")).await, 401);
    assert_eq!(send(proof(Method::GET, "/other")).await, 401);
}

#[tokio::test]
async fn proof_of_another_token_is_rejected() {
    // DP53: the next token has another key.
    let now = now();
    let system = System::start(&now, None).await;
    let credentials = system.client(DpopKey::per_token(), &now);
    let old = credentials.token().await.unwrap();
    credentials.reject(&old);
    let new = credentials.token().await.unwrap();
    let keys = system.endpoint.keys.lock().unwrap().clone();
    assert_ne!(keys[0], keys[1]);
    let uri = format!("{}/orders", system.api).parse().unwrap();
    for (prover, expected) in [(&new, 200), (&old, 401)] {
        let proof = prover.dpop_proof(&Method::GET, &uri).unwrap().unwrap();
        let request = system.http.get(uri.to_string()).header("authorization", new.header_value());
        assert_eq!(request.header("dpop", proof).send().await.unwrap().status(), expected);
    }
}

#[tokio::test]
async fn nonces_of_verifier_are_used_and_renewed() {
    // DP52: RFC 9449 §8.2, §9
    let now = now();
    let system = System::start(&now, Some(&DpopNonces::new())).await;
    let caller = AddToken::new(&system.client(DpopKey::per_token(), &now), &system.api).unwrap();
    for _ in 0..3 {
        assert_eq!(system.get(&caller).await, 200);
    }
    assert_eq!(system.statuses(), [401, 200, 200, 200]);
    // The next nonce comes with an accepted response, so no further request is rejected.
    for _ in 0..4 {
        now.fetch_add(150, Ordering::Relaxed);
        assert_eq!(system.get(&caller).await, 200);
        assert_eq!(system.statuses(), [200]);
    }
}
