//! Does a transmitter that pushes security events get the responses of RFC 8935, and are the
//! revocations effective by then?

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, Response};
use axum::routing::get;
use futures_util::stream;
use http_body_util::BodyExt as _;
use scopegate_axum::{
    InvalidBearerToken, Issuer, RequireToken, Revocations, SecurityEventReceiver, SecurityEvents,
    Transmitter, Verifier,
};
use scopegate_issuer::{Fault, LocalIssuer, Mint};
use serde_json::{Value, json};
use testkit::{CLIENT, ISSUER, KEY, NOW, Token as _, builder_at, client_token, issuer_with_keys, poll_once};
use tower::ServiceExt as _;
use tracing::level_filters::LevelFilter;

const RECEIVER: &str = "https://api.example/security-events";
const SECRET: &str = "c2VjcmV0LXRva2Vu";

fn events() -> (Verifier, SecurityEvents) {
    let revocations = Revocations::new();
    let issuer = issuer_with_keys([KEY.jwk()]);
    let verifier = builder_at(NOW).trust(issuer.clone().client(CLIENT)).revocations(&revocations);
    let verifier = verifier.build().unwrap();
    let transmitter = Transmitter::new(issuer.audience(RECEIVER));
    let events = SecurityEvents::builder(&verifier).transmitter(transmitter).start().unwrap();
    (verifier, events)
}

fn receiver() -> (Verifier, SecurityEventReceiver) {
    let (verifier, events) = events();
    (verifier, SecurityEventReceiver::new(&events, SECRET).unwrap())
}

fn token() -> String {
    client_token().claim("sub", "user-1").compact()
}

fn set() -> Mint {
    Mint::security_event(ISSUER, RECEIVER)
        .issued_at(NOW)
        .event(Mint::SESSION_REVOKED, json!({}))
        .claim("sub_id", json!({ "format": "iss_sub", "iss": ISSUER, "sub": "user-1" }))
}

fn push(body: impl Into<Body>) -> Request<Body> {
    let request = Request::post("/").header("content-type", "application/secevent+jwt");
    request.header("authorization", format!("Bearer {SECRET}")).body(body.into()).unwrap()
}

fn without(mut request: Request<Body>, header: &'static str) -> Request<Body> {
    request.headers_mut().remove(header);
    request
}

fn with(mut request: Request<Body>, header: &'static str, value: &'static str) -> Request<Body> {
    request.headers_mut().insert(header, value.parse().unwrap());
    request
}

async fn body_of(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Asserts a response of RFC 8935 §2.3 with this code, and that nothing was revoked.
#[track_caller]
fn assert_rejected(request: Request<Body>, code: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (verifier, receiver) = receiver();
    let response = runtime.block_on(receiver.oneshot(request)).unwrap();
    assert_eq!(response.status(), 400);
    let headers = response.headers();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["content-language"], "en");
    assert_eq!(headers["cache-control"], "no-store");
    let body: Value = serde_json::from_str(&runtime.block_on(body_of(response))).unwrap();
    assert_eq!(body["err"], code, "{body}");
    assert!(body["description"].is_string());
    assert!(verifier.verify(token()).is_ok());
}

#[tokio::test]
async fn pushed_set_is_effective_before_the_response() {
    // RV03, RV06
    let (verifier, receiver) = receiver();
    assert!(verifier.verify(token()).is_ok());
    let set = set().compact();
    // A repeated SET gets the same response (RFC 8935 §2).
    for _ in 0..2 {
        let response = receiver.clone().oneshot(push(set.clone())).await.unwrap();
        assert_eq!(response.status(), 202);
        assert!(verifier.verify(token()).is_err());
        assert_eq!(body_of(response).await, "");
    }
    let with_parameter =
        with(push(self::set().compact()), "content-type", "Application/SecEvent+JWT; charset=utf-8");
    assert_eq!(receiver.oneshot(with_parameter).await.unwrap().status(), 202);
}

