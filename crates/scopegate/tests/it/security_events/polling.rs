//! Are events of a poll endpoint acknowledged after they took effect, and are failures visible?

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse as _;
use axum::routing::post;
use http::HeaderValue;
use scopegate::{Error, FetchAuthorization, Issuer, Revocations, SecurityEvents, Transmitter, Verifier};
use scopegate_issuer::{LocalIssuer, Mint};
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, KEY, Token as _, builder_trusting, issuer_with_keys, pass};

use super::fixture::{RECEIVER, iss_sub};

/// Waits for something that happens over sockets.
async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..1_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not happen within 10 s");
}

struct Local {
    issuer: LocalIssuer,
    revocations: Revocations,
    verifier: Verifier,
    events: SecurityEvents,
}

impl Local {
    async fn start() -> Self {
        Self::polling_every(Duration::from_millis(100)).await
    }

    async fn polling_every(interval: Duration) -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let revocations = Revocations::new();
        let verifier = builder_trusting(&issuer).revocations(&revocations).start().await.unwrap();
        let transmitter = Issuer::cognito_at(issuer.issuer()).unwrap().audience(RECEIVER);
        let transmitter = Transmitter::new(transmitter).poll_endpoint(issuer.poll_endpoint());
        let transmitter = transmitter.poll_interval(interval);
        let events = SecurityEvents::builder(&verifier).transmitter(transmitter).start().unwrap();
        Self { issuer, revocations, verifier, events }
    }

    fn token(&self, session: &str) -> String {
        self.issuer.mint().claim("sid", session).sign()
    }

    fn set(&self, session: &str) -> Mint {
        let session = json!({ "format": "opaque", "id": session });
        let set = self.issuer.security_event(RECEIVER).event(Mint::SESSION_REVOKED, json!({}));
        set.claim("sub_id", json!({ "format": "complex", "session": session }))
    }
}

#[tokio::test]
async fn queued_event_revokes_and_is_acknowledged() {
    // RV03, RV06: over sockets, with a cached token
    let local = Local::start().await;
    let (token, other) = (local.token("session-1"), local.token("session-2"));
    for token in [&token, &token, &other] {
        assert!(local.verifier.verify(token).is_ok());
    }
    local.issuer.queue_event(&local.set("session-1"));
    until(|| local.issuer.waiting_events() == 0).await;
    // It is acknowledged, so it is effective.
    assert!(matches!(local.verifier.verify(&token), Err(Error::Revoked { claim: "sid", .. })));
    assert!(local.verifier.verify(&other).is_ok());
    assert!(local.issuer.rejected_events().is_empty());
}

#[tokio::test]
async fn rejected_event_is_reported_with_its_code() {
    // RV06
    let local = Local::start().await;
    local.issuer.queue_event(&local.set("session-1").claim("aud", "other").claim("jti", "a"));
    local.issuer.queue_event(&local.set("session-1").bad_signature().claim("jti", "b"));
    local.issuer.queue_event(&local.set("session-2").claim("jti", "c"));
    until(|| local.issuer.waiting_events() == 0).await;
    let mut rejected = local.issuer.rejected_events();
    rejected.sort();
    let expected = [("a", "invalid_audience"), ("b", "invalid_key")];
    assert_eq!(rejected, expected.map(|(id, code)| (id.to_owned(), code.to_owned())));
    assert!(local.verifier.verify(local.token("session-1")).is_ok());
    assert!(local.verifier.verify(local.token("session-2")).is_err());
}

#[tokio::test]
async fn event_waits_for_fetch_during_cooldown() {
    // RV06
    let local = Local::start().await;
    // An attacker invents a key id shortly before the rotation.
    let invented = local.issuer.mint().header("kid", "invented").sign();
    assert!(local.verifier.verify_or_refresh(&invented).await.is_err());
    local.issuer.rotate();
    local.issuer.queue_event(&local.set("session-1"));
    let failure = || local.revocations.status().sources[0].last_failure.clone().unwrap_or_default();
    until(|| failure().contains("were not fetched since")).await;
    let polls = local.issuer.polls();
    until(|| local.issuer.polls() > polls + 1).await;
    assert_eq!((local.issuer.waiting_events(), local.issuer.rejected_events()), (1, Vec::new()));
    pass(Duration::from_secs(31)).await;
    until(|| local.issuer.waiting_events() == 0).await;
    assert!(local.issuer.rejected_events().is_empty(), "it is acknowledged");
    assert!(local.verifier.verify_or_refresh(local.token("session-1")).await.is_err());
    until(|| failure().is_empty()).await;
}

