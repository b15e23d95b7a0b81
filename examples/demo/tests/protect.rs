//! The program with a configured issuer: trust, settings, log and shutdown.

mod demo_process;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use demo_process::{Serving, run};
use reqwest::Client;
use scopegate_issuer::{Fault, LocalIssuer, Mint};
use serde_json::{Value, json};

const READ: &str = "https://my-api-server.org/api.read";
const WRITE: &str = "https://my-api-server.org/api.write";

/// A caller of the API at this URL.
struct Caller {
    http: Client,
    url: String,
}

impl Caller {
    fn new(url: &str) -> Self {
        Self { http: Client::builder().no_proxy().build().expect("no TLS is asked for"), url: url.to_owned() }
    }

    async fn get(&self, path: &str, token: &str) -> u16 {
        let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(token);
        request.send().await.expect("the API answers").status().as_u16()
    }

    async fn post(&self, token: &str, body: &Value) -> u16 {
        let request = self.http.post(format!("{}/orders", self.url)).bearer_auth(token).json(body);
        request.send().await.expect("the API answers").status().as_u16()
    }
}

/// Starts an issuer. It needs a separate thread, because the test blocks while the program fetches
/// keys.
async fn issuer() -> LocalIssuer {
    LocalIssuer::start().await.expect("there is a free port")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn cognito_pool_is_trusted_for_configured_clients() {
    let issuer = issuer().await;
    let clients = "local-reader, local-writer";
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--issuer",
        issuer.issuer(),
        "--profile",
        "cognito",
        "--client-id",
        clients,
    ];
    let demo = Serving::start(&arguments, &[]);
    let caller = Caller::new(&demo.url);
    let order = json!({ "item": "tea", "quantity": 2 });
    let reader = issuer.mint().client("local-reader").scope(READ);
    let writer = issuer.mint().client("local-writer").scope(WRITE);

    assert_eq!(caller.get("/orders", &reader.sign()).await, 200);
    assert_eq!(caller.get("/whoami", &reader.sign()).await, 200);
    assert_eq!(caller.get("/orders", &writer.sign()).await, 403);
    assert_eq!(caller.post(&writer.sign(), &order).await, 201);
    assert_eq!(caller.post(&reader.sign(), &order).await, 403);
    assert_eq!(caller.post(&writer.sign(), &json!({ "item": "tea" })).await, 422);
    assert_eq!(caller.get("/orders", &reader.clone().client("somebody").sign()).await, 401);
    assert_eq!(caller.get("/orders", &reader.clone().claim("token_use", "id").sign()).await, 401);
    assert_eq!(caller.get("/orders", &reader.expired().sign()).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn issuer_is_discovered_and_health_shows_keys() {
    let issuer = issuer().await;
    let arguments = ["--listen", "127.0.0.1:0", "--issuer", issuer.issuer(), "--client-id", "local-reader"];
    let demo = Serving::start(&arguments, &[]);
    let caller = Caller::new(&demo.url);
    assert_eq!(caller.get("/orders", &issuer.mint().scope(READ).sign()).await, 200);
    assert_eq!(caller.get("/orders", &issuer.mint().bad_signature().sign()).await, 401);
    let health = caller.http.get(format!("{}/health", demo.url)).send().await.expect("the API answers");
    assert_eq!(health.status(), 200);
    let health: Value = health.json().await.expect("it is JSON");
    assert_eq!(health["status"], "ok");
    assert_eq!(health["issuers"][0]["issuer"], issuer.issuer());
    assert_eq!(health["issuers"][0]["keys"], 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn generic_issuer_is_trusted_for_configured_audiences() {
    let issuer = issuer().await;
    let jwks_uri = issuer.jwks_uri();
    let arguments = ["--listen", "127.0.0.1:0", "--issuer", issuer.issuer(), "--jwks-uri", &jwks_uri];
    let arguments = [&arguments[..], &["--audience", "orders,shop", "--algorithms", "ES256,RS256"]].concat();
    let demo = Serving::start(&arguments, &[]);
    let caller = Caller::new(&demo.url);

    assert_eq!(caller.get("/orders", &issuer.mint().claim("aud", "shop").sign()).await, 200);
    assert_eq!(caller.get("/orders", &issuer.mint().claim("aud", json!(["x", "orders"])).sign()).await, 200);
    assert_eq!(caller.get("/orders", &issuer.mint().claim("aud", "elsewhere").sign()).await, 401);
    assert_eq!(caller.get("/orders", &issuer.mint().sign()).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn issuer_without_tls_requires_flag() {
    // FR-A15: no such host exists, so there are no keys yet
    let issuer = ["--listen", "127.0.0.1:0", "--issuer", "http://keycloak.invalid:8080/realms/a"];
    let demo = Serving::start(&[&issuer[..], &["--audience", "a", "--allow-keys-without-tls"]].concat(), &[]);
    let local = LocalIssuer::start().await.unwrap();
    let token = local.mint().claim("iss", "http://keycloak.invalid:8080/realms/a").sign();
    assert_eq!(Caller::new(&demo.url).get("/orders", &token).await, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn flags_set_algorithms_and_leeway() {
    let issuer = issuer().await;
    let jwks_uri = issuer.jwks_uri();
    let common = ["--listen", "127.0.0.1:0", "--issuer", issuer.issuer(), "--client-id", "local-reader"];
    let generic = [&common[..], &["--jwks-uri", &jwks_uri]].concat();
    let now = issuer.mint().claims()["iat"].as_u64().unwrap();
    // Expired two minutes ago, which is far more than the duration of the test.
    let late = |mint: Mint| mint.issued_at(now - 3600).expires_at(now - 120).sign();

    let patient = Serving::start(&[&generic[..], &["--leeway-secs", "300"]].concat(), &[]);
    assert_eq!(Caller::new(&patient.url).get("/orders", &late(issuer.mint())).await, 200);
    let strict = Serving::start(&[&generic[..], &["--leeway-secs", "0"]].concat(), &[]);
    assert_eq!(Caller::new(&strict.url).get("/orders", &issuer.mint().sign()).await, 200);
    assert_eq!(Caller::new(&strict.url).get("/orders", &late(issuer.mint())).await, 401);
    let other = Serving::start(&[&generic[..], &["--algorithms", "ES256"]].concat(), &[]);
    assert_eq!(Caller::new(&other.url).get("/orders", &issuer.mint().sign()).await, 401, "it is RS256");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn flags_override_environment_variables() {
    let issuer = issuer().await;
    let environment = [
        ("LISTEN", "127.0.0.1:0"),
        ("ISSUER", issuer.issuer()),
        ("PROFILE", "cognito"),
        ("CLIENT_ID", "local-reader"),
        ("LEEWAY_SECS", "0"),
        ("JWKS_REFRESH_SECS", "60"),
        ("JWKS_COOLDOWN_SECS", "1"),
        // An empty variable counts as unset.
        ("AUDIENCE", ""),
        ("ALGORITHMS", ""),
        ("JWKS_URI", ""),
        ("RUST_LOG", ""),
    ];
    let (reader, writer) = (issuer.mint().sign(), issuer.mint().client("local-writer").sign());
    let by_environment = Serving::start(&[], &environment);
    let caller = Caller::new(&by_environment.url);
    assert_eq!(caller.get("/orders", &reader).await, 200);
    assert_eq!(caller.get("/orders", &writer).await, 401);

    let by_flag = Serving::start(&["--client-id", "local-writer"], &environment);
    let caller = Caller::new(&by_flag.url);
    assert_eq!(caller.get("/orders", &reader).await, 401);
    assert_eq!(caller.get("/orders", &writer).await, 200);
}

#[test]
fn empty_variables_count_as_unset() {
    let ended = run(&["--exit"], &[("LISTEN", ""), ("ISSUER", ""), ("CLIENT_ID", "")]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn signal_stops_program_and_log_hides_tokens() {
    let issuer = issuer().await;
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--issuer",
        issuer.issuer(),
        "--profile",
        "cognito",
        "--client-id",
        "local-reader",
    ];
    for (log, signal, name) in [("", "TERM", "SIGTERM"), ("trace", "INT", "Ctrl-C")] {
        let demo = Serving::start(&arguments, &[("RUST_LOG", log)]);
        let caller = Caller::new(&demo.url);
        let (good, expired) = (issuer.mint().sign(), issuer.mint().expired().sign());
        assert_eq!(caller.get("/orders", &good).await, 200);
        assert_eq!(caller.get("/orders", &expired).await, 401);
        // The caller's connection stays open, as in a real deployment.
        let told = Instant::now();
        let ended = demo.stop(signal);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(told.elapsed() < Duration::from_secs(4), "{:?}", told.elapsed());
        assert!(ended.stderr.contains("request rejected") && ended.stderr.contains(name), "{}", ended.stderr);
        for part in good.split('.').chain(expired.split('.')) {
            assert!(!ended.stdout.contains(part) && !ended.stderr.contains(part), "{ended:#?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn api_without_keys_returns_503() {
    // FR-A7
    let issuer = issuer().await;
    issuer.set_fault(Fault::Status(500));
    let arguments = ["--listen", "127.0.0.1:0", "--issuer", issuer.issuer(), "--client-id", "local-reader"];
    let demo = Serving::start(&arguments, &[]);
    let caller = Caller::new(&demo.url);
    let token = issuer.mint().scope(READ).sign();
    assert_eq!(caller.get("/orders", &token).await, 503);
    assert_eq!(caller.get("/health", &token).await, 503);
    issuer.clear_fault();
    // The next fetch follows within some seconds.
    while caller.get("/orders", &token).await != 200 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(caller.get("/health", &token).await, 200);
}

#[test]
fn occupied_address_is_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ended = run(&["--listen", &address], &[]);
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{ended:#?}");
    assert!(ended.stderr.starts_with(&format!("demo: cannot listen on {address}: ")), "{}", ended.stderr);
}
