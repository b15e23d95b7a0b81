//! Used DPoP proofs in Redis: is each proof accepted once, by all instances together?

mod failures;
mod fleet;
mod late;
mod measure;
mod retry;
mod settings;

use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use scopegate::http::{AcceptedRequest, Authorizer, Grant, ProofReceipt, Rejection};
use scopegate::{Dpop, ProofUse, ReplayStore, ReplayStoreError, UsedProof, Verifier};
use scopegate_issuer::{Algorithm, SigningKey};
use scopegate_redis::RedisReplayStore;
use serde_json::Value;
use testkit::{CLIENT, KEY, NOW, Proof, Token as _, bound_to, client_token, issuer_with_keys};

use crate::server::{Server, server};

const SCOPE: &str = "orders/read";

static CLIENT_KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256));
static TOKEN: LazyLock<String> =
    LazyLock::new(|| bound_to(&CLIENT_KEY, client_token().scope(SCOPE)).compact());

/// Returns an API whose issuer has this key.
fn api(store: impl ReplayStore, issuer_key: Value) -> Authorizer {
    let verifier = Verifier::builder()
        .clock(|| UNIX_EPOCH + Duration::from_secs(NOW))
        .trust(issuer_with_keys([issuer_key]).client(CLIENT))
        .dpop(Dpop::accept().origin("https://api.example").replay_store(store))
        .build()
        .unwrap();
    Authorizer::require_scope(&verifier, SCOPE).unwrap()
}

/// Returns the proof of a new request.
fn proof() -> String {
    Proof::new(&CLIENT_KEY, "GET", "https://api.example/orders", &TOKEN).sign_with(&CLIENT_KEY)
}

/// Sends a request to an API of this process.
async fn send(api: &Authorizer, proof: &str) -> Result<AcceptedRequest, Rejection> {
    send_after(api, proof, None).await
}

/// Sends a request that an outer layer has accepted.
async fn send_after(
    api: &Authorizer,
    proof: &str,
    outer: Option<&ProofReceipt>,
) -> Result<AcceptedRequest, Rejection> {
    let request = Request::get("/orders").header(AUTHORIZATION, format!("DPoP {}", *TOKEN));
    let request = request.header("dpop", proof).body(()).unwrap();
    let decided = api.authorize_request(request.method(), request.uri(), request.headers());
    match decided.settle(api).await? {
        Grant::Proven(proven) => proven.record_and_wait(outer).await,
        Grant::Accepted(_) => panic!("there was no proof"),
    }
}

/// Returns the record of a new request's proof.
async fn used_proof() -> UsedProof {
    used_proofs(1).await.remove(0)
}

async fn used_proofs(count: usize) -> Vec<UsedProof> {
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<UsedProof>>>);
    impl ReplayStore for Seen {
        fn record(
            &self,
            proof: UsedProof,
        ) -> Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>> {
            self.0.lock().unwrap().push(proof);
            Box::pin(ready(Ok(ProofUse::First)))
        }
    }
    let seen = Seen::default();
    let api = api(seen.clone(), KEY.jwk());
    for _ in 0..count {
        let _ = send(&api, &proof()).await.unwrap();
    }
    seen.0.lock().unwrap().drain(..).collect()
}

async fn store(server: &Server) -> RedisReplayStore {
    RedisReplayStore::connect(&server.redis()).await.unwrap()
}

#[tokio::test]
async fn instances_accept_a_proof_once_together() {
    // DP24
    let server = server!();
    let [one, other] = [api(store(&server).await, KEY.jwk()), api(store(&server).await, KEY.jwk())];
    let (used, fresh) = (proof(), proof());
    assert!(send(&one, &used).await.is_ok());
    for api in [&one, &other] {
        assert_eq!(send(api, &used).await.unwrap_err().reason_code(), "proof_replayed");
    }
    assert!(send(&other, &fresh).await.is_ok());
}

#[tokio::test]
async fn entry_has_hashed_name_and_expires() {
    // DP26, DP27: 300 s of the longest age, and 30 s for other clocks.
    let server = server!();
    let store = RedisReplayStore::builder(&server.redis()).key_prefix("orders").connect().await.unwrap();
    let used = used_proof().await;
    assert_eq!(store.record(used).await.unwrap(), ProofUse::First);
    let key = format!("orders:{}", scopegate_proto::base64url::encode(used.key()));
    let left: u64 = server.command(&["PTTL", &key]).await;
    assert!((300_000..=330_001).contains(&left), "{left}");
    let encoding: String = server.command(&["OBJECT", "ENCODING", &key]).await;
    assert_eq!(encoding, "int");
    // An entry that has expired is no replay. The verifier rejects the proof by its time.
    let _: u64 = server.command(&["PEXPIRE", &key, "0"]).await;
    assert_eq!(store.record(used).await.unwrap(), ProofUse::First);
}

#[tokio::test]
async fn clones_are_one_store() {
    // DP40: a request that passes two layers, whose verifiers have settings of their own.
    let server = server!();
    let (one, other) = (store(&server).await, store(&server).await);
    for (inner, expected) in [(one.clone(), "accepted"), (other, "proof_replayed")] {
        let [outer, inner] = [api(one.clone(), KEY.jwk()), api(inner, KEY.jwk())];
        let proof = proof();
        let accepted = send(&outer, &proof).await.unwrap();
        let result = match send_after(&inner, &proof, accepted.receipt()).await {
            Ok(_) => "accepted",
            Err(rejection) => rejection.reason_code(),
        };
        assert_eq!(result, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_uses_have_one_first() {
    // DP24
    let server = server!();
    let stores = [store(&server).await, store(&server).await];
    for _ in 0..20 {
        let proof = used_proof().await;
        let uses: Vec<_> = (0..100).map(|call| tokio::spawn(stores[call % 2].record(proof))).collect();
        let mut first = 0;
        for one in uses {
            first += usize::from(one.await.unwrap().unwrap() == ProofUse::First);
        }
        assert_eq!(first, 1);
    }
}
