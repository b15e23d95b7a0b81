//! The layer: tokens in requests, and rejections in an API's responses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::Body;
use http::header::{AUTHORIZATION, LOCATION, WWW_AUTHENTICATE};
use http::{Request, Response};
use http_body_util::Full;
use scopegate_client::{AddToken, CallError, ClientAuthentication, ClientCredentials, Error};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::bearer;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt, service_fn};

use crate::recorder::{Recorder, reply, token};

const API: &str = "https://api.example";
const READ: &str = "https://my-api-server.org/api.read";
const WRITE: &str = "https://my-api-server.org/api.write";

const INVALID_TOKEN: &str = r#"Bearer realm="api", error="invalid_token""#;

/// An API that records tokens, and sends the planned responses. Then it sends 200.
#[derive(Clone, Default)]
struct Api {
    tokens: Arc<Mutex<Vec<Option<String>>>>,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
}

impl Api {
    fn answering<'a>(answers: impl IntoIterator<Item = (u16, &'a str)>) -> Self {
        let answers = answers.into_iter().map(|(status, challenge)| (status, challenge.to_owned()));
        Self { answers: Arc::new(Mutex::new(answers.collect())), ..Self::default() }
    }

    fn answer<B>(&self, request: &Request<B>) -> Response<()> {
        let token = request.headers().get(AUTHORIZATION).map(|value| value.to_str().unwrap().to_owned());
        self.tokens.lock().unwrap().push(token);
        let (status, challenge) =
            self.answers.lock().unwrap().pop_front().unwrap_or_else(|| (200, String::new()));
        let response = Response::builder().status(status);
        let response =
            if challenge.is_empty() { response } else { response.header(WWW_AUTHENTICATE, challenge) };
        response.body(()).unwrap()
    }

    /// Returns the tokens in the order of the requests.
    fn tokens(&self) -> Vec<Option<String>> {
        self.tokens.lock().unwrap().clone()
    }

    async fn call<R>(&self, layer: &AddToken<R>, request: Request<Body>) -> Result<u16, String>
    where
        AddToken<R>: Clone,
        R: Clone,
        scopegate_client::WithToken<ApiService, R>: tower::Service<
                Request<Body>,
                Response = Response<()>,
                Error = CallError<std::convert::Infallible>,
            >,
    {
        let service = layer.layer(ApiService(self.clone()));
        let answer = service.oneshot(request).await;
        answer.map(|answer| answer.status().as_u16()).map_err(|error| format!("{error:?}"))
    }
}

/// An HTTP client.
#[derive(Clone)]
struct ApiService(Api);

impl<B> tower::Service<Request<B>> for ApiService {
    type Response = Response<()>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        std::future::ready(Ok(self.0.answer(&request)))
    }
}

struct Caller {
    issuer: LocalIssuer,
    credentials: ClientCredentials,
    layer: AddToken,
}

impl Caller {
    /// Starts a client that is allowed to read and write, and requests the scope for reading only.
    async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let client = ClientAuthentication::client_secret_basic("local-writer", "local-writer-secret");
        let credentials =
            ClientCredentials::builder(client).token_endpoint(issuer.token_endpoint()).scope(READ);
        let credentials = credentials.acquire_timeout(Duration::from_secs(1)).build().unwrap();
        let layer = AddToken::new(&credentials, API).unwrap();
        Self { issuer, credentials, layer }
    }
}

fn get(url: &str) -> Request<Body> {
    Request::get(url).body(Body::empty()).unwrap()
}

fn insufficient(scope: &str) -> String {
    format!(r#"Bearer realm="api", scope="{scope}", error="insufficient_scope""#)
}

#[tokio::test]
async fn each_request_gets_the_same_token() {
    let caller = Caller::start().await;
    let api = Api::default();
    for _ in 0..3 {
        assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(200));
    }
    let expected = bearer(caller.credentials.token().await.unwrap().secret());
    assert_eq!(api.tokens(), vec![Some(expected); 3]);
    assert_eq!(caller.issuer.token_requests(), 1);
}

