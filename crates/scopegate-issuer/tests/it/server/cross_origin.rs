//! Cross-origin requests of pages in a browser (CORS).

use reqwest::{Client, Method, Response};
use scopegate_issuer::LocalIssuer;

const ORIGIN: &str = "http://127.0.0.1:1";

/// Sends a preflight request, as a browser does before a request that a form cannot send.
async fn preflight(url: &str, origin: &str) -> Response {
    let request = Client::new().request(Method::OPTIONS, url).header("origin", origin);
    let request = request.header("access-control-request-method", "POST");
    request.header("access-control-request-headers", "authorization,x-requested-with").send().await.unwrap()
}

#[tokio::test]
async fn local_page_with_client_credentials_gets_token() {
    let issuer = LocalIssuer::start().await.unwrap();
    let asked = preflight(&issuer.token_endpoint(), ORIGIN).await;
    assert_eq!(asked.status(), 200);
    let allowed = |name: &str| asked.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(allowed("access-control-allow-origin"), ORIGIN);
    assert_eq!(allowed("access-control-allow-methods"), "GET,POST");
    assert_eq!(allowed("access-control-allow-headers"), "authorization,x-requested-with");
    assert!(!asked.headers().contains_key("access-control-allow-credentials"), "no cookie counts here");

    let request = Client::new().post(issuer.token_endpoint()).header("origin", ORIGIN);
    let request = request.basic_auth("local-reader", Some("local-reader-secret"));
    let answer = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["access-control-allow-origin"]),
        (200, &ORIGIN.parse().unwrap())
    );
    // The origin replaces no credentials.
    let request = Client::new().post(issuer.token_endpoint()).header("origin", ORIGIN);
    let answer =
        request.basic_auth("local-reader", Some("wrong")).form(&[("grant_type", "client_credentials")]);
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN, "a page is told why");
}

#[tokio::test]
async fn foreign_page_is_not_allowed() {
    let issuer = LocalIssuer::start().await.unwrap();
    let asked = preflight(&issuer.token_endpoint(), "https://evil.example").await;
    assert_eq!(asked.headers().get("access-control-allow-origin"), None);
    let request = Client::new().post(issuer.token_endpoint()).header("origin", "https://evil.example");
    let request = request.basic_auth("local-reader", Some("local-reader-secret"));
    let answer = request.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(
        answer.headers().get("access-control-allow-origin"),
        None,
        "its browser does not show it the token"
    );
}

#[tokio::test]
async fn local_page_may_read_keys_and_metadata() {
    let issuer = LocalIssuer::start().await.unwrap();
    for url in [issuer.jwks_uri(), format!("{}/.well-known/openid-configuration", issuer.issuer())] {
        let answer = Client::new().get(url).header("origin", ORIGIN).send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], ORIGIN);
    }
}