#[test]
fn rejected_set_has_the_code_of_its_error() {
    // RV06
    assert_rejected(push(set().header("typ", "JWT").compact()), "invalid_request");
    assert_rejected(push(set().bad_signature().compact()), "invalid_key");
    assert_rejected(push(set().claim("iss", "https://other.example").compact()), "invalid_issuer");
    assert_rejected(push(set().claim("aud", "https://other.example").compact()), "invalid_audience");
    let foreign = json!({ "format": "iss_sub", "iss": "https://other.example", "sub": "user-1" });
    assert_rejected(push(set().claim("sub_id", foreign).compact()), "access_denied");
    assert_rejected(push("not a token"), "invalid_request");
    assert_rejected(push(""), "invalid_request");
}

#[test]
fn sender_without_its_bearer_token_is_rejected() {
    let valid = || push(set().compact());
    assert_rejected(without(valid(), "authorization"), "authentication_failed");
    assert_rejected(with(valid(), "authorization", "Bearer c2VjcmV0LXRva2VX"), "authentication_failed");
    assert_rejected(with(valid(), "authorization", "Basic c2VjcmV0LXRva2Vu"), "authentication_failed");
    let mut twice = valid();
    twice.headers_mut().append("authorization", format!("Bearer {SECRET}").parse().unwrap());
    assert_rejected(twice, "authentication_failed");
}

#[tokio::test]
async fn warnings_of_rejected_requests_are_bounded() {
    let log = testkit::Log::of_thread_without_times(LevelFilter::INFO);
    let (_verifier, receiver) = receiver();
    let unauthenticated = || without(push(set().compact()), "authorization");
    let warnings = async |request: &dyn Fn() -> Request<Body>| {
        for _ in 0..100 {
            assert_eq!(receiver.clone().oneshot(request()).await.unwrap().status(), 400);
        }
        log.take()
            .lines()
            .map(|line| line[line.find("security event").unwrap()..].to_owned())
            .collect::<Vec<_>>()
    };
    let of_sender = warnings(&unauthenticated).await;
    assert_eq!(of_sender, ["security event rejected, its sender has no accepted bearer token"]);
    // Anyone can send them, so they don't hide a rejected event.
    let of_sets = warnings(&|| push("not a token")).await;
    assert!(of_sets.len() == 1 && of_sets[0].contains("invalid_request"), "{of_sets:?}");
    testkit::pass(Duration::from_secs(10)).await;
    assert_eq!(warnings(&unauthenticated).await.len(), 1);
}

#[tokio::test]
async fn next_bearer_token_and_waived_authentication_are_accepted() {
    let (_, events) = events();
    let next = "bmV4dC1zZWNyZXQtdG9rZW4=";
    let receiver = SecurityEventReceiver::new(&events, SECRET).unwrap().with_bearer_token(next).unwrap();
    let any = SecurityEventReceiver::allow_any_sender(&events);
    let request = || without(push(set().compact()), "authorization");
    let with_next = with(request(), "authorization", "Bearer bmV4dC1zZWNyZXQtdG9rZW4=");
    assert_eq!(receiver.clone().oneshot(push(set().compact())).await.unwrap().status(), 202);
    assert_eq!(receiver.clone().oneshot(with_next).await.unwrap().status(), 202);
    assert_eq!(receiver.oneshot(request()).await.unwrap().status(), 400);
    assert_eq!(any.oneshot(request()).await.unwrap().status(), 202);
    let error = SecurityEventReceiver::new(&events, "short").unwrap_err();
    assert!(matches!(error, InvalidBearerToken { found: 5, .. }));
}

#[test]
fn other_content_type_is_rejected() {
    let valid = || push(set().compact());
    assert_rejected(without(valid(), "content-type"), "invalid_request");
    for other in ["application/json", "application/jwt", "application/secevent+jwtx", "text/plain"] {
        assert_rejected(with(valid(), "content-type", other), "invalid_request");
    }
}