#[tokio::test]
async fn other_origin_gets_no_token() {
    // E26
    let caller = Caller::start().await;
    let api = Api::default();
    for (url, added) in [
        ("https://api.example/x", true),
        ("https://API.EXAMPLE:443/x", true),
        ("http://api.example/x", false),
        ("https://api.example:8443/x", false),
        ("https://api.example.evil/x", false),
        ("https://evil/api.example", false),
        ("https://api.example@evil/x", false),
        ("/x", false),
    ] {
        assert_eq!(api.call(&caller.layer, get(url)).await, Ok(200));
        assert_eq!(api.tokens().last().unwrap().is_some(), added, "{url}");
    }
}

#[tokio::test]
async fn redirect_to_other_origin_carries_no_token() {
    // E26: inside a layer that follows redirects, as the documentation says.
    let caller = Caller::start().await;
    let api = Api::default();
    let seen = api.clone();
    let inner = service_fn(move |request: Request<Body>| {
        let mut response = seen.answer(&request);
        if request.uri().host() == Some("api.example") {
            *response.status_mut() = http::StatusCode::FOUND;
            response.headers_mut().insert(LOCATION, "https://evil.example/orders".parse().unwrap());
        }
        std::future::ready(Ok::<_, std::convert::Infallible>(response))
    });
    let mut service = ServiceBuilder::new().layer(&caller.layer).service(inner);
    let mut next = get(&format!("{API}/orders"));
    loop {
        let response = service.ready().await.unwrap().call(next).await.unwrap();
        let Some(location) = response.headers().get(LOCATION) else { break };
        next = get(location.to_str().unwrap());
    }
    let tokens: Vec<_> = api.tokens().iter().map(Option::is_some).collect();
    assert_eq!(tokens, [true, false]);
}

#[tokio::test]
async fn request_with_own_authorization_is_unchanged() {
    let caller = Caller::start().await;
    let api = Api::answering([(401, INVALID_TOKEN)]);
    let mut request = get(&format!("{API}/orders"));
    request.headers_mut().insert(AUTHORIZATION, "Bearer other".parse().unwrap());
    assert_eq!(api.call(&caller.layer, request).await, Ok(401));
    assert_eq!(api.tokens(), [Some("Bearer other".to_owned())]);
    assert_eq!(caller.issuer.token_requests(), 0);
}

#[tokio::test]
async fn rejected_token_is_replaced_and_request_retried_once() {
    // E18
    let caller = Caller::start().await;
    let api = Api::answering([(401, INVALID_TOKEN)]);
    assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(200));
    let tokens = api.tokens();
    assert_eq!(tokens.len(), 2);
    assert_ne!(tokens[0], tokens[1]);
    assert_eq!(caller.issuer.token_requests(), 2);

    // An API that rejects every token causes one retry and one new token per cooldown, not one for
    // each request.
    let caller = Caller::start().await;
    let api = Api::answering([(401, INVALID_TOKEN); 20]);
    for sent in [2, 3, 4, 5] {
        assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(401));
        assert_eq!(api.tokens().len(), sent);
    }
    assert_eq!(caller.issuer.token_requests(), 2);
}

#[tokio::test]
async fn any_401_about_the_token_replaces_it() {
    // FR-D1
    for challenge in
        ["", "Bearer", r#"Bearer realm="x""#, r#"Bearer error="invalid_request""#, "Basic x, Bearer"]
    {
        let caller = Caller::start().await;
        let api = Api::answering([(401, challenge)]);
        assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(200));
        assert_ne!(api.tokens()[0], api.tokens()[1], "{challenge}");
        assert_eq!((api.tokens().len(), caller.issuer.token_requests()), (2, 2), "{challenge}");
    }
}

