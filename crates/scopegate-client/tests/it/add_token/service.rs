//! Which requests get a token?

use axum::body::Body;
use http::header::{AUTHORIZATION, LOCATION};
use http::{Request, Response};
use http_body_util::Full;
use scopegate_client::{CallError, Error};
use scopegate_issuer::Fault;
use testkit::bearer;
use tower::limit::ConcurrencyLimitLayer;
use tower::{Layer as _, Service as _, ServiceBuilder, ServiceExt, service_fn};

use crate::add_token::fixture::{API, Api, ApiService, Caller, INVALID_TOKEN, get};

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
