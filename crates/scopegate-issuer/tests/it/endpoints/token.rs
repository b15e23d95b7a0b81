//! Responses of the token endpoint (RFC 6749 §4.4, §5.1, §5.2).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{RequestBuilder, Response};
use scopegate_issuer::{ClientConfig, Config, Fault, LocalIssuer, PoolConfig};
use serde_json::{Value, json};

use crate::independent;

const READ: &str = "https://my-api-server.org/api.read";
const WRITE: &str = "https://my-api-server.org/api.write";
const FORM: &str = "application/x-www-form-urlencoded";

async fn issuer() -> LocalIssuer {
    LocalIssuer::start().await.unwrap()
}

/// Returns a token request without its body.
fn reader(url: &str) -> RequestBuilder {
    reqwest::Client::new().post(url).basic_auth("local-reader", Some("local-reader-secret"))
}

fn writer(issuer: &LocalIssuer, body: &'static str) -> RequestBuilder {
    let request = reqwest::Client::new().post(issuer.token_endpoint());
    request.basic_auth("local-writer", Some("local-writer-secret")).header("content-type", FORM).body(body)
}

async fn post(issuer: &LocalIssuer, body: impl Into<reqwest::Body>) -> Response {
    reader(&issuer.token_endpoint()).header("content-type", FORM).body(body).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().unwrap())
}

