//! An API that is protected by scopegate, and has one flaw on purpose.

use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::handler::Handler as _;
use axum::http::header::{AUTHORIZATION, HOST, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use scopegate_axum::{RequireScope, RequireToken, Verifier};
use scopegate_proto::base64url;
use serde_json::Value;

/// A request, as a flawed API sees it.
pub(super) struct Seen {
    pub(super) authorization: Vec<String>,
    pub(super) query: Option<String>,
    /// The parts of a token, not verified. `Null` if there is none.
    pub(super) header: Value,
    pub(super) payload: Value,
    /// The payload before it was parsed.
    pub(super) raw_payload: String,
    pub(super) signature: String,
    /// The origin of the API.
    pub(super) origin: String,
    /// The key id of the first token, which is valid.
    pub(super) known_kid: String,
}

/// A flaw of an API.
#[derive(Clone, Copy)]
pub(super) enum Flaw {
    /// These requests are accepted without a look at the token.
    Accepts(fn(&Seen) -> bool),
    /// The headers are changed before the verifier sees them.
    Changes(fn(&Seen, &mut HeaderMap)),
    /// The response is changed.
    Answers(fn(&Seen, Response) -> Response),
    /// These requests are accepted, and the response to others is changed.
    Both(fn(&Seen) -> bool, fn(&Seen, Response) -> Response),
    /// The key at `jku` is fetched before the token is rejected.
    FetchesUrl,
}

/// Returns the API of one route, `/orders`.
pub(super) fn router(verifier: &Verifier, scope: &'static str, flaw: Option<Flaw>) -> Router {
    let protected = (async || "orders").layer(RequireScope::new(verifier, scope));
    let router = Router::new().route("/orders", get(protected));
    match flaw {
        None => router,
        Some(flaw) => {
            let known_kid = Arc::new(OnceLock::new());
            router.layer(from_fn(move |request, next| flawed(flaw, Arc::clone(&known_kid), request, next)))
        }
    }
}

/// Returns the API of one route that any valid token may use.
pub(super) fn router_for_any_token(verifier: &Verifier) -> Router {
    Router::new().route("/orders", get((async || "orders").layer(RequireToken::new(verifier))))
}

async fn flawed(flaw: Flaw, known_kid: Arc<OnceLock<String>>, mut request: Request, next: Next) -> Response {
    let mut seen = Seen::of(&request);
    seen.known_kid = known_kid.get_or_init(|| seen.kid().to_owned()).clone();
    match flaw {
        Flaw::Accepts(accepts) | Flaw::Both(accepts, _) if accepts(&seen) => "orders".into_response(),
        Flaw::Accepts(_) => next.run(request).await,
        Flaw::Changes(change) => {
            change(&seen, request.headers_mut());
            next.run(request).await
        }
        Flaw::Answers(answer) | Flaw::Both(_, answer) => answer(&seen, next.run(request).await),
        Flaw::FetchesUrl => {
            if let Some(url) = seen.header["jku"].as_str() {
                fetch(url).await;
            }
            next.run(request).await
        }
    }
}

impl Seen {
    pub(super) fn of(request: &Request) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let authorization: Vec<String> = request.headers().get_all(AUTHORIZATION).iter().map(text).collect();
        let token = authorization.first().and_then(|value| value.split(' ').nth(1)).unwrap_or_default();
        let parts: Vec<&str> = token.split('.').collect();
        let part = |at: usize| parts.get(at).and_then(base64url::decode).unwrap_or_default();
        Self {
            query: request.uri().query().map(str::to_owned),
            header: serde_json::from_slice(&part(0)).unwrap_or_default(),
            payload: serde_json::from_slice(&part(1)).unwrap_or_default(),
            raw_payload: String::from_utf8(part(1)).unwrap_or_default(),
            signature: parts.get(2).copied().unwrap_or_default().to_owned(),
            origin: format!("http://{}", request.headers()[HOST].to_str().unwrap()),
            known_kid: String::new(),
            authorization,
        }
    }

    pub(super) fn alg(&self) -> &str {
        self.header["alg"].as_str().unwrap_or_default()
    }

    pub(super) fn kid(&self) -> &str {
        self.header["kid"].as_str().unwrap_or_default()
    }

    /// Returns whether the token has this claim with this value.
    pub(super) fn claims(&self, name: &str, value: &str) -> bool {
        self.payload[name] == value
    }

    /// Returns whether the payload has this member twice.
    pub(super) fn has_twice(&self, name: &str) -> bool {
        self.raw_payload.matches(&format!("\"{name}\":")).count() == 2
    }

    /// Returns whether everything besides the signature is valid.
    pub(super) fn is_valid_but_for_signature(&self) -> bool {
        let names =
            |value: &Value| value.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
        let claims = ["aud", "client_id", "exp", "iat", "iss", "jti", "scope", "sub"];
        let header = ["alg", "kid", "typ"];
        self.authorization.len() == 1
            && names(&self.payload).is_some_and(|found| found == claims)
            && names(&self.header).is_some_and(|found| found == header)
            && (self.alg(), self.kid()) == ("EdDSA", self.known_kid.as_str())
            && self.header["typ"] == "at+jwt"
            && !self.has_twice("exp")
            && !self.has_twice("iss")
            && self.payload["exp"].as_u64().is_some_and(|exp| exp > now())
            && self.payload["iss"].as_str().is_some_and(|iss| iss.ends_with("/local_conform"))
            && self.claims("aud", &self.origin)
            && self.claims("client_id", "conform-client")
            && self.claims("scope", "orders/read")
    }

    pub(super) fn has_zeros(&self) -> bool {
        self.signature.len() > 40 && self.signature.bytes().all(|byte| byte == b'A')
    }
}

/// Returns the current time in seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Sends a GET request.
async fn fetch(url: &str) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (host, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

/// Returns the response with another status and challenge.
pub(super) fn with(mut response: Response, status: u16, challenge: Option<&'static str>) -> Response {
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().remove(WWW_AUTHENTICATE);
    if let Some(challenge) = challenge {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}

/// Returns the response with another body.
pub(super) fn with_body(response: Response, body: String) -> Response {
    response.map(|_| Body::from(body))
}
