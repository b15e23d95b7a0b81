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

/// Returns a service with these settings for proofs.
fn proving(settings: &str) -> Live {
    let settings = format!("dpop = \"accept\"\n{settings}[[issuer]]");
    live_of(&config(|text| text.replacen("[[issuer]]", &settings, 1)))
}

/// A client with a key, and a token that is bound to it.
struct Client {
    key: SigningKey,
    token: String,
}

impl Client {
    fn new(algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm);
        let token = bound_to(&key, cognito_token().scope("orders/read")).sign_with(&KEY);
        Self { key, token }
    }

    fn proof(&self) -> Proof {
        Proof::new(&self.key, "GET", "https://api.example/orders/7", &self.token)
    }

    async fn ask(&self, live: &Live, proof: Proof) -> Response<Bytes> {
        let (authorization, proof) = (format!("DPoP {}", self.token), proof.sign_with(&self.key));
        let headers = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
        ask(live, &question("GET", "/orders/7", &headers)).await
    }
}

#[tokio::test]
async fn required_nonce_is_in_response() {
    // DP33
    let live = proving("dpop_nonce = \"require\"\n");
    let client = Client::new(Algorithm::ES256);
    let response = client.ask(&live, client.proof()).await;
    assert_eq!(response.status(), 401);
    let challenge = response.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("DPoP ") && challenge.contains("use_dpop_nonce"), "{challenge}");
    let nonce = response.headers()["dpop-nonce"].to_str().unwrap();
    assert_eq!(client.ask(&live, client.proof().claim("nonce", nonce)).await.status(), 200);
    assert_eq!(client.ask(&live, client.proof().claim("nonce", "other")).await.status(), 401);
    // Without the setting, no nonce is needed and none is sent.
    let response = client.ask(&proving(""), client.proof()).await;
    assert!(response.status() == 200 && !response.headers().contains_key("dpop-nonce"));
}

#[tokio::test]
async fn only_listed_algorithms_sign_proofs() {
    for (settings, algorithm, expected) in [
        ("dpop_algorithms = [\"ES384\"]\n", Algorithm::ES384, 200),
        ("dpop_algorithms = [\"ES384\"]\n", Algorithm::ES256, 401),
        ("", Algorithm::ES256, 200),
    ] {
        let client = Client::new(algorithm);
        let response = client.ask(&proving(settings), client.proof()).await;
        assert_eq!(response.status(), expected, "{settings}");
    }
}

#[tokio::test]
async fn age_of_proof_is_that_of_file() {
    for (settings, age, expected) in [
        ("", 60, 200),
        ("", 61, 401),
        ("dpop_max_age_secs = 120\n", 120, 200),
        ("dpop_max_age_secs = 120\n", 121, 401),
    ] {
        let client = Client::new(Algorithm::ES256);
        let response = client.ask(&proving(settings), client.proof().claim("iat", NOW - age)).await;
        assert_eq!(response.status(), expected, "{settings}{age}");
    }
}
