//! An endpoint whose behavior tests change, and an introspector that calls it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::response::Response;
use axum::serve::ListenerExt as _;
use http::{HeaderMap, Uri};
use scopegate_proto::client_auth::{Authenticator, ClientAuthentication};
use scopegate_proto::json::JsonObject;
use scopegate_proto::token_digest::TokenDigest;
use scopegate_proto::url::SecureUrl;
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, KEY, NOW, jwks};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::claims::{Claims, Lookups, Named};
use crate::fetch::transport::{Transport, TransportConfig};
use crate::introspection::calls::budget::UnseenTokens;
use crate::introspection::calls::origin::Origin;
use crate::introspection::endpoint::{Credentials, Endpoint};
use crate::introspection::freshness::Lifetimes;
use crate::introspection::introspector::{
    Caller, Introspected, Introspector, Judge, PendingIntrospection, Settings,
};
use crate::introspection::opaque_token::OpaqueToken;
use crate::introspection::responses::judgement::{Rules, Unaccepted};
use crate::introspection::responses::outcome::{Outcome, Rejection};
use crate::issuer::Issuer;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::ScopeInterner;
use crate::telemetry::metrics::issuer_label::IssuerLabel;
use crate::token::numeric_date::NumericDate;

pub(super) const SECOND: Duration = Duration::from_secs(1);

