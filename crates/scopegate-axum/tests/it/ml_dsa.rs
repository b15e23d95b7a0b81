//! Large tokens through hyper, over HTTP/1.1 and HTTP/2 on a real socket: which sizes arrive, and
//! what is the response to larger ones? The guide's page *ML-DSA* has these limits.

use axum::Router;
use axum::routing::get;
use reqwest::{Client, ClientBuilder};
use scopegate_axum::{Algorithm, Claims, RequireScope, Verifier};
use scopegate_issuer::{Algorithm as KeyAlgorithm, Mint, SigningKey};
use testkit::{CLIENT, KEY, NOW, builder_at, client_token, issuer_with_keys};

const KIB: usize = 1024;

/// Clients for HTTP/1.1, and for HTTP/2 without TLS.
fn clients() -> [(&'static str, Client); 2] {
    let built = |builder: ClientBuilder| builder.no_proxy().build().unwrap();
    let http2 = ClientBuilder::new().http2_prior_knowledge();
    [("HTTP/1.1", built(ClientBuilder::new())), ("HTTP/2", built(http2))]
}

async fn serve(key: &SigningKey) -> String {
    let issuer = issuer_with_keys([key.jwk(), KEY.jwk()]).client(CLIENT);
    let algorithms = [Algorithm::RS256, Algorithm::MlDsa44, Algorithm::MlDsa65, Algorithm::MlDsa87];
    let verifier: Verifier = builder_at(NOW).trust(issuer.algorithms(algorithms)).build().unwrap();
    let who = async |claims: Claims| claims.client_id().unwrap_or("?").to_owned();
    let read = RequireScope::new(&verifier, "orders/read");
    testkit::serve(Router::new().route("/orders", get(who).layer(read))).await
}

/// Sends a request with these values of headers, and returns the status and the challenge.
async fn send(client: &Client, url: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let request = client.get(format!("{url}/orders"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = request.send().await.unwrap();
    let challenge =
        response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
    (response.status().as_u16(), challenge.unwrap_or_default())
}

fn token() -> Mint {
    client_token().scope("orders/read")
}

#[tokio::test]
async fn ml_dsa_token_passes_http1_and_http2() {
    // ML05
    for (algorithm, sizes) in [
        (KeyAlgorithm::MlDsa44, 3_600..4_096),
        (KeyAlgorithm::MlDsa65, 4_600..5_400),
        (KeyAlgorithm::MlDsa87, 6_400..7_200),
    ] {
        let key = SigningKey::generate(algorithm);
        let url = serve(&key).await;
        let (valid, forged) = (token().sign_with(&key), token().bad_signature().sign_with(&key));
        assert!(sizes.contains(&valid.len()), "{algorithm}: {}", valid.len());
        for (version, client) in clients() {
            let bearer = format!("Bearer {valid}");
            let accepted = send(&client, &url, &[("authorization", &bearer)]).await;
            assert_eq!(accepted, (200, String::new()), "{algorithm} over {version}");
            let bearer = format!("Bearer {forged}");
            let (status, challenge) = send(&client, &url, &[("authorization", &bearer)]).await;
            assert_eq!(status, 401, "{algorithm} over {version}");
            assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
        }
    }
}

#[tokio::test]
async fn larger_headers_are_rejected_with_their_status() {
    // ML05
    let url = serve(&KEY).await;
    let token_of = |size: usize| {
        let fill = |size: usize| token().claim("fill", "x".repeat(size)).sign_with(&KEY);
        let short = fill(0).len();
        fill((size - short) * 3 / 4)
    };
    let [(_, http1), (_, http2)] = clients();
    let (small, large) = (token_of(12 * KIB), token_of(17 * KIB));
    let (small, large) = (format!("Bearer {small}"), format!("Bearer {large}"));
    for client in [&http1, &http2] {
        assert_eq!(send(client, &url, &[("authorization", &small)]).await.0, 200);
    }
    // A token of more than 16 KiB is read over HTTP/1.1, and is invalid. Over HTTP/2, all headers
    // together have 16 KiB at most.
    let (status, challenge) = send(&http1, &url, &[("authorization", &large)]).await;
    assert_eq!(status, 401);
    assert!(challenge.contains(r#"error="invalid_token""#), "{challenge}");
    assert_eq!(send(&http2, &url, &[("authorization", &large)]).await, (431, String::new()));
    let more = "x".repeat(5 * KIB);
    let with_more = [("authorization", small.as_str()), ("x-more", more.as_str())];
    assert_eq!(send(&http1, &url, &with_more).await.0, 200);
    assert_eq!(send(&http2, &url, &with_more).await, (431, String::new()));
    // hyper's buffer for HTTP/1.1 is larger than that of all proxies.
    let more = "x".repeat(380 * KIB);
    let with_more = [("authorization", small.as_str()), ("x-more", more.as_str())];
    assert_eq!(send(&http1, &url, &with_more).await.0, 200);
}