#[tokio::test]
async fn event_with_unpublished_key_is_held_for_a_period() {
    // RV06
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let local = Local::start().await;
    local.issuer.queue_event(&local.set("session-1").header("kid", "invented").claim("jti", "a"));
    local.issuer.queue_event(&local.set("session-2").claim("jti", "b"));
    until(|| local.issuer.waiting_events() == 1 && local.revocations.status().ready).await;
    // It stops no other event, and the feed is current.
    assert!(local.verifier.verify(local.token("session-2")).is_err());
    let polls = local.issuer.polls();
    until(|| local.issuer.polls() > polls + 2).await;
    assert_eq!((local.issuer.waiting_events(), local.issuer.rejected_events()), (1, Vec::new()));
    let source = local.revocations.status().sources.remove(0);
    assert_eq!((source.last_failure, source.held), (None, 1));
    assert_eq!(log.take().matches("security event waits for its key").count(), 1);
    // The default refresh period.
    pass(Duration::from_secs(600)).await;
    until(|| local.issuer.waiting_events() == 0).await;
    assert_eq!(local.issuer.rejected_events(), [("a".to_owned(), "invalid_key".to_owned())]);
    until(|| local.revocations.status().sources[0].held == 0).await;
}

#[tokio::test]
async fn many_held_events_are_accepted_once_published() {
    // RV06: the transmitter rotates its key during an incident.
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::WARN);
    let local = Local::start().await;
    until(|| local.revocations.status().ready).await;
    local.issuer.rotate_unpublished();
    for n in 0..120 {
        local.issuer.queue_event(&local.set(&n.to_string()));
    }
    let held = || local.revocations.status().sources[0].held;
    until(|| held() == 100).await;
    let warnings = log.take().matches("security event waits for its key").count();
    assert!(warnings <= 10, "{warnings} of 100");
    // The others have arrived after the fetch. They are confirmed after the cooldown.
    pass(Duration::from_secs(31)).await;
    until(|| held() == 120).await;
    assert_eq!((local.issuer.waiting_events(), local.issuer.rejected_events()), (120, Vec::new()));
    local.issuer.publish();
    pass(Duration::from_secs(61)).await;
    until(|| local.issuer.waiting_events() == 0).await;
    assert_eq!((local.revocations.status().entries, local.issuer.rejected_events()), (120, Vec::new()));
    until(|| held() == 0).await;
}

#[tokio::test]
async fn held_event_causes_no_further_polls() {
    let local = Local::polling_every(Duration::from_secs(5)).await;
    local.issuer.queue_event(&local.set("session-1").header("kid", "invented"));
    until_later(|| local.revocations.status().ready).await;
    let before = local.issuer.polls();
    elapse(Duration::from_secs(60)).await;
    // Every 5 s, with a jitter of 10 %.
    let polls = local.issuer.polls() - before;
    assert!((5..=14).contains(&polls), "{polls} polls in 60 s");
    assert_eq!((local.issuer.waiting_events(), local.issuer.rejected_events()), (1, Vec::new()));
}

#[tokio::test]
async fn more_events_than_one_response_holds_arrive() {
    let local = Local::start().await;
    for n in 0..150 {
        local.issuer.queue_event(&local.set(&n.to_string()));
    }
    until(|| local.issuer.waiting_events() == 0).await;
    assert_eq!(local.revocations.status().entries, 150);
}

#[tokio::test]
async fn polling_ends_with_its_receiver() {
    let Local { issuer, revocations, verifier, events } = Local::start().await;
    until(|| issuer.polls() > 0).await;
    drop(events);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let polls = issuer.polls();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(issuer.polls(), polls);
    // Other feeds report their end, too.
    let failure = || revocations.status().sources[0].last_failure.clone();
    assert_eq!(failure().as_deref(), Some("its receiver was dropped"));
    // Another one takes its place.
    let transmitter = || {
        let transmitter = Issuer::cognito_at(issuer.issuer()).unwrap().audience(RECEIVER);
        Transmitter::new(transmitter).poll_endpoint(issuer.poll_endpoint())
    };
    let start = || SecurityEvents::builder(&verifier).transmitter(transmitter()).start();
    let next = start().unwrap();
    until(|| issuer.polls() > polls).await;
    until(|| failure().is_none()).await;
    let error = start().unwrap_err().to_string();
    assert!(
        error.contains("expected one receiver for each transmitter, found security events of"),
        "{error}"
    );
    assert_eq!(failure(), None);
    drop(next);
}

