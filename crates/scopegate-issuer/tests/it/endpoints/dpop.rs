//! DPoP at the token endpoint (RFC 9449 §5, §8).

use reqwest::Response;
use scopegate_issuer::{Algorithm, Config, DpopProof, LocalIssuer, PoolConfig, SigningKey};
use serde_json::{Value, json};

use crate::independent;

const NONCE: &str = "dpop-nonce";

/// Starts an issuer with the client `c`, after these changes of its client and pool.
async fn issuer(
    client: impl FnOnce(scopegate_issuer::ClientConfig) -> scopegate_issuer::ClientConfig,
    pool: impl FnOnce(PoolConfig) -> PoolConfig,
) -> LocalIssuer {
    let client = client(scopegate_issuer::ClientConfig::new("c", "c-secret", ["api/read"]));
    let pool = pool(PoolConfig::new("eu_1").resource_server("api", ["read"]).client(client));
    LocalIssuer::start_with(Config::empty().pool(pool)).await.unwrap()
}

async fn plain() -> LocalIssuer {
    issuer(|client| client, |pool| pool).await
}

fn key() -> SigningKey {
    SigningKey::generate(Algorithm::ES256)
}

/// Requests a token with these `DPoP` headers.
async fn request(url: &str, proofs: &[&str]) -> Response {
    let request = reqwest::Client::new().post(url).basic_auth("c", Some("c-secret"));
    let request = request.form(&[("grant_type", "client_credentials")]);
    proofs.iter().fold(request, |request, proof| request.header("dpop", *proof)).send().await.unwrap()
}

