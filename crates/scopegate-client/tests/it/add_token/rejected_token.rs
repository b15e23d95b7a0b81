//! What follows if an API rejects a token?

use std::sync::{Arc, Mutex};

use axum::body::Body;
use http::Request;
use http_body_util::Full;
use scopegate_client::AddToken;
use scopegate_issuer::Fault;
use testkit::bearer;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::add_token::fixture::{API, Api, Caller, INVALID_TOKEN, WRITE, get, insufficient};

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