#[tokio::test]
async fn other_method_gets_405() {
    let (_, receiver) = receiver();
    for method in [Method::GET, Method::PUT, Method::OPTIONS] {
        let mut request = push(set().compact());
        *request.method_mut() = method;
        let response = receiver.clone().oneshot(request).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
}

#[test]
fn body_of_more_than_64_kib_is_rejected() {
    let set = set().compact();
    let padded = |len: usize| format!("{set}{}", " ".repeat(len - set.len()));
    // Both are no SET; the first one is read completely.
    assert_rejected(push(padded(64 * 1024)), "invalid_request");
    assert_rejected(push(padded(64 * 1024 + 1)), "invalid_request");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    for (len, expected) in [(64 * 1024, "the SET is malformed"), (64 * 1024 + 1, "more than 65536 bytes")] {
        let response = runtime.block_on(receiver().1.oneshot(push(padded(len)))).unwrap();
        assert!(runtime.block_on(body_of(response)).contains(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn slow_body_is_given_up_after_ten_seconds() {
    let (_, receiver) = receiver();
    let body = Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let begun = tokio::time::Instant::now();
    let response = receiver.oneshot(push(body)).await.unwrap();
    assert_eq!((response.status().as_u16(), begun.elapsed()), (400, Duration::from_secs(10)));
    assert!(body_of(response).await.contains("the body is not complete"));
}

#[tokio::test(start_paused = true)]
async fn at_most_64_requests_are_served_at_once() {
    let (_, receiver) = receiver();
    let stalled = || push(Body::from_stream(stream::pending::<Result<Vec<u8>, std::io::Error>>()));
    let mut waiting: Vec<_> = (0..64).map(|_| Box::pin(receiver.clone().oneshot(stalled()))).collect();
    for request in &mut waiting {
        assert!(poll_once(request).await.is_none());
    }
    let response = receiver.clone().oneshot(push(set().compact())).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (503, &"1".parse().unwrap())
    );
    // A sender without the token takes no place, and is rejected as ever.
    let other = receiver.clone().oneshot(without(stalled(), "authorization")).await.unwrap();
    assert_eq!(other.status(), 400);
    waiting.pop();
    assert_eq!(receiver.oneshot(push(set().compact())).await.unwrap().status(), 202);
}

#[tokio::test]
async fn unavailable_keys_get_503() {
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    let verifier = Verifier::builder().trust(issuer).revocations(&revocations).start().await.unwrap();
    local.set_fault(Fault::Status(503));
    let transmitter = Issuer::from_jwks_uri(local.issuer(), &local.jwks_uri()).unwrap().audience(RECEIVER);
    let events =
        SecurityEvents::builder(&verifier).transmitter(Transmitter::new(transmitter)).start().unwrap();
    let receiver = SecurityEventReceiver::new(&events, SECRET).unwrap();
    let response = receiver.oneshot(push(local.security_event(RECEIVER).sign())).await.unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
}

#[tokio::test]
async fn session_that_ends_at_issuer_ends_at_api() {
    // RV03, RV06: over sockets, with a cached token
    let local = LocalIssuer::start().await.unwrap();
    let revocations = Revocations::new();
    let verifier = testkit::builder_trusting(&local).revocations(&revocations).start().await.unwrap();
    let transmitter = Issuer::cognito_at(local.issuer()).unwrap().audience(RECEIVER);
    let events =
        SecurityEvents::builder(&verifier).transmitter(Transmitter::new(transmitter)).start().unwrap();
    let app = Router::new()
        .route("/", get(async || "hello").layer(RequireToken::new(&verifier)))
        .route_service("/security-events", SecurityEventReceiver::new(&events, SECRET).unwrap());
    let (listener, url) = testkit::listen().await;
    testkit::serve_on(listener, app);

    let http = reqwest::Client::new();
    let call = async |session: &str| {
        let token = local.mint().claim("sid", session).claim("jti", session).sign();
        http.get(&url).bearer_auth(token).send().await.unwrap().status().as_u16()
    };
    let endpoint = format!("{url}/security-events");
    let push = async |set: Mint, bearer: &str| local.push_event(&endpoint, Some(bearer), &set).await.unwrap();
    assert_eq!((call("session-1").await, call("session-1").await, call("session-2").await), (200, 200, 200));
    let session = json!({ "format": "complex", "session": { "format": "opaque", "id": "session-1" } });
    let set = local.security_event(RECEIVER).event(Mint::SESSION_REVOKED, json!({})).claim("sub_id", session);
    assert_eq!(push(set.clone(), "c2VjcmV0LXRva2VX").await, 400);
    assert_eq!(call("session-1").await, 200);
    assert_eq!(push(set, SECRET).await, 202);
    assert_eq!((call("session-1").await, call("session-2").await), (401, 200));
}

#[test]
fn debug_shows_no_bearer_token() {
    let shown = format!("{:?}", receiver().1);
    assert!(shown.contains(ISSUER) && !shown.contains(SECRET), "{shown}");
}
