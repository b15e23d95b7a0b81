//! Bound tokens at a running service: proofs, nonces and used proofs over a reload and in a fleet.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use scopegate_issuer::{Algorithm, LocalIssuer, SigningKey};
use testkit::{Proof, bound_to};

use crate::client::{Connection, Response, get};
use crate::redis::Redis;
use crate::serve::config;
use crate::service::{Service, path, run, write};

const ORDER: &str = "https://api.example/orders/7";

/// Returns a file with these settings for proofs.
pub(crate) fn proving(local: &LocalIssuer, settings: &str) -> String {
    config(local.issuer()).replacen("[[issuer]]", &format!("dpop = \"accept\"\n{settings}[[issuer]]"), 1)
}

/// A client with a key, and a token that is bound to it.
pub(crate) struct Client {
    key: SigningKey,
    token: String,
}

impl Client {
    pub(crate) fn new(local: &LocalIssuer) -> Self {
        let key = SigningKey::generate(Algorithm::ES256);
        let token = bound_to(&key, local.mint().scope("orders/read")).sign();
        Self { key, token }
    }

    /// Signs a proof of now.
    pub(crate) fn proof(&self, nonce: Option<&str>) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let proof = Proof::new(&self.key, "GET", ORDER, &self.token).claim("iat", now);
        let id = format!("{}-{now}", testkit::thumbprint(&SigningKey::generate(Algorithm::ES256)));
        let proof = proof.claim("jti", id);
        match nonce {
            Some(nonce) => proof.claim("nonce", nonce).sign_with(&self.key),
            None => proof.sign_with(&self.key),
        }
    }

    pub(crate) async fn ask(&self, gateway: &mut Connection, proof: &str) -> Response {
        let authorization = format!("DPoP {}", self.token);
        let headers = [
            ("x-original-method", "GET"),
            ("x-original-uri", "/orders/7"),
            ("authorization", &authorization),
            ("dpop", proof),
        ];
        gateway.send("GET /decide", &headers).await
    }
}

