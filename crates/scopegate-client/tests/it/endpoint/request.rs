//! The exact request to a token endpoint.

use scopegate_client::{ClientAuthentication, ClientCredentials, ClientCredentialsBuilder};

use crate::recorder::{Received, Recorder, reply, token};

fn basic() -> ClientAuthentication {
    ClientAuthentication::client_secret_basic("report", "s3cret")
}

/// Returns the only request of these credentials.
async fn sent(with: impl FnOnce(&str) -> ClientCredentialsBuilder) -> Received {
    let server = Recorder::start(token("t", "")).await;
    let credentials = with(&server.endpoint()).build().unwrap();
    assert_eq!(credentials.token().await.unwrap().secret(), "t");
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    requests[0].clone()
}

#[tokio::test]
async fn request_posts_form_with_grant_and_scopes() {
    // E02, E03
    let request =
        sent(|endpoint| ClientCredentials::builder(basic()).token_endpoint(endpoint).scopes(["b", "a", "b"]))
            .await;
    assert_eq!((request.method.as_str(), request.uri.to_string().as_str()), ("POST", "/token"));
    assert_eq!(request.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(request.header("accept"), Some("application/json"));
    assert_eq!(request.body, "grant_type=client_credentials&scope=a+b");
}

#[tokio::test]
async fn request_without_scopes_sends_no_scope() {
    // E03
    let request = sent(|endpoint| ClientCredentials::builder(basic()).token_endpoint(endpoint)).await;
    assert_eq!(request.body, "grant_type=client_credentials");
}

#[tokio::test]
async fn endpoint_query_is_kept_without_the_secret() {
    // E02, E06
    for client in [basic(), ClientAuthentication::client_secret_post("report", "s3cret")] {
        let request = sent(|endpoint| {
            ClientCredentials::builder(client).token_endpoint(format!("{endpoint}?tenant=1"))
        })
        .await;
        assert_eq!(request.uri.to_string(), "/token?tenant=1");
    }
}

#[tokio::test]
async fn resources_are_sent_as_written() {
    // E19
    let request = sent(|endpoint| {
        let credentials = ClientCredentials::builder(basic()).token_endpoint(endpoint);
        credentials.resource("https://api.example/v1").resource("urn:orders")
    })
    .await;
    let resources: Vec<_> = request.form().into_iter().filter(|(name, _)| name == "resource").collect();
    let values: Vec<_> = resources.iter().map(|(_, value)| value.as_str()).collect();
    assert_eq!(values, ["https://api.example/v1", "urn:orders"]);
}

#[tokio::test]
async fn parameters_are_sent_without_repeated_names() {
    // E02
    let request = sent(|endpoint| {
        let client = ClientAuthentication::client_secret_post("report", "s3cret");
        let credentials = ClientCredentials::builder(client).token_endpoint(endpoint).scope("a");
        credentials.parameter("audience", "https://api.example/ é&=")
    })
    .await;
    assert_eq!(request.parameter("audience").unwrap(), "https://api.example/ é&=");
    let mut names: Vec<_> = request.form().into_iter().map(|(name, _)| name).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), all, "{names:?}");
}

#[tokio::test]
async fn refresh_token_is_never_used() {
    // E13
    let server = Recorder::start(token("t1", r#","expires_in":3600,"refresh_token":"r3fresh""#)).await;
    let credentials = ClientCredentials::builder(basic()).token_endpoint(server.endpoint()).build().unwrap();
    let first = credentials.token().await.unwrap();
    credentials.reject(&first);
    credentials.token().await.unwrap();
    for request in server.requests() {
        assert_eq!(request.parameter("grant_type").unwrap(), "client_credentials");
        assert!(!request.body.contains("r3fresh"));
    }
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn redirect_is_not_followed() {
    // E06, E26: the secret is sent to the configured URL only.
    let elsewhere = Recorder::start(token("t", "")).await;
    for status in [301, 302, 303, 307, 308] {
        let server = Recorder::start(reply(status, "").with("location", elsewhere.endpoint())).await;
        let credentials =
            ClientCredentials::builder(basic()).token_endpoint(server.endpoint()).build().unwrap();
        assert!(credentials.token().await.is_err(), "{status}");
        assert_eq!(server.count(), 1);
    }
    assert_eq!(elsewhere.count(), 0);
}