/// Advances the clock in small steps, and lets sockets work in between.
async fn elapse(time: Duration) {
    for _ in 0..time.as_millis() / 100 {
        pass(Duration::from_millis(100)).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Advances the clock until the condition holds.
async fn until_later(mut condition: impl FnMut() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        elapse(Duration::from_secs(1)).await;
    }
    panic!("it did not happen within 200 s");
}

/// A transmitter whose responses a test decides.
#[derive(Clone, Default)]
struct Transmitting {
    response: Arc<Mutex<(u16, String)>>,
    requests: Arc<Mutex<Vec<(HeaderMap, Value)>>>,
}

impl Transmitting {
    async fn start() -> (Self, String) {
        let server = Self::default();
        server.respond(200, &json!({ "sets": {} }).to_string());
        let (listener, url) = testkit::listen().await;
        let router = Router::new().route(
            "/poll",
            post({
                let server = server.clone();
                async move |headers: HeaderMap, body: String| {
                    let body = serde_json::from_str(&body).unwrap();
                    server.requests.lock().unwrap().push((headers, body));
                    let (status, body) = server.response.lock().unwrap().clone();
                    (StatusCode::from_u16(status).unwrap(), body).into_response()
                }
            }),
        );
        testkit::serve_on(listener, router);
        (server, format!("{url}/poll"))
    }

    fn respond(&self, status: u16, body: &str) {
        *self.response.lock().unwrap() = (status, body.to_owned());
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn last(&self) -> (HeaderMap, Value) {
        self.requests.lock().unwrap().last().unwrap().clone()
    }
}

fn transmitter(url: &str) -> Transmitter {
    Transmitter::new(issuer_with_keys([KEY.jwk()]).audience(RECEIVER)).poll_endpoint(url)
}

fn verifier(revocations: &Revocations) -> Verifier {
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    Verifier::builder().trust(issuer).revocations(revocations).start_lazy().unwrap()
}

fn set() -> Mint {
    let set = Mint::security_event(ISSUER, RECEIVER).event(Mint::SESSION_REVOKED, json!({}));
    set.claim("sub_id", iss_sub(ISSUER, "user-1"))
}

#[tokio::test]
async fn failed_polls_back_off_and_are_visible() {
    // RV08, RV09
    let (server, url) = Transmitting::start().await;
    server.respond(503, "");
    let revocations = Revocations::new();
    let verifier = verifier(&revocations);
    let transmitter = transmitter(&url).max_feed_age(Duration::from_secs(300));
    let _events = SecurityEvents::builder(&verifier).transmitter(transmitter).start().unwrap();
    elapse(Duration::from_secs(60)).await;
    let failed = server.count();
    assert!((3..=30).contains(&failed), "{failed} attempts in 60 s");
    let status = revocations.status();
    assert!(!status.ready && !status.fresh, "not ready before the first success");
    let failure = status.sources[0].last_failure.as_deref();
    assert_eq!(failure, Some("expected status 200, found 503"));
    let token =
        testkit::client_token().issued_at(0).claim("iat", Value::Null).claim("exp", 4_000_000_000_u64);
    let error = verifier.verify(token.compact()).unwrap_err();
    assert!(matches!(error, Error::RevocationsUnavailable { .. }), "{error:?}");

    server.respond(200, r#"{"sets":{}}"#);
    until_later(|| revocations.status().ready).await;
    assert!(revocations.status().fresh);
    assert!(verifier.verify(token.compact()).is_ok());
    // Every 5 s, with a jitter of 10 %.
    let before = server.count();
    elapse(Duration::from_secs(60)).await;
    let polls = server.count() - before;
    assert!((5..=14).contains(&polls), "{polls} polls in 60 s");

    for body in ["no JSON", "{}", r#"{"sets":{"a":"x"},"moreAvailable":1}"#, &" ".repeat(5 * 1024 * 1024 + 1)]
    {
        server.respond(200, body);
        until_later(|| revocations.status().sources[0].last_failure.is_some()).await;
        server.respond(200, r#"{"sets":{}}"#);
        until_later(|| revocations.status().sources[0].last_failure.is_none()).await;
    }
}

#[tokio::test]
async fn results_are_repeated_until_a_poll_succeeds() {
    let (server, url) = Transmitting::start().await;
    let revocations = Revocations::new();
    let verifier = verifier(&revocations);
    let _events = SecurityEvents::builder(&verifier).transmitter(transmitter(&url)).start().unwrap();
    until_later(|| server.count() > 0).await;
    let (headers, body) = server.last();
    assert_eq!(body, json!({ "maxEvents": 100, "returnImmediately": true, "ack": [] }));
    assert_eq!(headers["content-type"], "application/json");
    assert!(!headers.contains_key("authorization"));

    server.respond(200, &json!({ "sets": { "a": set().compact(), "b": "x.y.z", "c": 7 } }).to_string());
    until_later(|| revocations.status().entries > 0).await;
    server.respond(500, "");
    until_later(|| revocations.status().sources[0].last_failure.is_some()).await;
    let results = |body: &Value| (body["ack"].clone(), body["setErrs"]["b"]["err"].clone());
    let expected = (json!(["a"]), json!("invalid_request"));
    assert_eq!(results(&server.last().1), expected);
    assert_eq!(server.last().1["setErrs"]["c"]["err"], "invalid_request");
    let failed = server.count();
    until_later(|| server.count() > failed).await;
    assert_eq!(results(&server.last().1), expected);
    server.respond(200, r#"{"sets":{}}"#);
    until_later(|| server.last().1["ack"] == json!([])).await;
}

#[tokio::test]
async fn unprocessed_event_has_no_result() {
    let (server, url) = Transmitting::start().await;
    let revocations = Revocations::builder().capacity(1).build();
    let verifier = verifier(&revocations);
    revocations.revoke(scopegate::Revocation::session(ISSUER, "other")).unwrap();
    server.respond(200, &json!({ "sets": { "a": set().compact() } }).to_string());
    let _events = SecurityEvents::builder(&verifier).transmitter(transmitter(&url)).start().unwrap();
    until_later(|| server.count() > 1).await;
    assert_eq!(server.last().1["ack"], json!([]));
    assert_eq!(server.last().1.get("setErrs"), None);
    let status = revocations.status();
    assert!(!status.ready);
    let source = status.sources.iter().find(|source| source.name.contains(ISSUER)).unwrap();
    assert!(source.last_failure.as_deref().unwrap().contains("full"), "{source:?}");
    revocations.withdraw(&scopegate::Revocation::session(ISSUER, "other"));
    until_later(|| server.last().1["ack"] == json!(["a"])).await;
}

#[tokio::test]
async fn credentials_are_read_for_each_poll() {
    let (server, url) = Transmitting::start().await;
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let authorization = FetchAuthorization::callback(move || {
        let call = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            match call {
                0 => Err("the vault is sealed"),
                1 => panic!("a bug of the application"),
                call => Ok(HeaderValue::from_str(&format!("Bearer token-{call}")).unwrap()),
            }
        }
    });
    let revocations = Revocations::new();
    let verifier = verifier(&revocations);
    let transmitter = transmitter(&url).poll_authorization(authorization);
    let _events = SecurityEvents::builder(&verifier).transmitter(transmitter).start().unwrap();
    until_later(|| revocations.status().ready).await;
    assert_eq!(server.requests.lock().unwrap()[0].0["authorization"], "Bearer token-2");
}

#[test]
fn unusable_poll_settings_are_rejected() {
    let revocations = Revocations::new();
    let with_runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _guard = with_runtime.enter();
    let verifier = verifier(&revocations);
    let message = |transmitter: Transmitter| {
        SecurityEvents::builder(&verifier).transmitter(transmitter).start().unwrap_err().to_string()
    };
    let url = "https://events.example/poll";
    assert!(message(transmitter("http://events.example/poll")).contains("poll endpoint"));
    assert!(message(transmitter("")).contains("poll endpoint"));
    for millis in [99, 3_600_001] {
        let transmitter = transmitter(url).poll_interval(Duration::from_millis(millis));
        assert!(message(transmitter).contains("100 ms to 1 h"));
    }
    for seconds in [0, 30 * 24 * 3_600 + 1] {
        let transmitter = transmitter(url).max_feed_age(Duration::from_secs(seconds));
        assert!(message(transmitter).contains("1 s to 30 days"));
    }
    // The default interval is 5 s.
    let message_of_age = message(transmitter(url).max_feed_age(Duration::from_secs(3)));
    let expected =
        "feed age: expected at least twice the poll interval, found 3 s with a poll interval of 5 s";
    assert!(message_of_age.contains(expected), "{message_of_age}");
    let twice = transmitter(url).max_feed_age(Duration::from_secs(10));
    assert!(SecurityEvents::builder(&verifier).transmitter(twice).start().is_ok());
    let empty = transmitter(url).poll_authorization(FetchAuthorization::bearer_file(""));
    assert!(message(empty).contains("the path of a token file"));
    let pushed = || Transmitter::new(issuer_with_keys([KEY.jwk()]).audience(RECEIVER));
    let secret = pushed().poll_authorization(FetchAuthorization::bearer_file("/token"));
    assert!(message(secret).contains("poll endpoint: expected a URL"));
    assert!(message(pushed().max_feed_age(Duration::from_secs(9))).contains("poll endpoint: expected a URL"));
}
