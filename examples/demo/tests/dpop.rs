//! The program with tokens that are bound to a key (DPoP): its settings and its responses.

mod demo_process;

use std::time::{SystemTime, UNIX_EPOCH};

use demo_process::Serving;
use reqwest::{Client, Response};
use scopegate_issuer::{Algorithm, LocalIssuer, SigningKey};
use serde_json::Value;
use testkit::{Proof, bound_to};

const READ: &str = "https://my-api-server.org/api.read";
/// The origin of the API for its callers, as with a proxy before it.
const ORIGIN: &str = "https://api.example";

/// A caller with a key, and the program.
struct Fixture {
    demo: Serving,
    issuer: LocalIssuer,
    key: SigningKey,
    http: Client,
}

impl Fixture {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let issuer = LocalIssuer::start().await.expect("there is a free port");
        let demo = Serving::trusting(issuer.issuer(), settings);
        let http = Client::builder().no_proxy().build().expect("no TLS is asked for");
        Self { demo, issuer, key: SigningKey::generate(Algorithm::ES256), http }
    }

    fn bearer(&self) -> String {
        self.issuer.mint().scope(READ).sign()
    }

    fn bound(&self) -> String {
        bound_to(&self.key, self.issuer.mint().scope(READ)).sign()
    }

    fn proof(&self, token: &str) -> Proof {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
        Proof::new(&self.key, "GET", &format!("{ORIGIN}/orders"), token).claim("iat", now)
    }

    async fn send(&self, scheme: &str, token: &str, proof: Option<&str>) -> Response {
        let mut request = self.http.get(format!("{}/orders", self.demo.url));
        request = request.header("Authorization", format!("{scheme} {token}"));
        if let Some(proof) = proof {
            request = request.header("DPoP", proof);
        }
        request.send().await.expect("the API responds")
    }

    async fn status(&self, scheme: &str, token: &str, proof: Option<&str>) -> u16 {
        self.send(scheme, token, proof).await.status().as_u16()
    }
}

fn challenges(response: &Response) -> String {
    let values = response.headers().get_all("WWW-Authenticate").iter();
    values.map(|value| value.to_str().expect("it is ASCII")).collect::<Vec<_>>().join(", ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bound_token_requires_fresh_proof_of_its_key() {
    let it = Fixture::start(&[("ORIGIN", ORIGIN), ("DPOP", "accept")]).await;
    let token = it.bound();
    let proof = it.proof(&token).sign_with(&it.key);
    assert_eq!(it.status("DPoP", &token, Some(&proof)).await, 200);
    // DP24: a thief with the whole request
    assert_eq!(it.status("DPoP", &token, Some(&proof)).await, 401);
    // DP01: a thief with the token
    assert_eq!(it.status("Bearer", &token, None).await, 401);
    assert_eq!(it.status("DPoP", &token, None).await, 401);
    // DP23: a thief with the token and a key
    let stolen = SigningKey::generate(Algorithm::ES256);
    let response = it.send("DPoP", &token, Some(&it.proof(&token).sign_with(&stolen))).await;
    assert_eq!(response.status(), 401);
    assert!(challenges(&response).contains(r#"error="invalid_dpop_proof""#), "{}", challenges(&response));
    // DP18: the origin is the setting, not the address
    let local = format!("{}/orders", it.demo.url);
    assert_eq!(
        it.status("DPoP", &token, Some(&it.proof(&token).claim("htu", local).sign_with(&it.key))).await,
        401
    );
    // DP04
    assert_eq!(it.status("Bearer", &it.bearer(), None).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn required_proof_excludes_bearer_tokens() {
    let settings = [("ORIGIN", ORIGIN), ("DPOP", "require"), ("DPOP_ALGORITHMS", "ES256")];
    let it = Fixture::start(&settings).await;
    let token = it.bound();
    assert_eq!(it.status("DPoP", &token, Some(&it.proof(&token).sign_with(&it.key))).await, 200);
    let response = it.send("Bearer", &it.bearer(), None).await;
    assert_eq!(response.status(), 401);
    assert!(challenges(&response).contains(r#"algs="ES256""#), "{}", challenges(&response));
    // DP39: the identifier of the resource is the origin
    let url = format!("{}/.well-known/oauth-protected-resource", it.demo.url);
    let metadata = it.http.get(url).send().await.expect("the API responds");
    let metadata: Value = metadata.json().await.expect("it is JSON");
    assert_eq!(metadata["resource"], ORIGIN);
    assert_eq!(metadata["dpop_bound_access_tokens_required"], true);
    assert_eq!(metadata["dpop_signing_alg_values_supported"], serde_json::json!(["ES256"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn required_nonce_is_given_and_accepted() {
    let it = Fixture::start(&[("ORIGIN", ORIGIN), ("DPOP", "accept"), ("DPOP_NONCE", "require")]).await;
    let token = it.bound();
    let response = it.send("DPoP", &token, Some(&it.proof(&token).sign_with(&it.key))).await;
    // DP33
    assert_eq!(response.status(), 401);
    assert!(challenges(&response).contains(r#"error="use_dpop_nonce""#), "{}", challenges(&response));
    let nonce = response.headers()["DPoP-Nonce"].to_str().expect("it is ASCII");
    assert_eq!(
        it.status("DPoP", &token, Some(&it.proof(&token).claim("nonce", nonce).sign_with(&it.key))).await,
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn maximum_age_of_proofs_is_a_setting() {
    let it = Fixture::start(&[("ORIGIN", ORIGIN), ("DPOP", "accept"), ("DPOP_MAX_AGE_SECS", "300")]).await;
    let token = it.bound();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    // Far from both limits, so that the duration of the test does not matter.
    let of_age = |age: u64| it.proof(&token).claim("iat", now - age).sign_with(&it.key);
    assert_eq!(it.status("DPoP", &token, Some(&of_age(180))).await, 200);
    assert_eq!(it.status("DPoP", &token, Some(&of_age(420))).await, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bound_tokens_are_rejected_without_setting() {
    for settings in [&[][..], &[("ORIGIN", ORIGIN), ("DPOP", "off"), ("DPOP_NONCE", "require")]] {
        let it = Fixture::start(settings).await;
        let token = it.bound();
        assert_eq!(it.status("DPoP", &token, Some(&it.proof(&token).sign_with(&it.key))).await, 401);
        assert_eq!(it.status("Bearer", &token, None).await, 401);
        assert_eq!(it.status("Bearer", &it.bearer(), None).await, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn unreachable_replay_store_stops_only_bound_tokens() {
    // DP28: the port is closed
    let settings = [("ORIGIN", ORIGIN), ("DPOP", "accept"), ("REPLAY_STORE", "redis://127.0.0.1:9")];
    let it = Fixture::start(&settings).await;
    let token = it.bound();
    assert_eq!(it.status("DPoP", &token, Some(&it.proof(&token).sign_with(&it.key))).await, 503);
    assert_eq!(it.status("Bearer", &it.bearer(), None).await, 200);
}
