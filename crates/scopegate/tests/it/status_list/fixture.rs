//! A server of status lists that the test controls, and a verifier with static keys. So each
//! request that the server counts is for a list.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use scopegate::{Issuer, StatusList, Verifier, VerifierBuilder};
use scopegate_issuer::{Mint, SigningKey};
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, KEY, NOW, client_token, issuer_with_keys};

/// A server of status lists.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    state: Arc<State>,
}

struct State {
    responses: Mutex<HashMap<String, Reply>>,
    requests: AtomicUsize,
    accept: Mutex<Option<String>>,
    /// The verifier's clock, in seconds after `NOW`.
    ahead: AtomicI64,
}

#[derive(Clone)]
pub(crate) enum Reply {
    Document(String),
    Status(u16),
    Redirect(String),
    Hangs,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(State {
            responses: Mutex::default(),
            requests: AtomicUsize::new(0),
            accept: Mutex::default(),
            ahead: AtomicI64::new(0),
        });
        let served = Arc::clone(&state);
        let router = Router::new()
            .fallback(async move |uri: Uri, headers: HeaderMap| served.respond(&uri, &headers).await);
        Self { url: testkit::serve(router).await, state }
    }

    /// Returns the URL of the list that most tests use.
    pub(crate) fn uri(&self) -> String {
        self.uri_of("1")
    }

    pub(crate) fn uri_of(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }

    pub(crate) fn reply(&self, name: &str, reply: Reply) {
        self.state.responses.lock().unwrap().insert(format!("/{name}"), reply);
    }

    /// Publishes a list of eight bits for each token.
    pub(crate) fn publish(&self, statuses: &[u8]) {
        self.reply("1", Reply::Document(sign(&self.payload(8, statuses))));
    }

    /// Returns the payload of a list without `exp` and `ttl`.
    pub(crate) fn payload(&self, bits: u8, bytes: &[u8]) -> Value {
        list(&self.uri(), bits, bytes)
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Returns the `Accept` header of the last request.
    pub(crate) fn accept(&self) -> Option<String> {
        self.state.accept.lock().unwrap().clone()
    }

    /// Sets the verifier's clock to this many seconds after `NOW`.
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.state.ahead.store(seconds, Ordering::SeqCst);
    }

    pub(crate) fn issuer(&self, rules: StatusList) -> Issuer {
        issuer_with_keys([KEY.jwk()]).client(CLIENT).status_list(rules.origin(&self.url))
    }

    /// Returns a builder whose clock the server's handle sets.
    pub(crate) fn builder(&self) -> VerifierBuilder {
        let state = Arc::clone(&self.state);
        let clock = move || -> SystemTime {
            let ahead = state.ahead.load(Ordering::SeqCst);
            UNIX_EPOCH + Duration::from_secs(NOW.checked_add_signed(ahead).unwrap())
        };
        Verifier::builder().clock(clock).leeway(Duration::ZERO)
    }

    pub(crate) fn verifier(&self, rules: StatusList) -> Verifier {
        self.builder().trust(self.issuer(rules)).start_lazy().unwrap()
    }

    /// Returns a valid token with this index in the list.
    pub(crate) fn token(&self, index: u64) -> Mint {
        token_of(&self.uri(), index)
    }

    /// Waits until the server has got this many requests and the list's fetch has ended.
    pub(crate) async fn until_requests(&self, requests: usize) {
        while self.requests() < requests {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl State {
    async fn respond(&self, uri: &Uri, headers: &HeaderMap) -> Response {
        self.requests.fetch_add(1, Ordering::SeqCst);
        *self.accept.lock().unwrap() =
            headers.get(header::ACCEPT).map(|value| value.to_str().unwrap().to_owned());
        let reply = self.responses.lock().unwrap().get(uri.path()).cloned();
        match reply {
            None => StatusCode::NOT_FOUND.into_response(),
            Some(Reply::Document(document)) => document.into_response(),
            Some(Reply::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
            Some(Reply::Redirect(target)) => {
                (StatusCode::FOUND, [(header::LOCATION, target)]).into_response()
            }
            Some(Reply::Hangs) => std::future::pending().await,
        }
    }
}

/// Returns the payload of a list without `exp` and `ttl`.
pub(crate) fn list(uri: &str, bits: u8, bytes: &[u8]) -> Value {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    let lst = URL_SAFE_NO_PAD.encode(encoder.finish().unwrap());
    json!({ "sub": uri, "iat": NOW, "status_list": { "bits": bits, "lst": lst } })
}

/// Returns a signed list, as the issuer of the fixtures makes it.
pub(crate) fn sign(payload: &Value) -> String {
    sign_with(payload, &KEY)
}

pub(crate) fn sign_with(payload: &Value, key: &SigningKey) -> String {
    mint_of(payload).sign_with(key)
}

/// Returns an unsigned list.
pub(crate) fn mint_of(payload: &Value) -> Mint {
    Mint::cognito(ISSUER, CLIENT).header("typ", "statuslist+jwt").raw_payload(payload.to_string())
}

/// Returns a valid token of two days with this status.
pub(crate) fn token_of(uri: &str, index: u64) -> Mint {
    let token = client_token().lifetime(2 * 86_400);
    token.claim("status", json!({ "status_list": { "idx": index, "uri": uri } }))
}
