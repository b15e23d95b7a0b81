//! The program with requirements for the authentication of users who place orders (RFC 9470).

mod demo_process;

use demo_process::Serving;
use reqwest::{Client, Response};
use scopegate_issuer::{LocalIssuer, Mint};
use serde_json::{Value, json};

const WRITE: &str = "https://my-api-server.org/api.write";

async fn place(demo: &Serving, token: &str) -> Response {
    let http = Client::builder().no_proxy().build().expect("no TLS is asked for");
    let order = json!({ "item": "tea", "quantity": 1 });
    let request = http.post(format!("{}/orders", demo.url)).bearer_auth(token).json(&order);
    request.send().await.expect("the API responds")
}

/// Returns a draft for a user who has authenticated this many seconds ago.
fn of_user(issuer: &LocalIssuer, acr: &str, age: u64) -> Mint {
    let claims = issuer.mint().claims();
    let now = claims.get("iat").and_then(Value::as_u64).expect("it is a number");
    issuer.mint().scope(WRITE).claim("sub", "user-1").claim("acr", acr).claim("auth_time", now - age)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn order_requires_recent_authentication_in_a_context() {
    // SU01, SU02
    let issuer = LocalIssuer::start().await.expect("there is a free port");
    let settings = [("WRITE_ACR", "urn:example:mfa, urn:example:key"), ("WRITE_MAX_AUTH_AGE_SECS", "600")];
    let demo = Serving::trusting(issuer.issuer(), &settings);
    assert_eq!(place(&demo, &of_user(&issuer, "urn:example:key", 60).sign()).await.status(), 201);
    for token in [of_user(&issuer, "urn:example:password", 60), of_user(&issuer, "urn:example:mfa", 3_600)] {
        let response = place(&demo, &token.sign()).await;
        assert_eq!(response.status(), 401);
        let challenge = response.headers()["www-authenticate"].to_str().expect("it is ASCII");
        for part in [
            r#"error="insufficient_user_authentication""#,
            r#"acr_values="urn:example:mfa urn:example:key""#,
            "max_age=600",
        ] {
            assert!(challenge.contains(part), "{challenge}");
        }
    }
}
