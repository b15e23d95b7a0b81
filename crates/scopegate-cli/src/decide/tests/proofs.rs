//! DPoP proofs through a gateway.

use scopegate::Dpop;
use scopegate_issuer::{Algorithm, SigningKey};
use testkit::{KEY, NOW, Proof, bound_to, builder_at, cognito_issuer, cognito_token};

use super::*;

#[tokio::test]
async fn proof_names_the_public_url() {
    // FW13
    let url = "https://api.example/shop";
    let config =
        config(|text| text.replace("https://api.example\"", "https://api.example/shop\"\ndpop = \"accept\""));
    let verifier = builder_at(NOW).trust(cognito_issuer()).dpop(Dpop::accept().origin("https://api.example"));
    let live = live(&config, verifier.build().unwrap());
    let key = SigningKey::generate(Algorithm::ES256);
    let token = bound_to(&key, cognito_token().scope("orders/read")).sign_with(&KEY);
    let proof = |method: &str, url: &str| Proof::new(&key, method, url, &token).sign_with(&key);
    let authorization = format!("DPoP {token}");
    let valid = proof("GET", &format!("{url}/orders/7"));
    for (proof, expected) in [
        (&valid, 200),
        (&valid, 401),
        (&proof("GET", "https://api.example/orders/7"), 401),
        (&proof("GET", "http://127.0.0.1:9000/decide"), 401),
        (&proof("GET", "https://api.example/decide"), 401),
        (&proof("POST", &format!("{url}/orders/7")), 401),
        (&proof("GET", &format!("{url}/orders/8")), 401),
        (&proof("GET", &format!("{url}/orders/7?page=2")), 200),
    ] {
        let headers = [("authorization", authorization.as_str()), ("dpop", proof)];
        let response = ask(&live, &question("GET", "/orders/7?page=2", &headers)).await;
        assert_eq!(response.status(), expected, "{proof}");
    }
    let without = question("GET", "/orders/7", &[("authorization", &format!("Bearer {token}"))]);
    assert_eq!(ask(&live, &without).await.status(), 401);
}

#[tokio::test]
async fn proof_names_the_host_of_the_request() {
    // FW12, FW13
    let config = config(|text| {
        let hosts = "host = [\"a.example\", \"b.example\"]\n";
        let text = text.replacen("[[issuer]]\n", &format!("dpop = \"accept\"\n[[issuer]]\n{hosts}"), 1);
        text.replace("path = \"/me\"", &format!("{hosts}path = \"/me\""))
    });
    let verifier = builder_at(NOW).trust(cognito_issuer()).dpop(Dpop::accept().origin("https://api.example"));
    let live = live(&config, verifier.build().unwrap());
    let key = SigningKey::generate(Algorithm::ES256);
    let token = bound_to(&key, cognito_token()).sign_with(&KEY);
    let authorization = format!("DPoP {token}");
    for (host, url, expected) in [
        ("a.example", "https://a.example/me", 200),
        ("b.example", "https://a.example/me", 401),
        ("a.example", "https://b.example/me", 401),
        ("b.example", "https://b.example/me", 200),
        ("a.example", "https://api.example/me", 401),
    ] {
        let proof = Proof::new(&key, "GET", url, &token).sign_with(&key);
        let headers =
            [("x-forwarded-host", host), ("authorization", authorization.as_str()), ("dpop", &proof)];
        let response = ask(&live, &question("GET", "/me", &headers)).await;
        assert_eq!(response.status(), expected, "{host} {url}");
    }
}
