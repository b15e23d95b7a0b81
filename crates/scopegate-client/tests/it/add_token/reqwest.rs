//! `AddToken::send`, for requests of `reqwest`.

use reqwest::Client;
use scopegate_client::{AddToken, CallError, ClientAuthentication, ClientCredentials, Error};
use scopegate_issuer::LocalIssuer;
use testkit::bearer;

use crate::recorder::{Recorder, reply};

const READ: &str = "https://my-api-server.org/api.read";
const WRITE: &str = "https://my-api-server.org/api.write";
const INVALID_TOKEN: &str = r#"Bearer error="invalid_token""#;

struct Caller {
    issuer: LocalIssuer,
    api: Recorder,
    credentials: ClientCredentials,
    to_api: AddToken,
    http: Client,
}

impl Caller {
    async fn start() -> Self {
        let issuer = LocalIssuer::start().await.unwrap();
        let api = Recorder::start(reply(200, "orders")).await;
        let client = ClientAuthentication::client_secret_basic("local-writer", "local-writer-secret");
        let credentials =
            ClientCredentials::builder(client).issuer(issuer.issuer()).scope(READ).build().unwrap();
        let to_api = AddToken::new(&credentials, &api.url).unwrap();
        Self { issuer, api, credentials, to_api, http: Client::builder().no_proxy().build().unwrap() }
    }

    fn tokens(&self) -> Vec<Option<String>> {
        let requests = self.api.requests();
        requests.iter().map(|request| request.header("authorization").map(ToOwned::to_owned)).collect()
    }
}

#[tokio::test]
async fn send_adds_token_for_the_api_only() {
    // E26
    let caller = Caller::start().await;
    let answer = caller.to_api.send(caller.http.get(format!("{}/orders", caller.api.url))).await.unwrap();
    assert_eq!(answer.text().await.unwrap(), "orders");
    let elsewhere = Recorder::start(reply(401, "").with("www-authenticate", INVALID_TOKEN)).await;
    let answer = caller.to_api.send(caller.http.get(&elsewhere.url)).await.unwrap();
    assert_eq!(answer.status(), 401);
    let expected = bearer(caller.credentials.token().await.unwrap().secret());
    assert_eq!(caller.tokens(), [Some(expected)]);
    assert_eq!(elsewhere.requests()[0].header("authorization"), None);
    assert_eq!(caller.issuer.token_requests(), 1);
}

#[tokio::test]
async fn redirect_to_other_host_drops_token() {
    // E26
    let caller = Caller::start().await;
    let elsewhere = Recorder::start(reply(401, "").with("www-authenticate", INVALID_TOKEN)).await;
    caller.api.then([reply(307, "").with("location", format!("{}/orders", elsewhere.url))]);
    let answer = caller.to_api.send(caller.http.get(format!("{}/orders", caller.api.url))).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert!(caller.tokens()[0].is_some());
    assert_eq!(elsewhere.requests()[0].header("authorization"), None);
    assert_eq!((elsewhere.count(), caller.issuer.token_requests()), (1, 1), "not repeated, not renewed");
}

#[tokio::test]
async fn rejection_behind_redirect_is_not_retried() {
    // E18: the order was created, and reading it is rejected.
    let step = format!(r#"Bearer error="insufficient_scope", scope="{WRITE}""#);
    for (status, challenge) in [(401, INVALID_TOKEN), (403, step.as_str())] {
        let caller = Caller::start().await;
        let to_api = caller.to_api.clone().with_step_up_to(WRITE.parse().unwrap());
        let rejection = reply(status, "").with("www-authenticate", challenge);
        caller.api.then([reply(303, "").with("location", "/orders/1"), rejection]);
        let post = caller.http.post(format!("{}/orders", caller.api.url)).body("tea");
        assert_eq!(to_api.send(post).await.unwrap().status(), status);
        let sent = caller.api.requests();
        let sent: Vec<_> = sent.iter().map(|sent| format!("{} {}", sent.method, sent.uri)).collect();
        assert_eq!(sent, ["POST /orders", "GET /orders/1"]);
    }
}

#[tokio::test]
async fn rejected_token_is_replaced_and_body_resent() {
    // E18
    let caller = Caller::start().await;
    caller.api.then([reply(401, "").with("www-authenticate", INVALID_TOKEN)]);
    let post = caller.http.post(format!("{}/orders", caller.api.url)).body("tea");
    assert_eq!(caller.to_api.send(post).await.unwrap().status(), 200);
    let requests = caller.api.requests();
    assert_eq!(requests.iter().map(|request| request.body.as_str()).collect::<Vec<_>>(), ["tea", "tea"]);
    assert_ne!(caller.tokens()[0], caller.tokens()[1]);
}

#[tokio::test]
async fn status_401_replaces_token_over_sockets() {
    // FR-D1: with and without a challenge, and with a challenge of another scheme.
    for (reply, sent) in [
        (reply(401, ""), 2),
        (reply(401, "").with("www-authenticate", r#"Bearer realm="x""#), 2),
        (reply(401, "").with("www-authenticate", r#"Basic realm="x""#), 1),
        (reply(403, "").with("www-authenticate", r#"Bearer realm="x""#), 1),
    ] {
        let caller = Caller::start().await;
        caller.api.then([reply.clone()]);
        let answer = caller.to_api.send(caller.http.get(&caller.api.url)).await.unwrap();
        assert_eq!((answer.status() == 200, caller.api.count()), (sent == 2, sent), "{reply:?}");
        assert_eq!(caller.issuer.token_requests(), sent as u64, "{reply:?}");
    }
}

#[tokio::test]
async fn step_up_needs_allowed_scopes() {
    let caller = Caller::start().await;
    let step = format!(r#"Bearer error="insufficient_scope", scope="{WRITE}""#);
    caller.api.then([reply(403, "").with("www-authenticate", &step)]);
    let request = || caller.http.get(format!("{}/orders", caller.api.url));
    assert_eq!(caller.to_api.send(request()).await.unwrap().status(), 403);
    let to_api = caller.to_api.clone().with_step_up_to(WRITE.parse().unwrap());
    caller.api.then([reply(403, "").with("www-authenticate", &step)]);
    assert_eq!(to_api.send(request()).await.unwrap().status(), 200);
    let wider = caller.credentials.for_scopes([READ, WRITE]).unwrap().current().unwrap();
    assert_eq!(caller.tokens()[2], Some(bearer(wider.secret())));
}

#[tokio::test]
async fn error_distinguishes_token_failure_from_call_failure() {
    let caller = Caller::start().await;
    let error = caller.to_api.send(caller.http.get("no address")).await.unwrap_err();
    assert!(matches!(error, CallError::Call(_)));
    let client = ClientAuthentication::client_secret_basic("local-writer", "wrong");
    let credentials = ClientCredentials::builder(client).issuer(caller.issuer.issuer()).build().unwrap();
    let to_api = AddToken::new(&credentials, &caller.api.url).unwrap();
    let error = to_api.send(caller.http.get(&caller.api.url)).await.unwrap_err();
    assert!(matches!(error, CallError::Token(Error::Rejected { .. })));
    assert_eq!(caller.api.count(), 0);
}