async fn json(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

async fn error(url: &str, proofs: &[&str]) -> (u16, String) {
    let (status, body) = json(request(url, proofs).await).await;
    (status, body["error"].as_str().unwrap_or("none").to_owned())
}

fn nonce(response: &Response) -> String {
    let nonces: Vec<_> = response.headers().get_all(NONCE).iter().collect();
    assert_eq!(nonces.len(), 1);
    nonces[0].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn proof_binds_token_to_key_of_every_algorithm() {
    // RFC 9449 §5, §6.1
    let local = plain().await;
    for alg in Algorithm::ALL {
        if [Algorithm::MlDsa65, Algorithm::MlDsa87].contains(&alg) {
            // ML05: their proofs are longer than the limit.
            continue;
        }
        let key = SigningKey::generate(alg);
        for endpoint in [local.token_endpoint(), format!("{}/oauth2/token", local.url())] {
            let proof = DpopProof::new(&key, "POST", &endpoint).sign();
            let (status, body) = json(request(&endpoint, &[&proof]).await).await;
            assert_eq!((status, body["token_type"].as_str()), (200, Some("DPoP")), "{alg}: {body}");
            let token = body["access_token"].as_str().unwrap();
            let claims = independent::verify(token, &local.jwks()).unwrap().claims;
            assert_eq!(claims["cnf"], json!({ "jkt": key.thumbprint() }), "{alg}");
        }
    }
    let (_, body) = json(request(&local.token_endpoint(), &[]).await).await;
    assert_eq!(body["token_type"], "Bearer");
    let claims = independent::verify(body["access_token"].as_str().unwrap(), &local.jwks()).unwrap().claims;
    assert_eq!(claims.get("cnf"), None);
}

#[tokio::test]
async fn harmless_variants_of_proof_are_accepted() {
    // RFC 9449 §4.2, §4.3 (7, 9)
    let local = plain().await;
    let (key, url) = (key(), local.token_endpoint());
    let proof = || DpopProof::new(&key, "POST", &url);
    for (name, proof) in [
        ("extra claim", proof().claim("extra", json!({ "a": [1] })).sign()),
        ("extra header", proof().header("kid", "k").sign()),
        ("extra public members", proof().header("jwk", key.jwk()).sign()),
        ("query", proof().claim("htu", format!("{url}?a=b#c")).sign()),
        ("unused nonce", proof().nonce("n").sign()),
        ("longest jti", proof().claim("jti", "i".repeat(256)).sign()),
    ] {
        assert_eq!(request(&url, &[&proof]).await.status(), 200, "{name}");
    }
    let other_name = SigningKey::generate(Algorithm::EdDSA);
    let other_name = DpopProof::new(&other_name, "POST", &url).header("alg", "Ed25519").sign();
    assert_eq!(request(&url, &[&other_name]).await.status(), 200);
}

#[tokio::test]
async fn invalid_proof_gets_no_token() {
    // RFC 9449 §4.3
    let local = plain().await;
    let (key, url) = (key(), local.token_endpoint());
    let proof = || DpopProof::new(&key, "POST", &url);
    let parts = proof().sign();
    let parts: Vec<&str> = parts.split('.').collect();
    let mut private = key.jwk();
    private["d"] = "AQAB".into();
    let mut unsigned = proof().header("alg", "none").sign();
    unsigned.truncate(unsigned.rfind('.').unwrap() + 1);
    let ec = key.jwk();
    let twice = format!(r#"{{"typ":"dpop+jwt","alg":"ES256","alg":"ES256","jwk":{ec}}}"#);
    let cases = [
        ("empty", String::new()),
        ("garbage", "a.b.c".to_owned()),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{}.e30", parts.join("."))),
        ("padded", format!("{}=", parts.join("."))),
        ("signature of another", format!("{}.{}.{}", parts[0], parts[1], &"A".repeat(86))),
        ("other typ", proof().header("typ", "JWT").sign()),
        ("no typ", proof().without_header("typ").sign()),
        ("no alg", proof().without_header("alg").sign()),
        ("alg none", unsigned),
        ("alg HS256", proof().header("alg", "HS256").sign()),
        ("alg of another key", proof().header("alg", "ES384").sign()),
        ("crit", proof().header("crit", json!(["exp"])).sign()),
        ("no jwk", proof().without_header("jwk").sign()),
        ("jwk null", proof().header("jwk", Value::Null).sign()),
        ("private jwk", proof().header("jwk", private).sign()),
        ("alg twice", proof().raw_header(twice).sign()),
        ("signed by another key", proof().sign_with(&SigningKey::generate(Algorithm::ES256))),
        ("no jti", proof().without_claim("jti").sign()),
        ("empty jti", proof().claim("jti", "").sign()),
        ("numeric jti", proof().claim("jti", 7).sign()),
        ("long jti", proof().claim("jti", "i".repeat(257)).sign()),
        ("no htm", proof().without_claim("htm").sign()),
        ("other htm", proof().claim("htm", "GET").sign()),
        ("lower case htm", proof().claim("htm", "post").sign()),
        ("no htu", proof().without_claim("htu").sign()),
        ("other htu", proof().claim("htu", format!("{url}/x")).sign()),
        ("shared endpoint", proof().claim("htu", format!("{}/oauth2/token", local.url())).sign()),
        ("no iat", proof().without_claim("iat").sign()),
        ("old", proof().issued_at(1_000_000_000).sign()),
        ("future", proof().issued_at(9_000_000_000).sign()),
        ("iat string", proof().claim("iat", "1").sign()),
        ("numeric nonce", proof().claim("nonce", 7).sign()),
        ("ath", proof().token("t").sign()),
        ("too long", proof().claim("extra", "x".repeat(8 * 1024)).sign()),
    ];
    for (name, proof) in &cases {
        assert_eq!(error(&url, &[proof]).await, (400, "invalid_dpop_proof".to_owned()), "{name}");
    }
    let two = [proof().sign(), proof().sign()];
    assert_eq!(error(&url, &[&two[0], &two[1]]).await, (400, "invalid_dpop_proof".to_owned()));
    assert_eq!(request(&url, &[&two[0]]).await.status(), 200);
    let list = format!("{}, {}", proof().sign(), proof().sign());
    assert_eq!(error(&url, &[&list]).await, (400, "invalid_dpop_proof".to_owned()));
}

#[tokio::test]
async fn proof_is_accepted_once_and_for_a_minute() {
    // RFC 9449 §4.3 (11), §11.1
    let local = plain().await;
    local.set_now(1_800_000_000);
    let (key, url) = (key(), local.token_endpoint());
    let invalid = (400, "invalid_dpop_proof".to_owned());
    let proof = DpopProof::new(&key, "POST", &url).issued_at(1_800_000_000).claim("jti", "same");
    let (first, second) = (proof.sign(), proof.sign());
    // A rejected request does not use the proof up.
    let client = reqwest::Client::new().post(&url).basic_auth("c", Some("c-secret"));
    let form = [("grant_type", "client_credentials"), ("scope", "other")];
    assert_eq!(client.form(&form).header("dpop", &first).send().await.unwrap().status(), 400);
    assert_eq!(request(&url, &[&first]).await.status(), 200);
    assert_eq!(error(&url, &[&first]).await, invalid);
    // Two ECDSA signatures of one proof differ, and the `jti` is the same.
    assert_ne!(first, second);
    assert_eq!(error(&url, &[&second]).await, invalid);
    let other = SigningKey::generate(Algorithm::ES256);
    let other = DpopProof::new(&other, "POST", &url).issued_at(1_800_000_000).claim("jti", "same").sign();
    assert_eq!(request(&url, &[&other]).await.status(), 200);

    let late = proof.clone().claim("jti", "late");
    local.set_now(1_800_000_061);
    assert_eq!(error(&url, &[&late.sign()]).await, invalid);
    local.set_now(1_800_000_060);
    assert_eq!(request(&url, &[&late.sign()]).await.status(), 200);
}

#[tokio::test]
async fn client_that_requires_dpop_needs_a_proof() {
    // RFC 9449 §5.2
    let local = issuer(scopegate_issuer::ClientConfig::dpop_bound_access_tokens, |pool| pool).await;
    let url = local.token_endpoint();
    assert_eq!(error(&url, &[]).await, (400, "invalid_dpop_proof".to_owned()));
    let proof = DpopProof::new(&key(), "POST", &url).sign();
    assert_eq!(request(&url, &[&proof]).await.status(), 200);
}

#[tokio::test]
async fn pool_with_nonces_rejects_proof_without_current_nonce() {
    // RFC 9449 §8
    let local = issuer(|client| client, PoolConfig::dpop_nonces).await;
    let (key, url) = (key(), local.token_endpoint());
    let proof = || DpopProof::new(&key, "POST", &url);
    let use_nonce = (400, "use_dpop_nonce".to_owned());

    let challenge = request(&url, &[&proof().sign()]).await;
    let first = nonce(&challenge);
    assert!(!first.is_empty());
    assert_eq!(json(challenge).await.1["error"], "use_dpop_nonce");
    for wrong in ["", "wrong", &format!("{first}0")] {
        assert_eq!(error(&url, &[&proof().nonce(wrong).sign()]).await, use_nonce, "{wrong}");
    }
    let granted = request(&url, &[&proof().nonce(&first).sign()]).await;
    assert_eq!((granted.status().as_u16(), nonce(&granted)), (200, first.clone()));
    // Other errors have the nonce, too.
    let invalid = request(&url, &["a.b.c"]).await;
    assert_eq!((invalid.status().as_u16(), nonce(&invalid)), (400, first.clone()));
    // A request without a proof needs no nonce.
    assert_eq!(request(&url, &[]).await.status(), 200);

    local.renew_dpop_nonce();
    assert_eq!(error(&url, &[&proof().nonce(&first).sign()]).await, use_nonce);
    let second = nonce(&request(&url, &[]).await);
    assert_ne!(first, second);
    assert_eq!(request(&url, &[&proof().nonce(&second).sign()]).await.status(), 200);
}

#[tokio::test]
async fn pool_without_nonces_sends_none() {
    let local = plain().await;
    local.renew_dpop_nonce();
    let url = local.token_endpoint();
    let response = request(&url, &[&DpopProof::new(&key(), "POST", &url).sign()]).await;
    assert_eq!((response.status().as_u16(), response.headers().contains_key(NONCE)), (200, false));
}

#[tokio::test]
async fn file_configures_dpop_and_certificate() {
    let file = |extra: &str| {
        let text = format!(
            r#"
            [[pools]]
            id = "eu_1"
            dpop_nonces = true
            resource_servers = [{{ identifier = "api", scopes = ["read"] }}]
            [[pools.clients]]
            id = "c"
            secret = "c-secret"
            scopes = ["api/read"]
            {extra}
            "#
        );
        Config::from_toml(&text)
    };
    let pem = "certificate = \"-----BEGIN CERTIFICATE-----\\nMAEA\\n-----END CERTIFICATE-----\"";
    let config = file(&format!("dpop_bound_access_tokens = true\n{pem}")).unwrap();
    let local = LocalIssuer::start_with(config).await.unwrap();
    let url = local.token_endpoint();
    assert_eq!(error(&url, &[]).await.1, "invalid_dpop_proof");
    let proof = DpopProof::new(&key(), "POST", &url);
    let nonce = nonce(&request(&url, &[&proof.sign()]).await);
    let (_, body) = json(request(&url, &[&proof.nonce(&nonce).sign()]).await).await;
    let claims = independent::verify(body["access_token"].as_str().unwrap(), &local.jwks()).unwrap().claims;
    let mut names: Vec<_> = claims["cnf"].as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["jkt", "x5t#S256"]);

    let error = file("certificate = \"MAEA\"").unwrap_err().to_string();
    assert!(error.contains("expected a PEM block with a certificate"), "{error}");
}

#[tokio::test]
async fn url_of_proof_is_that_of_metadata() {
    // RFC 9449 §4.3 (9): another name of this machine reaches the endpoint, and is no other URL.
    let local = plain().await;
    let (own, key) = (local.token_endpoint(), key());
    let alias = own.replace("127.0.0.1", "localhost");
    assert_ne!(own, alias);
    for (signed, expected) in [(&alias, 400), (&own, 200)] {
        let proof = DpopProof::new(&key, "POST", signed).sign();
        let sent = reqwest::Client::new().post(&own).header("host", alias.split('/').nth(2).unwrap());
        let sent = sent.basic_auth("c", Some("c-secret")).form(&[("grant_type", "client_credentials")]);
        let response = sent.header("dpop", proof).send().await.unwrap();
        assert_eq!(response.status(), expected, "{signed}");
    }
}

#[tokio::test]
async fn full_store_of_tokens_uses_up_no_proof() {
    // RFC 9449 §11.1: capacity first, single use last.
    let local = issuer(scopegate_issuer::ClientConfig::opaque_tokens, |pool| pool).await;
    let (url, key) = (local.token_endpoint(), key());
    let proof = || DpopProof::new(&key, "POST", &url).sign();
    let (status, first) = json(request(&url, &[&proof()]).await).await;
    assert_eq!(status, 200);
    let mint = local.mint();
    for _ in 0..9_998 {
        let _ = local.opaque_token(&mint);
    }
    // A replay takes no room: the last place is free afterwards.
    let last = proof();
    let (invalid, full) = ((400, "invalid_dpop_proof".to_owned()), 503);
    assert_eq!(request(&url, &[&last]).await.status(), 200);
    let revoke = |token: &str| {
        let request = reqwest::Client::new().post(format!("{}/oauth2/revoke", local.issuer()));
        request.basic_auth("c", Some("c-secret")).form(&[("token", token)]).send()
    };
    let proof = proof();
    assert_eq!(request(&url, &[&proof]).await.status(), full);
    assert_eq!(revoke(first["access_token"].as_str().unwrap()).await.unwrap().status(), 200);
    assert_eq!(error(&url, &[&last]).await, invalid);
    assert_eq!(request(&url, &[&proof]).await.status(), 200, "the proof is not used up");
    assert_eq!(error(&url, &[&proof]).await.0, full, "all places are taken");
}