/// Waits until this many reloads had this outcome.
pub(crate) async fn until_reloaded(service: &Service, outcome: &str, count: usize) {
    let line = format!("scopegate_config_reloads_total{{outcome=\"{outcome}\"}} {count}\n");
    let started = Instant::now();
    loop {
        let metrics = get(&service.admin, "/metrics").await.body;
        if metrics.contains(&line) {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(60), "{metrics}\n{}", service.log());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn used_proof_is_used_after_reload() {
    // FW10
    let local = LocalIssuer::start().await.unwrap();
    let text = proving(&local, "dpop_nonce = \"require\"\n");
    let service = Service::start_ready("used-proof", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let client = Client::new(&local);
    let first = client.ask(&mut gateway, &client.proof(None)).await;
    let nonce = first.header("dpop-nonce").unwrap();
    let [used, unused] = [client.proof(Some(nonce)), client.proof(Some(nonce))];
    assert_eq!(client.ask(&mut gateway, &used).await.status, 200);
    write(&service.file, &text.replace("GET = \"public\"", "GET = \"authenticated\""));
    service.signal("HUP");
    until_reloaded(&service, "ok", 1).await;
    assert_eq!(gateway.ask("GET", "/health", None).await.status, 401);
    assert_eq!(client.ask(&mut gateway, &used).await.status, 401);
    // The nonce is that of before the reload.
    assert_eq!(client.ask(&mut gateway, &unused).await.status, 200);
}

#[tokio::test]
async fn changed_settings_of_proofs_need_restart() {
    let local = LocalIssuer::start().await.unwrap();
    let text = proving(&local, "dpop_max_age_secs = 60\n");
    let service = Service::start_ready("proof-settings", &text).await;
    for (failed, change) in [
        text.replace("_secs = 60", "_secs = 61"),
        text.replace("dpop_max_age_secs = 60", "dpop_nonce = \"require\""),
        text.replace("dpop_max_age_secs = 60", "dpop_algorithms = [\"ES256\"]"),
        text.replace("dpop_max_age_secs = 60", "replay_store = \"redis://127.0.0.1:1\""),
    ]
    .into_iter()
    .enumerate()
    {
        write(&service.file, &change);
        service.signal("HUP");
        until_reloaded(&service, "failed", failed + 1).await;
    }
    assert_eq!(service.log().matches("`dpop` has changed, which needs a restart").count(), 4);
    let binding = "certificate_binding = \"accept\"\ncertificate_header = \"client-cert\"\n";
    write(&service.file, &format!("{binding}{text}"));
    service.signal("HUP");
    until_reloaded(&service, "failed", 5).await;
    assert!(service.log().contains("`certificate_binding` has changed, which needs a restart"));
}

#[tokio::test]
async fn shared_key_of_nonces_is_rotated() {
    // DP36
    let local = LocalIssuer::start().await.unwrap();
    let key = path("nonce-key");
    write(&key, "0123456789abcdef0123456789abcdef\n");
    let file = key.to_str().unwrap();
    let text = proving(&local, &format!("dpop_nonce = \"require\"\ndpop_nonce_key_file = \"{file}\"\n"));
    let [one, other] =
        [Service::start_ready("nonces-one", &text).await, Service::start_ready("nonces-other", &text).await];
    let (mut gateway, mut second) =
        (Connection::open(&one.decisions).await, Connection::open(&other.decisions).await);
    let client = Client::new(&local);
    let first = client.ask(&mut gateway, &client.proof(None)).await;
    let nonce = first.header("dpop-nonce").unwrap();
    assert_eq!((first.status, client.ask(&mut second, &client.proof(Some(nonce))).await.status), (401, 200));

    write(&key, "another key of 32 bytes 01234567\n");
    one.signal("HUP");
    until_reloaded(&one, "ok", 1).await;
    let accepted = client.ask(&mut gateway, &client.proof(Some(nonce))).await;
    let next = accepted.header("dpop-nonce").unwrap_or_else(|| panic!("{accepted:?}"));
    assert!(accepted.status == 200 && next != nonce, "{accepted:?}");
    assert_eq!(accepted.header("cache-control"), Some("no-store"));
    // The other instance has the earlier key until it reads the file.
    assert_eq!(client.ask(&mut second, &client.proof(Some(next))).await.status, 401);
    let started = Instant::now();
    while client.ask(&mut second, &client.proof(Some(next))).await.status != 200 {
        assert!(started.elapsed() < Duration::from_secs(60), "{}", other.log());
        tokio::task::yield_now().await;
    }
    assert!(!one.log().contains("another key"), "{}", one.log());
}

#[tokio::test]
async fn fleet_accepts_a_proof_once() {
    // RFC 9449 §11.1
    let Some(mut redis) = Redis::start("s3cret") else { return };
    let local = LocalIssuer::start().await.unwrap();
    let password = path("redis-password");
    write(&password, "s3cret\n");
    let settings = format!(
        "replay_store = \"redis://{}\"\nreplay_store_password_file = \"{}\"\n",
        redis.address(),
        password.display()
    );
    let text = proving(&local, &settings);
    let [one, other] =
        [Service::start_ready("fleet-one", &text).await, Service::start_ready("fleet-other", &text).await];
    let (mut gateway, mut second) =
        (Connection::open(&one.decisions).await, Connection::open(&other.decisions).await);
    let client = Client::new(&local);
    for _ in 0..2 {
        let proof = client.proof(None);
        assert_eq!(client.ask(&mut gateway, &proof).await.status, 200, "{}", one.log());
        assert_eq!(client.ask(&mut second, &proof).await.status, 401);
        assert_eq!(client.ask(&mut gateway, &proof).await.status, 401);
    }
    // Only requests with proofs need the server.
    redis.stop();
    let undecided = client.ask(&mut gateway, &client.proof(None)).await;
    assert_eq!((undecided.status, undecided.header("retry-after")), (503, Some("1")));
    let bearer = local.mint().scope("orders/read").sign();
    assert_eq!(gateway.ask("GET", "/orders/7", Some(&bearer)).await.status, 200);
    assert_eq!(gateway.ask("GET", "/orders/7", None).await.status, 401);
    for service in [one, other] {
        assert!(!service.log().contains("s3cret"), "{}", service.log());
    }
}

#[tokio::test]
async fn missing_secret_is_reported_at_its_name() {
    // FW11
    let local = LocalIssuer::start().await.unwrap();
    let text = proving(&local, "dpop_nonce = \"require\"\ndpop_nonce_key_file = \"missing-key\"\n");
    let file = path("missing-secret.toml");
    write(&file, &text);
    let (code, out, errors) = run(&["check", file.to_str().unwrap()]);
    assert!(code == Some(0) && out.contains("warning: 8:23: no secret: cannot read file: "), "{out}{errors}");
    let (code, _, errors) = run(&["serve", "--config", file.to_str().unwrap()]);
    assert_eq!(code, Some(64), "{errors}");
    assert!(errors.contains("missing-secret.toml:8:23: no secret: cannot read file: "), "{errors}");
    // A relative path begins at the folder of the file.
    write(&path("missing-key"), &"k".repeat(32));
    assert_eq!(run(&["check", file.to_str().unwrap()]).0, Some(0));
    std::fs::remove_file(path("missing-key")).unwrap();
}
