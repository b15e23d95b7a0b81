//! An introspection endpoint, and verifiers that use it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use scopegate::{ClientAuthentication, Introspection, Issuer};
use scopegate_issuer::SigningKey;
use serde_json::{Value, json};
use testkit::{AUDIENCE, KEY};

/// The issuer of the opaque tokens.
pub(super) const OPAQUE: &str = "https://opaque.example";

#[derive(Clone, Default)]
pub(super) struct Endpoint {
    tokens: Arc<Mutex<HashMap<String, Value>>>,
    status: Arc<Mutex<StatusCode>>,
    calls: Arc<AtomicUsize>,
    held: Arc<tokio::sync::Mutex<()>>,
    pub(super) url: String,
}

impl Endpoint {
    pub(super) async fn start() -> Self {
        let mut endpoint = Self::default();
        let router = Router::new().fallback(respond).with_state(endpoint.clone());
        endpoint.url = testkit::serve(router).await;
        endpoint
    }

    /// Makes a token active, with these members besides the usual ones.
    pub(super) fn activate(&self, token: &str, members: &Value) {
        let mut active = json!({ "active": true, "aud": AUDIENCE, "sub": "user-1", "client_id": "client-1" });
        active.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.tokens.lock().unwrap().insert(token.to_owned(), active);
    }

    pub(super) fn responds_without_audience(&self, token: &str) {
        self.tokens.lock().unwrap().insert(token.to_owned(), json!({ "active": true }));
    }

    #[cfg(feature = "http")]
    pub(super) fn revoke(&self, token: &str) {
        self.tokens.lock().unwrap().remove(token);
    }

    pub(super) fn responds_with(&self, status: u16) {
        *self.status.lock().unwrap() = StatusCode::from_u16(status).unwrap();
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Holds the responses until the result is dropped.
    pub(super) async fn hold(&self) -> tokio::sync::OwnedMutexGuard<()> {
        Arc::clone(&self.held).lock_owned().await
    }

    pub(super) fn introspection(&self) -> Introspection {
        let client = ClientAuthentication::client_secret_basic("orders-api", "s3cret-of-api");
        Introspection::by_client(&self.url, client).unwrap()
    }

    pub(super) fn issuer(&self) -> Issuer {
        Issuer::opaque(OPAQUE, self.introspection()).unwrap().audience(AUDIENCE)
    }
}

async fn respond(State(endpoint): State<Endpoint>, body: String) -> impl IntoResponse {
    endpoint.calls.fetch_add(1, Ordering::Relaxed);
    drop(endpoint.held.lock().await);
    let token = body.strip_prefix("token=").unwrap().split('&').next().unwrap();
    let found = endpoint.tokens.lock().unwrap().get(token).cloned();
    let json = found.unwrap_or_else(|| json!({ "active": false }));
    let status = *endpoint.status.lock().unwrap();
    (status, [(CONTENT_TYPE, "application/json")], json.to_string())
}

/// Returns a valid JWT of this issuer.
pub(super) fn jwt(issuer: &str) -> String {
    signed(&KEY, issuer, 600)
}

/// Returns a JWT that is signed with this key, and expires in so many seconds.
pub(super) fn signed(key: &SigningKey, issuer: &str, lifetime: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let exp = i64::try_from(now).unwrap() + lifetime;
    let claims = json!({ "iss": issuer, "aud": AUDIENCE, "exp": exp, "sub": "jwt-user" });
    let [header, claims] =
        [json!({ "alg": "RS256" }), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let input = format!("{header}.{claims}");
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(key.sign(input.as_bytes())))
}
