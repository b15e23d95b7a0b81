//! When does a request get a token with more scopes?

use scopegate_client::{AddToken, ClientAuthentication, ClientCredentials};
use testkit::bearer;

use crate::add_token::fixture::{API, Api, Caller, INVALID_TOKEN, READ, WRITE, get, insufficient};
use crate::recorder::{Recorder, reply, token};

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