async fn json(response: Response) -> Value {
    assert_eq!(header(&response, "content-type"), Some("application/json;charset=UTF-8"));
    assert_eq!(header(&response, "cache-control"), Some("no-store"));
    assert_eq!(header(&response, "pragma"), Some("no-cache"));
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

async fn granted(response: Response) -> Value {
    assert_eq!(response.status(), 200);
    json(response).await
}

async fn rejected(response: Response, error: &str, description: &str) {
    assert_eq!(response.status(), 400);
    assert_eq!(header(&response, "www-authenticate"), None);
    assert_eq!(json(response).await, json!({ "error": error, "error_description": description }));
}

fn without_token(mut answer: Value) -> Value {
    answer.as_object_mut().unwrap().remove("access_token").unwrap();
    answer
}

#[tokio::test]
async fn granted_token_belongs_to_client_and_verifies() {
    // E27
    let issuer = issuer().await;
    issuer.set_now(1_700_000_000);
    let answer = granted(post(&issuer, format!("grant_type=client_credentials&scope={READ}")).await).await;
    let token = answer["access_token"].as_str().unwrap();
    let verified = independent::verify(token, &issuer.default_pool().jwks()).unwrap();
    let expected = issuer.mint().scope(READ).claim("jti", verified.claims["jti"].clone());
    assert_eq!(verified.claims, Value::Object(expected.claims()));
    assert_eq!(without_token(answer), json!({ "expires_in": 3600, "token_type": "Bearer" }));
}

#[tokio::test]
async fn scope_is_returned_only_if_it_differs() {
    // E27, E29
    let issuer = issuer().await;
    let both = format!("{READ} {WRITE}");
    for (body, scope) in [
        ("grant_type=client_credentials", Some(both.clone())),
        // A parameter without a value counts as omitted.
        ("grant_type=client_credentials&scope=", Some(both.clone())),
        ("grant_type=client_credentials&scope=https://my-api-server.org/api.write", None),
        (
            "grant_type=client_credentials&scope=https://my-api-server.org/api.write+https://my-api-server.org/api.read",
            None,
        ),
        (
            "grant_type=client_credentials&scope=https://my-api-server.org/api.read+https://my-api-server.org/api.read",
            Some(READ.to_owned()),
        ),
    ] {
        let answer = granted(writer(&issuer, body).send().await.unwrap()).await;
        assert_eq!(answer.get("scope").and_then(Value::as_str), scope.as_deref(), "{body}");
    }
}

#[tokio::test]
async fn unknown_unattached_or_inexact_scope_is_invalid_scope() {
    // E27, E29
    let issuer = issuer().await;
    let asked = async |scope: &str| {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        reader(&issuer.token_endpoint()).form(&form).send().await.unwrap()
    };
    granted(asked(READ).await).await;
    let not_attached = "a scope is unknown or not attached to the client";
    for scope in
        [WRITE, "nonsense", "https://my-api-server.org/api.rea", "https://my-api-server.org/API.read"]
    {
        rejected(asked(scope).await, "invalid_scope", not_attached).await;
    }
    rejected(asked(&format!("{READ} {WRITE}")).await, "invalid_scope", not_attached).await;
    for malformed in [" ", "a  b", "a ", "a\tb", "a\"", "a\\", "\u{e9}"] {
        rejected(asked(malformed).await, "invalid_scope", "the scope is malformed").await;
    }
}

#[tokio::test]
async fn other_or_missing_grant_is_rejected() {
    let issuer = issuer().await;
    granted(post(&issuer, "grant_type=client_credentials").await).await;
    for grant in ["authorization_code", "password", "refresh_token", "Client_Credentials"] {
        let response = post(&issuer, format!("grant_type={grant}")).await;
        rejected(response, "unsupported_grant_type", "only client_credentials is supported").await;
    }
    for body in ["", "grant_type=", "grant_type", "scope=a"] {
        rejected(post(&issuer, body).await, "invalid_request", "grant_type is missing").await;
    }
}

#[tokio::test]
async fn malformed_or_repetitive_body_is_invalid_request() {
    let issuer = issuer().await;
    for body in ["grant_type=client_credentials&x=%", "grant_type=client_credentials&x=%zz", "%ff=1"] {
        rejected(post(&issuer, body).await, "invalid_request", "the body is not a valid form").await;
    }
    for body in [
        "grant_type=client_credentials&grant_type=client_credentials",
        "grant_type=client_credentials&x=1&x=2",
    ] {
        rejected(post(&issuer, body).await, "invalid_request", "a parameter is repeated").await;
    }
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let issuer = issuer().await;
    let body = "grant_type=client_credentials&audience=x&redirect_uri=y";
    granted(post(&issuer, body).await).await;
}

#[tokio::test]
async fn body_larger_than_16_kib_is_rejected() {
    let issuer = issuer().await;
    let body = |length: usize| {
        let start = "grant_type=client_credentials&x=";
        format!("{start}{}", "y".repeat(length - start.len()))
    };
    granted(post(&issuer, body(16 * 1024)).await).await;
    let response = post(&issuer, body(16 * 1024 + 1)).await;
    rejected(response, "invalid_request", "the body is too large or broke off").await;
}

#[tokio::test]
async fn body_of_other_type_is_rejected() {
    let issuer = issuer().await;
    let body = "grant_type=client_credentials";
    for content_type in [FORM, "Application/X-WWW-Form-Urlencoded; charset=UTF-8"] {
        let request = reader(&issuer.token_endpoint()).header("content-type", content_type);
        granted(request.body(body).send().await.unwrap()).await;
    }
    let description = "the content type must be application/x-www-form-urlencoded";
    for content_type in ["application/json", "text/plain", "application/x-www-form-urlencoded2", ""] {
        let request = reader(&issuer.token_endpoint()).header("content-type", content_type);
        rejected(request.body(body).send().await.unwrap(), "invalid_request", description).await;
    }
    rejected(
        reader(&issuer.token_endpoint()).body(body).send().await.unwrap(),
        "invalid_request",
        description,
    )
    .await;
}

#[tokio::test]
async fn method_other_than_post_returns_405() {
    let issuer = issuer().await;
    let http = reqwest::Client::new();
    for url in [issuer.token_endpoint(), format!("{}/oauth2/token", issuer.url())] {
        for request in [http.get(&url), http.put(&url), http.delete(&url), http.head(&url)] {
            let response = request.send().await.unwrap();
            assert_eq!((response.status().as_u16(), header(&response, "allow")), (405, Some("POST")));
        }
    }
    assert_eq!(issuer.token_requests(), 0);
}

#[tokio::test]
async fn query_is_never_read() {
    let issuer = issuer().await;
    let query = "?client_id=local-reader&client_secret=local-reader-secret&grant_type=client_credentials";
    let url = format!("{}{query}", issuer.token_endpoint());
    let unauthenticated = reqwest::Client::new().post(&url).header("content-type", FORM);
    let response = unauthenticated.body("grant_type=client_credentials").send().await.unwrap();
    assert_eq!(response.status(), 401);
    // It does not affect a valid request either.
    granted(
        reader(&url).header("content-type", FORM).body("grant_type=client_credentials").send().await.unwrap(),
    )
    .await;
    let response = reader(&url).header("content-type", FORM).body("").send().await.unwrap();
    rejected(response, "invalid_request", "grant_type is missing").await;
}

#[tokio::test]
async fn shared_endpoint_finds_pool_by_client() {
    let issuer = issuer().await;
    let (one, two) = (issuer.default_pool(), issuer.pool("eu-west-1_Local0002").unwrap());
    let url = format!("{}/oauth2/token", issuer.url());
    for (client, pool) in [("local-reader", &one), ("local-writer", &one), ("local-other", &two)] {
        let request = reqwest::Client::new().post(&url).basic_auth(client, Some(format!("{client}-secret")));
        let answer =
            granted(request.form(&[("grant_type", "client_credentials")]).send().await.unwrap()).await;
        let verified = independent::verify(answer["access_token"].as_str().unwrap(), &pool.jwks()).unwrap();
        assert_eq!(
            (&verified.claims["iss"], &verified.claims["client_id"]),
            (&json!(pool.issuer()), &json!(client))
        );
    }
    assert_eq!((one.token_requests(), two.token_requests()), (2, 1));
}

#[tokio::test]
async fn client_of_another_pool_is_unknown() {
    let issuer = issuer().await;
    let two = issuer.pool("eu-west-1_Local0002").unwrap();
    let form = [("grant_type", "client_credentials")];
    assert_eq!(reader(&issuer.token_endpoint()).form(&form).send().await.unwrap().status(), 200);
    assert_eq!(reader(&two.token_endpoint()).form(&form).send().await.unwrap().status(), 401);
}

#[tokio::test]
async fn rejected_requests_are_counted_too() {
    let issuer = issuer().await;
    assert_eq!(issuer.token_requests(), 0);
    post(&issuer, "grant_type=client_credentials").await;
    post(&issuer, "grant_type=password").await;
    assert_eq!(issuer.token_requests(), 2);
    let shared = format!("{}/oauth2/token", issuer.url());
    reqwest::Client::new().post(shared).body("?").send().await.unwrap();
    assert_eq!(issuer.token_requests(), 3);
    assert_eq!(issuer.pool("eu-west-1_Local0002").unwrap().token_requests(), 0);
}

#[tokio::test]
async fn token_lifetime_is_that_of_the_client() {
    let config = Config::empty().pool(
        PoolConfig::new("eu-west-1_Short0001")
            .resource_server("r", ["s"])
            .client(ClientConfig::new("c", "secret", ["r/s"]).lifetime_secs(1)),
    );
    let issuer = LocalIssuer::start_with(config).await.unwrap();
    issuer.set_now(1_700_000_000);
    let request = reqwest::Client::new().post(issuer.token_endpoint()).basic_auth("c", Some("secret"));
    let answer = granted(request.form(&[("grant_type", "client_credentials")]).send().await.unwrap()).await;
    assert_eq!(answer["expires_in"], 1);
    let jwks = issuer.default_pool().jwks();
    let verified = independent::verify(answer["access_token"].as_str().unwrap(), &jwks).unwrap();
    assert_eq!(verified.claims["exp"], 1_700_000_001);
}

#[tokio::test]
async fn resource_becomes_audience_of_the_token() {
    // RFC 8707 §2
    let issuer = issuer().await;
    let audience = async |body: &'static str| {
        let answer = granted(post(&issuer, body).await).await;
        let payload = answer["access_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        claims["aud"].clone()
    };
    let api = "https://my-api-server.org";
    assert_eq!(audience("grant_type=client_credentials").await, Value::Null);
    let one = "grant_type=client_credentials&resource=https://my-api-server.org";
    assert_eq!(audience(one).await, json!(api));
    let two =
        "grant_type=client_credentials&resource=https://my-api-server.org&resource=https://my-api-server.org";
    assert_eq!(audience(two).await, json!([api, api]));
    let other = "grant_type=client_credentials&resource=https://other.example";
    let description = "a resource is not an identifier of a resource server";
    rejected(post(&issuer, other).await, "invalid_target", description).await;
}

#[tokio::test]
async fn token_fault_lasts_as_long_as_planned() {
    let issuer = issuer().await;
    issuer.fail_next_token(2, Fault::RetryAfter { status: 429, seconds: 7 });
    for expected in [429, 429, 200, 200] {
        assert_eq!(post(&issuer, "grant_type=client_credentials").await.status(), expected);
    }
    assert_eq!(issuer.token_requests(), 4);
}

/// Requests a token as the only client, `c`, and returns its claims.
async fn claims_of(config: Config, body: &'static str) -> Value {
    let issuer = LocalIssuer::start_with(config).await.unwrap();
    let request = reqwest::Client::new().post(issuer.token_endpoint()).basic_auth("c", Some("secret"));
    let answer = granted(request.header("content-type", FORM).body(body).send().await.unwrap()).await;
    let token = answer["access_token"].as_str().unwrap();
    independent::verify(token, &issuer.default_pool().jwks()).unwrap().claims
}

#[tokio::test]
async fn client_has_its_own_claims() {
    // FR-E2
    let config = |client: ClientConfig| {
        Config::empty().pool(PoolConfig::new("eu-west-1_a1").resource_server("r", ["s", "t"]).client(client))
    };
    let plain = || ClientConfig::new("c", "secret", ["r/s", "r/t"]);
    let ask = "grant_type=client_credentials&scope=r/s";
    let own = plain()
        .claim("tenant", "old")
        .claim("tenant", "acme")
        .claim("roles", json!(["auditor"]))
        .claim("aud", "api");
    let in_code = claims_of(config(own.clone()), ask).await;
    assert_eq!(
        (&in_code["tenant"], &in_code["roles"], &in_code["aud"]),
        (&json!("acme"), &json!(["auditor"]), &json!("api"))
    );
    assert_eq!((&in_code["scope"], &in_code["client_id"]), (&json!("r/s"), &json!("c")));
    // A resource in the request replaces it as the audience.
    let named = claims_of(config(own), "grant_type=client_credentials&resource=r").await;
    assert_eq!((&named["aud"], &named["tenant"]), (&json!("r"), &json!("acme")));

    let file = r#"
        [[pools]]
        id = "eu-west-1_a1"
        resource_servers = [{ identifier = "r", scopes = ["s"] }]
          [[pools.clients]]
          id = "c"
          secret = "secret"
          scopes = ["r/s"]
            [pools.clients.claims]
            tenant = "acme"
            roles = ["auditor"]
            limits = { orders = 5, share = 0.5, beta = true }
    "#;
    let in_file = claims_of(Config::from_toml(file).unwrap(), ask).await;
    assert_eq!(in_file["limits"], json!({ "orders": 5, "share": 0.5, "beta": true }));
    assert_eq!((&in_file["tenant"], &in_file["roles"]), (&json!("acme"), &json!(["auditor"])));

    let none = claims_of(config(plain()), ask).await;
    assert!(none.get("tenant").is_none() && none.get("aud").is_none(), "{none}");
}