/// The behavior of the endpoint.
#[derive(Clone)]
pub(super) enum Behavior {
    /// Tokens that begin with `valid` are active, and expire at this time.
    Works {
        exp: u64,
    },
    /// Every response is this one.
    Responds(u16, &'static str, &'static str, String),
    Stalls,
    /// Responses say that the token is inactive, and have this content encoding.
    Encoded(&'static str),
    /// The connection of the next request is closed without a response. Then the endpoint works.
    ClosesOnce,
    /// Requests wait until [`Server::release`], and then get the response of `Works`.
    Waits,
    /// Tokens that begin with `evil` get this response: status, header, its value, body. Others get
    /// the response of `Works`.
    Differs(u16, &'static str, &'static str, Vec<u8>),
}

/// A request as the endpoint received it.
#[derive(Clone)]
pub(super) struct Received {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

#[derive(Clone)]
pub(super) struct Server {
    behavior: Arc<Mutex<Behavior>>,
    received: Arc<Mutex<Vec<Received>>>,
    calls: Arc<AtomicUsize>,
    released: Arc<Notify>,
    connections: Arc<AtomicUsize>,
    pub(super) url: String,
}

impl Server {
    pub(super) async fn start() -> Self {
        let works = Behavior::Works { exp: NOW + 600 };
        let mut server = Self {
            behavior: Arc::new(Mutex::new(works)),
            received: Arc::default(),
            calls: Arc::default(),
            released: Arc::default(),
            connections: Arc::default(),
            url: String::new(),
        };
        let router = Router::new().fallback(respond).with_state(server.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        server.url = format!("http://{}/introspect?tenant=1", listener.local_addr().unwrap());
        let connections = Arc::clone(&server.connections);
        let listener = listener.tap_io(move |_| {
            connections.fetch_add(1, Ordering::Relaxed);
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub(super) fn set(&self, behavior: Behavior) {
        *self.behavior.lock().unwrap() = behavior;
    }

    pub(super) fn works(&self) {
        self.set(Behavior::Works { exp: NOW + 600 });
    }

    pub(super) fn fails(&self, status: u16) {
        self.set(Behavior::Responds(status, "application/json", "", String::new()));
    }

    /// Releases the requests that [wait](Behavior::Waits) now.
    pub(super) fn release(&self) {
        self.released.notify_waiters();
    }

    /// Waits until the endpoint has received this many requests.
    pub(super) async fn has_received(&self, calls: usize) {
        while self.calls() < calls {
            tokio::task::yield_now().await;
        }
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn last(&self) -> Received {
        self.received.lock().unwrap().last().unwrap().clone()
    }
}

async fn respond(Shared(server): Shared<Server>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let released = Arc::clone(&server.released);
    let released = released.notified();
    server.calls.fetch_add(1, Ordering::Relaxed);
    let is_evil = body.starts_with("token=evil");
    let is_valid = body.starts_with("token=valid");
    server.received.lock().unwrap().push(Received { uri, headers, body });
    let behavior = server.behavior.lock().unwrap().clone();
    if matches!(behavior, Behavior::ClosesOnce) {
        server.works();
        // The task of the connection ends, without a message of a panic.
        std::panic::resume_unwind(Box::new("the connection is closed"));
    }
    let exp = match behavior {
        Behavior::Works { exp } => exp,
        _ => NOW + 600,
    };
    let response = Response::builder();
    match behavior {
        Behavior::Differs(status, name, value, body) if is_evil => {
            response.status(status).header(name, value).body(Body::from(body)).unwrap()
        }
        Behavior::Waits | Behavior::Works { .. } | Behavior::Differs(..) => {
            if matches!(behavior, Behavior::Waits) {
                released.await;
            }
            let active = json!({ "active": true, "aud": AUDIENCE, "sub": "s", "exp": exp });
            let body = if is_valid { active } else { json!({ "active": false }) };
            let response = response.header("content-type", "application/json");
            response.body(Body::from(body.to_string())).unwrap()
        }
        Behavior::Responds(status, content_type, retry_after, body) => {
            let response = response.status(status).header("content-type", content_type);
            let response = response.header("location", "/introspect").header("retry-after", retry_after);
            response.body(Body::from(body)).unwrap()
        }
        Behavior::Encoded(encoding) => {
            let response = response.header("content-type", "application/json");
            let response = response.header("content-encoding", encoding);
            response.body(Body::from(r#"{"active":false}"#)).unwrap()
        }
        Behavior::Stalls | Behavior::ClosesOnce => std::future::pending().await,
    }
}

/// An introspector, and its clock.
#[derive(Clone)]
pub(super) struct Fixture {
    pub(super) introspector: Arc<Introspector>,
    /// The wall clock, in seconds since 1970.
    pub(super) clock: Arc<AtomicU64>,
}

pub(super) const LIFETIMES: Lifetimes = Lifetimes { cached_for: Duration::from_secs(10), stale_for: None };

pub(super) const SETTINGS: Settings = Settings {
    cached: 1_024,
    lifetimes: LIFETIMES,
    unseen: UnseenTokens { burst: 300, per_second: 100 },
    time_limit: Duration::from_secs(2),
};

impl Fixture {
    pub(super) fn new(server: &Server) -> Self {
        Self::with(server, Self::client("s3cret-of-api"), LIFETIMES, &Handle::current())
    }

    pub(super) fn client(secret: &str) -> Credentials {
        let client = ClientAuthentication::client_secret_basic("orders-api", secret);
        Credentials::Client(Authenticator::new(client).unwrap())
    }

    pub(super) fn with(
        server: &Server,
        credentials: Credentials,
        lifetimes: Lifetimes,
        runtime: &Handle,
    ) -> Self {
        Self::with_settings(server, credentials, Settings { lifetimes, ..SETTINGS }, runtime)
    }

    pub(super) fn with_settings(
        server: &Server,
        credentials: Credentials,
        settings: Settings,
        runtime: &Handle,
    ) -> Self {
        let url = SecureUrl::parse(&server.url).unwrap();
        let transport =
            Transport::new(&TransportConfig { timeout: 2 * SECOND, ..TransportConfig::default() });
        let http = transport.client_for_secrets(&url, 2 * SECOND, None).unwrap();
        let endpoint = Endpoint { http, url, credentials, audience: ISSUER.into(), signer: None };
        let clock = Arc::new(AtomicU64::new(NOW));
        let time = Arc::clone(&clock);
        let time = move || UNIX_EPOCH + Duration::from_secs(time.load(Ordering::Relaxed));
        let caller = Caller {
            issuer: ISSUER.into(),
            label: IssuerLabel::own(ISSUER),
            leeway: 60 * SECOND,
            clock: Arc::new(time),
            runtime: runtime.clone(),
        };
        let introspector = Introspector::new(endpoint, settings, caller);
        Self { introspector, clock }
    }

    pub(super) fn look_up(&self, token: &str) -> Introspected {
        self.look_up_as(token, Origin::Unverified)
    }

    /// Waits until this many calls are under way.
    pub(super) async fn has_calls_under_way(&self, calls: usize) {
        while self.introspector.status().calls_under_way != calls {
            tokio::task::yield_now().await;
        }
    }

    /// Looks up a token of this origin.
    pub(super) fn look_up_as(&self, token: &str, origin: Origin) -> Introspected {
        let now = NumericDate::from(UNIX_EPOCH + Duration::from_secs(self.clock.load(Ordering::Relaxed)));
        let token = OpaqueToken::parse(token.as_bytes()).unwrap();
        self.introspector.look_up(token, origin, now, || -> Judge { Box::new(judge) })
    }

    /// Waits for the outcome as a request does.
    pub(super) async fn ask(&self, token: &str) -> String {
        self.ask_as(token, Origin::Unverified).await
    }

    /// Waits for the outcome as a request with a JWT does, which is verified.
    pub(super) async fn ask_verified(&self, token: &str) -> String {
        self.ask_as(token, Origin::Verified).await
    }

    async fn ask_as(&self, token: &str, origin: Origin) -> String {
        shown(&match self.look_up_as(token, origin) {
            Introspected::Settled(outcome) => outcome,
            Introspected::Pending(pending) => settled(&pending).await,
        })
    }

    /// Returns the outcome without waiting, or `pending`.
    pub(super) fn ask_now(&self, token: &str) -> String {
        match self.look_up(token) {
            Introspected::Settled(outcome) => shown(&outcome),
            Introspected::Pending(_) => "pending".to_owned(),
        }
    }
}

/// Waits for the outcome as long as a call may take.
pub(super) async fn settled(pending: &PendingIntrospection) -> Outcome {
    pending.settled(Instant::now() + pending.time_limit()).await
}

pub(super) fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Active(claims) => format!("active {}", claims.subject().unwrap_or_default()),
        Outcome::Rejected(Rejection::Inactive) => "inactive".to_owned(),
        Outcome::Rejected(Rejection::ByRule(error)) => format!("rejected: {error}"),
        Outcome::Undecided { retry_after } => format!("undecided {}", retry_after.as_secs()),
        Outcome::Misconfigured => "misconfigured".to_owned(),
    }
}

fn judge(
    _: &str,
    digest: &TokenDigest,
    members: &JsonObject<'_>,
    now: NumericDate,
) -> Result<Claims, Unaccepted> {
    let policy = Issuer::from_jwks(ISSUER, &jwks([KEY.jwk()])).unwrap().audience(AUDIENCE).policy;
    let leeway = 60 * SECOND;
    let rules = Rules { issuer: ISSUER, kind: &policy.kind, audience: &policy.audience, leeway };
    let judged = rules.check(members, now)?;
    let subject = members.get("sub").and_then(scopegate_proto::json::string);
    let issued_for = &judged.issued_for;
    let named = Named { tenant: None, subject: subject.as_deref(), token_id: None, issued_for };
    let scopes = policy.scopes.read(members, None, &ScopeInterner::new(ScopeHierarchy::default()))?;
    let (bytes, text, lookups) = (digest.as_bytes(), members.text(), Lookups::default());
    Ok(Claims::new(bytes, ISSUER.into(), &named, text, scopes, judged.lifetime, lookups))
}