#[tokio::test]
async fn other_rejections_are_returned_unchanged() {
    // E18, FR-D1: other schemes and causes, and the 403 of a rule (with and without a challenge).
    for (status, challenge) in [
        (401, r#"Basic realm="x""#),
        (401, r#"DPoP algs="ES256", error="use_dpop_nonce""#),
        (401, r#"Bearer error="use_dpop_nonce""#),
        (401, r#"Bearer error="invalid_dpop_proof""#),
        (401, r#"Bearer error="insufficient_user_authentication", acr_values="mfa""#),
        (403, ""),
        (403, r#"Bearer realm="api""#),
        (403, INVALID_TOKEN),
        (407, ""),
        (419, "Bearer"),
        (503, "Bearer"),
    ] {
        let caller = Caller::start().await;
        let layer = caller.layer.clone().with_step_up_to(WRITE.parse().unwrap());
        let api = Api::answering([(status, challenge)]);
        assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(status));
        assert_eq!((api.tokens().len(), caller.issuer.token_requests()), (1, 1), "{status} {challenge}");
        let kept = bearer(caller.credentials.current().unwrap().secret());
        assert_eq!(api.tokens()[0], Some(kept), "{status} {challenge}");
    }
}

/// A second API of the same caller.
const OTHER_API: &str = "https://other.example";

#[tokio::test]
async fn token_rejected_by_one_api_serves_the_other() {
    // FR-D2: the issuer is unavailable, so there is no new token.
    let caller = Caller::start().await;
    let old = caller.credentials.token().await.unwrap();
    let to_other = AddToken::new(&caller.credentials, OTHER_API).unwrap();
    caller.issuer.set_token_fault(Fault::RetryAfter { status: 503, seconds: 60 });
    let api = Api::answering([(401, INVALID_TOKEN)]);
    assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(401));
    let other = Api::default();
    for _ in 0..3 {
        assert_eq!(other.call(&to_other, get(&format!("{OTHER_API}/x"))).await, Ok(200));
    }
    assert_eq!(other.tokens(), vec![Some(bearer(old.secret())); 3]);
    assert_eq!(caller.credentials.current().unwrap().secret(), old.secret());
    // The API that rejected the token does not get it again.
    let error = api.call(&caller.layer, get(&format!("{API}/orders"))).await.unwrap_err();
    assert!(error.starts_with("Token(Unavailable"), "{error}");
    assert_eq!(api.tokens().len(), 1);
}

#[tokio::test]
async fn new_token_replaces_the_rejected_one_for_all() {
    // FR-D2
    let caller = Caller::start().await;
    let to_other = AddToken::new(&caller.credentials, OTHER_API).unwrap();
    // The rejection applies to each layer for the origin.
    let again = AddToken::new(&caller.credentials, API).unwrap();
    let api = Api::answering([(401, INVALID_TOKEN)]);
    assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(200));
    assert_eq!(api.call(&again, get(&format!("{API}/orders"))).await, Ok(200));
    let other = Api::default();
    assert_eq!(other.call(&to_other, get(&format!("{OTHER_API}/x"))).await, Ok(200));
    assert_eq!((&api.tokens()[1], &api.tokens()[2]), (&api.tokens()[2], &other.tokens()[0]));
    assert_ne!(api.tokens()[0], api.tokens()[1]);
    assert_eq!(caller.issuer.token_requests(), 2);
}

#[tokio::test]
async fn request_with_body_is_retried_if_cloned() {
    // E18
    let caller = Caller::start().await;
    let api = Api::answering([(401, INVALID_TOKEN)]);
    let post = || Request::post(format!("{API}/orders")).body(Body::from("tea")).unwrap();
    assert_eq!(api.call(&caller.layer, post()).await, Ok(401));
    // This request is not retried, but the next request has another token.
    assert_eq!((api.tokens().len(), caller.issuer.token_requests()), (1, 1));
    assert_eq!(api.call(&caller.layer, post()).await, Ok(200));
    assert_ne!(api.tokens()[0], api.tokens()[1]);
    assert_eq!(caller.issuer.token_requests(), 2);
    // Other rejections change nothing, and no unusable token is requested.
    let layer = caller.layer.clone().with_step_up_to(WRITE.parse().unwrap());
    for answer in [(401, "Basic"), (403, INVALID_TOKEN), (403, &insufficient(WRITE))] {
        let api = Api::answering([answer]);
        assert_eq!(api.call(&layer, post()).await, Ok(answer.0));
        assert_eq!((api.tokens().len(), caller.issuer.token_requests()), (1, 2));
    }

    let bodies = Arc::new(Mutex::new(Vec::new()));
    let api = Api::answering([(401, INVALID_TOKEN)]);
    let (seen, kept) = (api.clone(), Arc::clone(&bodies));
    let inner = service_fn(move |request: Request<Full<bytes::Bytes>>| {
        let answer = seen.answer(&request);
        let kept = Arc::clone(&kept);
        async move {
            let body = http_body_util::BodyExt::collect(request.into_body()).await.unwrap().to_bytes();
            kept.lock().unwrap().push(body);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let caller = Caller::start().await;
    let service = caller.layer.clone().with_cloned_bodies().layer(inner);
    let post = Request::post(format!("{API}/orders")).header("idempotency-key", "1");
    let answer = service.oneshot(post.body(Full::from("tea")).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(*bodies.lock().unwrap(), ["tea", "tea"]);
}

#[tokio::test]
async fn failed_renewal_returns_the_api_response() {
    // E18
    let caller = Caller::start().await;
    caller.credentials.token().await.unwrap();
    caller.issuer.set_token_fault(Fault::RetryAfter { status: 503, seconds: 60 });
    let api = Api::answering([(401, INVALID_TOKEN)]);
    assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(401));
}

#[tokio::test]
async fn request_without_token_is_not_sent() {
    let caller = Caller::start().await;
    caller.issuer.set_token_fault(Fault::RetryAfter { status: 503, seconds: 60 });
    let api = Api::default();
    let service = caller.layer.layer(ApiService(api.clone()));
    let error = service.oneshot(get(&format!("{API}/orders"))).await.unwrap_err();
    assert!(matches!(error, CallError::Token(Error::Unavailable { .. })));
    assert!(api.tokens().is_empty());
}

#[tokio::test]
async fn step_up_needs_challenge_and_allowed_scopes() {
    // RFC 6750 §3.1
    let step = insufficient(&format!("{READ} {WRITE}"));
    let caller = Caller::start().await;
    let api = Api::answering([(403, step.as_str())]);
    let layer = caller.layer.clone().with_step_up_to(WRITE.parse().unwrap());
    assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(200));
    assert_eq!(api.tokens().len(), 2);
    let wider = caller.credentials.for_scopes([READ, WRITE]).unwrap().token().await.unwrap();
    assert_eq!(api.tokens()[1], Some(bearer(wider.secret())));

    // The next request starts with the ordinary token, and causes no further request to the issuer.
    api.answers.lock().unwrap().push_back((403, step.clone()));
    assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(200));
    assert_eq!(api.tokens()[2], api.tokens()[0]);
    assert_eq!(caller.issuer.token_requests(), 2);

    // The scopes are not allowed, so the caller gets the response.
    let api = Api::answering([(403, step.as_str())]);
    assert_eq!(api.call(&caller.layer, get(&format!("{API}/orders"))).await, Ok(403));
    assert_eq!(api.tokens().len(), 1);
}

#[tokio::test]
async fn step_up_is_bounded_by_scopes_and_attempts() {
    let caller = Caller::start().await;
    let layer = caller.layer.clone().with_step_up_to(WRITE.parse().unwrap());
    for scope in [format!("{WRITE} admin"), String::new(), "admin".to_owned()] {
        let api = Api::answering([(403, insufficient(&scope).as_str())]);
        assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(403), "{scope}");
        assert_eq!(api.tokens().len(), 1, "{scope}");
    }
    let step = insufficient(WRITE);
    let api = Api::answering([(403, step.as_str()); 5]);
    assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(403));
    assert_eq!(api.tokens().len(), 2, "once");
    // A rejected token and a step-up are each handled once, in either order.
    let caller = Caller::start().await;
    let layer = caller.layer.clone().with_step_up_to(WRITE.parse().unwrap());
    let api = Api::answering([(401, INVALID_TOKEN), (403, step.as_str()), (401, INVALID_TOKEN)]);
    assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(401));
    assert_eq!(api.tokens().len(), 3);
}

#[tokio::test]
async fn step_up_ends_if_issuer_grants_less() {
    for (answer, calls) in [
        (reply(400, r#"{"error":"invalid_scope"}"#), 1),
        (token("narrow", &format!(r#","scope":"{READ}""#)), 1),
        (token("wide", &format!(r#","scope":"{READ} {WRITE}""#)), 2),
        (token("unsaid", ""), 2),
    ] {
        let issuer = Recorder::start(answer).await;
        issuer.then([token("first", "")]);
        let client = ClientAuthentication::client_secret_basic("report", "s3cret");
        let credentials =
            ClientCredentials::builder(client).token_endpoint(issuer.endpoint()).scope(READ).build().unwrap();
        let layer = AddToken::new(&credentials, API).unwrap().with_step_up_to(WRITE.parse().unwrap());
        let api = Api::answering([(403, insufficient(WRITE).as_str())]);
        let status = api.call(&layer, get(&format!("{API}/orders"))).await.unwrap();
        assert_eq!(status, if calls == 2 { 200 } else { 403 });
        assert_eq!((api.tokens().len(), issuer.count()), (calls, 2));
    }
}

#[tokio::test]
async fn unavailable_scope_does_not_block_other_step_ups() {
    const UNAVAILABLE: &str = "orders/unavailable";
    let caller = Caller::start().await;
    let layer = caller.layer.clone().with_step_up_to(format!("{WRITE} {UNAVAILABLE}").parse().unwrap());
    let api = Api::answering([(403, insufficient(UNAVAILABLE).as_str())]);
    assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(403));
    let asked = caller.issuer.token_requests();
    let api = Api::answering([(403, insufficient(WRITE).as_str())]);
    assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(200), "this scope is available");
    assert_eq!(caller.issuer.token_requests(), asked + 1);

    // An API that names it together with each other scope in turn cannot cause as many token
    // requests.
    let asked = caller.issuer.token_requests();
    let others: Vec<_> = (0..20).map(|n| format!("orders/{n}")).collect();
    let scopes = format!("{} {UNAVAILABLE}", others.join(" ")).parse().unwrap();
    let layer = caller.layer.clone().with_step_up_to(scopes);
    for other in &others {
        let api = Api::answering([(403, insufficient(&format!("{UNAVAILABLE} {other}")).as_str())]);
        assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(403));
    }
    assert_eq!(caller.issuer.token_requests(), asked + 1);
}

#[tokio::test]
async fn request_is_not_retried_with_same_token() {
    let caller = Caller::start().await;
    let layer = caller.layer.clone().with_step_up_to(WRITE.parse().unwrap());
    let api = Api::answering([(403, insufficient(READ).as_str())]);
    assert_eq!(api.call(&layer, get(&format!("{API}/orders"))).await, Ok(403));
    assert_eq!((api.tokens().len(), caller.issuer.token_requests()), (1, 1));
}

#[tokio::test]
async fn request_waiting_for_token_holds_no_permit() {
    let caller = Caller::start().await;
    caller.issuer.set_token_fault(Fault::Drip);
    let api = Api::default();
    let limited = ServiceBuilder::new().layer(ConcurrencyLimitLayer::new(1)).service(ApiService(api.clone()));
    let mut service = caller.layer.layer(limited);
    let ready = ServiceExt::<Request<Body>>::ready(&mut service).await.unwrap();
    let waiting = tokio::spawn(ready.call(get(&format!("{API}/orders"))));
    // A request that needs no token is sent meanwhile.
    let ready = ServiceExt::<Request<Body>>::ready(&mut service).await.unwrap();
    let other = ready.call(get("https://other.example/")).await.unwrap();
    assert_eq!(other.status(), 200);
    waiting.abort();
}

#[tokio::test]
async fn call_with_cached_token_allocates_nothing() {
    let caller = Caller::start().await;
    caller.credentials.token().await.unwrap();
    let inner = service_fn(|_: Request<Full<bytes::Bytes>>| {
        std::future::ready(Ok::<_, std::convert::Infallible>(Response::new(())))
    });
    let mut service = caller.layer.layer(inner);
    // A body that is not empty is not copied for a retry, and the header map has room for the
    // token.
    let mut request = Request::post(format!("{API}/orders")).body(Full::from("tea")).unwrap();
    request.headers_mut().reserve(1);
    let mut answer = None;
    let cost = allocation_counter::measure(|| {
        let mut response = std::pin::pin!(service.call(request));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        answer = Some(response.as_mut().poll(&mut context).is_ready());
    });
    assert_eq!((answer, cost.count_total), (Some(true), 0));
}
