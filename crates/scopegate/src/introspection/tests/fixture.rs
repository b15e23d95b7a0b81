//! An endpoint whose behavior tests change, and an introspector that calls it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::response::Response;
use http::{HeaderMap, Uri};
use scopegate_proto::client_auth::{Authenticator, ClientAuthentication};
use scopegate_proto::json::JsonObject;
use scopegate_proto::token_digest::TokenDigest;
use scopegate_proto::url::{FetchUrl, SecureUrl};
use serde_json::json;
use testkit::{AUDIENCE, ISSUER, KEY, NOW, jwks};
use tokio::runtime::Handle;

use crate::claims::{Claims, Lookups, Named};
use crate::introspection::budget::UnseenTokens;
use crate::introspection::endpoint::{Credentials, Endpoint};
use crate::introspection::freshness::Lifetimes;
use crate::introspection::introspector::{Caller, Introspected, Introspector, Judge, Origin, Settings};
use crate::introspection::judgement::{NotAccepted, Rules};
use crate::introspection::opaque_token::OpaqueToken;
use crate::introspection::outcome::{Outcome, Rejection};
use crate::issuer::Issuer;
use crate::keys::fetch::transport::{Transport, TransportConfig};
use crate::metrics::issuer_label::IssuerLabel;
use crate::scope::hierarchy::ScopeHierarchy;
use crate::scope::interner::ScopeInterner;
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
    pub(super) url: String,
}

impl Server {
    pub(super) async fn start() -> Self {
        let works = Behavior::Works { exp: NOW + 600 };
        let mut server = Self {
            behavior: Arc::new(Mutex::new(works)),
            received: Arc::default(),
            calls: Arc::default(),
            url: String::new(),
        };
        let router = Router::new().fallback(respond).with_state(server.clone());
        server.url = format!("{}/introspect?tenant=1", testkit::serve(router).await);
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

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    pub(super) fn last(&self) -> Received {
        self.received.lock().unwrap().last().unwrap().clone()
    }
}

async fn respond(Shared(server): Shared<Server>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    server.calls.fetch_add(1, Ordering::Relaxed);
    let is_valid = body.starts_with("token=valid");
    server.received.lock().unwrap().push(Received { uri, headers, body });
    let behavior = server.behavior.lock().unwrap().clone();
    let response = Response::builder();
    match behavior {
        Behavior::Works { exp } => {
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
        Behavior::Stalls => std::future::pending().await,
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
        let url = SecureUrl::parse(&server.url).unwrap();
        let transport =
            Transport::new(&TransportConfig { timeout: 2 * SECOND, ..TransportConfig::default() });
        let http = transport.client(&FetchUrl::from(url.clone())).unwrap();
        let endpoint = Endpoint { http, url, credentials, audience: ISSUER.into() };
        let unseen = UnseenTokens { burst: 300, per_second: 100 };
        let settings = Settings { lifetimes, unseen, time_limit: 2 * SECOND };
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
        let now = NumericDate::from(UNIX_EPOCH + Duration::from_secs(self.clock.load(Ordering::Relaxed)));
        let token = OpaqueToken::parse(token.as_bytes()).unwrap();
        self.introspector.look_up(token, Origin::Unverified, now, || -> Judge { Box::new(judge) })
    }

    /// Waits for the outcome as a request does.
    pub(super) async fn ask(&self, token: &str) -> String {
        shown(&match self.look_up(token) {
            Introspected::Settled(outcome) => outcome,
            Introspected::Pending(pending) => pending.settled().await,
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
) -> Result<Claims, NotAccepted> {
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
