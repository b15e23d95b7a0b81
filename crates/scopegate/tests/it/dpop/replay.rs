//! A proof is used once, and recording it is the last step.

use std::collections::HashMap;
use std::future::{pending, ready};
use std::pin::Pin;
use std::sync::Mutex;
use std::thread;

use http::header::RETRY_AFTER;
use scopegate::http::Grant;
use scopegate::{Denied, ProofUse, ReplayStore, ReplayStoreError, UsedProof};

use super::*;

#[test]
fn proof_is_accepted_once() {
    // DP24, SEP-1932
    let api = Api::accepting();
    let request = proven(&proof());
    assert_eq!(api.outcome(&request), (200, "accepted"));
    for _ in 0..3 {
        assert_eq!(api.outcome(&request), (401, "proof_replayed"));
    }
    assert!(api.challenges(&request)[0].contains(r#"error="invalid_dpop_proof""#));
    // The same `jti` by another key.
    let token = bound_to(&OTHER_CLIENT_KEY, client_token().scope(SCOPE)).compact();
    let id: serde_json::Value = serde_json::from_str(&proof().claim("jti", "same").payload()).unwrap();
    assert_eq!(api.outcome(&proven(&proof().claim("jti", id["jti"].clone()))), (200, "accepted"));
    let other = Proof::new(&OTHER_CLIENT_KEY, "GET", URL, &token).claim("jti", "same");
    let other = get(&format!("DPoP {token}"), &[&other.sign_with(&OTHER_CLIENT_KEY)]);
    assert_eq!(api.outcome(&other), (200, "accepted"));
}

/// A store of several instances, with a clock of its own in seconds after `NOW`.
#[derive(Clone, Default)]
struct Fleet(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    now: Duration,
    ends: HashMap<[u8; 16], Duration>,
}

impl ReplayStore for Fleet {
    fn record(&self, proof: UsedProof) -> Recorded {
        let mut entries = self.0.lock().unwrap();
        let (key, now) = (proof.key(), entries.now);
        let was_used = entries.ends.get(&key).is_some_and(|end| *end > now);
        if !was_used {
            entries.ends.insert(key, now + proof.retention());
        }
        Box::pin(ready(Ok(if was_used { ProofUse::Repeated } else { ProofUse::First })))
    }
}

#[tokio::test]
async fn instance_whose_clock_is_behind_rejects_replay() {
    // DP26: the fleet's clocks differ by 25 s.
    let fleet = Fleet::default();
    let instance = || Api::with(Dpop::accept().replay_store(fleet.clone()));
    let (ahead, behind) = (instance(), instance());
    let (used, fresh) = (proven(&proof().claim("iat", NOW)), proven(&proof().claim("iat", NOW)));
    ahead.at(59);
    assert!(record(&ahead, &used).await.is_ok());
    for later in [0, 10, 20] {
        fleet.0.lock().unwrap().now = Duration::from_secs(later);
        behind.at(59 - 25 + later);
        let replayed = record(&behind, &used).await.unwrap_err();
        assert_eq!(replayed.reason_code(), "proof_replayed", "{later}");
    }
    assert!(record(&behind, &fresh).await.is_ok());
}

#[tokio::test]
async fn instance_with_longer_age_rejects_replay() {
    // DP26: a rolling deployment raises the age.
    let fleet = Fleet::default();
    let instance =
        |seconds| Api::with(Dpop::accept().max_age(Duration::from_secs(seconds)).replay_store(fleet.clone()));
    let (before, after) = (instance(60), instance(300));
    let (used, fresh) = (proven(&proof().claim("iat", NOW)), proven(&proof().claim("iat", NOW)));
    assert!(record(&before, &used).await.is_ok());
    for later in [91, 200, 300] {
        fleet.0.lock().unwrap().now = Duration::from_secs(later);
        let replayed = record(after.at(later), &used).await.unwrap_err();
        assert_eq!(replayed.reason_code(), "proof_replayed", "{later}");
    }
    assert!(record(&after, &fresh).await.is_ok());
}

#[cfg(feature = "metrics")]
#[test]
fn each_record_of_a_proof_is_counted() {
    // DP28
    let recorder = metrics_util::debugging::DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    metrics::with_local_recorder(&recorder, || {
        let api = Api::with(Dpop::accept().replay_capacity(1));
        let used = proven(&proof());
        assert_eq!(api.outcome(&used), (200, "accepted"));
        assert_eq!(api.outcome(&used), (401, "proof_replayed"));
        assert_eq!(api.outcome(&proven(&proof())), (503, "replay_store_unavailable"));
        // These are not recorded.
        assert_eq!(api.outcome(&proven(&proof().claim("htm", "PUT"))), (401, "invalid_proof"));
    });
    let counted: Vec<_> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .filter(|(key, ..)| key.key().name() == "scopegate_dpop_proofs_total")
        .map(|(key, _, _, value)| (key.key().labels().next().unwrap().value().to_owned(), value))
        .collect();
    assert_eq!(counted.len(), 3);
    for outcome in ["recorded", "replayed", "unavailable"] {
        let one = metrics_util::debugging::DebugValue::Counter(1);
        assert!(counted.contains(&(outcome.to_owned(), one)), "{outcome}");
    }
}

#[test]
fn parallel_uses_of_a_proof_have_one_winner() {
    // DP24
    let (api, request) = (Api::accepting(), proven(&proof()));
    let outcomes = thread::scope(|scope| {
        let threads = [(); 100].map(|()| scope.spawn(|| api.outcome(&request)));
        threads.map(|thread| thread.join().unwrap())
    });
    let count = |expected| outcomes.iter().filter(|outcome| **outcome == expected).count();
    assert_eq!((count((200, "accepted")), count((401, "proof_replayed"))), (1, 99));
}

#[test]
fn rejected_request_does_not_use_up_its_proof() {
    // DP25, DP29
    let api = Api::accepting();
    let same_id = || proof().claim("jti", "same");
    for wrong in [
        same_id().claim("ath", "wrong"),
        same_id().claim("htm", "POST"),
        same_id().claim("htu", "https://other.example/"),
        same_id().claim("iat", NOW - 100),
    ] {
        assert_eq!(api.outcome(&proven(&wrong)), (401, "invalid_proof"));
    }
    let forged = same_id().mint().bad_signature().sign_with(&CLIENT_KEY);
    assert_eq!(api.outcome(&with_proof(&forged)), (401, "invalid_proof"));
    // A route that requires more, and a rule of the application.
    let request = proven(&same_id());
    let more = Authorizer::require_scope(&api.verifier, "orders/write").unwrap();
    let rejection = send(&more, &request).unwrap_err();
    assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (403, "insufficient_scope"));
    match api.authorizer.authorize_request(request.method(), request.uri(), request.headers()) {
        Authorization::Proven(proven) => {
            let rejection = proven.reject(Denied::new("not_owner"));
            assert_eq!(rejection.reason_code(), "not_owner");
            let template = api.authorizer.response(&rejection);
            assert_eq!(template.headers().next().unwrap().1, r#"DPoP realm="api""#);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(api.outcome(&request), (200, "accepted"));
}

#[test]
fn proof_from_the_future_is_kept_longer() {
    // DP26
    let api = Api::accepting();
    let request = proven(&proof().claim("iat", NOW + 9));
    assert_eq!(api.outcome(&request), (200, "accepted"));
    for seconds in [1, 60, 68, 69] {
        assert_eq!(api.at(seconds).outcome(&request), (401, "proof_replayed"), "{seconds}");
    }
    assert_eq!(api.at(70).outcome(&request), (401, "invalid_proof"));
}

#[test]
fn full_store_is_503_without_challenge() {
    // DP28
    let api = Api::with(Dpop::accept().replay_capacity(7));
    assert_eq!(api.outcome(&proven(&proof())), (200, "accepted"));
    let request = proven(&proof());
    assert_eq!(api.outcome(&request), (503, "replay_store_unavailable"));
    let template = api.response(&request);
    let headers: Vec<_> = template.headers().collect();
    assert_eq!(headers.len(), 1);
    // The rest of the slice: proofs that are made after it expire in the next one.
    assert_eq!((headers[0].0, headers[0].1.to_str().unwrap()), (&RETRY_AFTER, "10"));
    let bearer = get(&format!("Bearer {}", client_token().scope(SCOPE).compact()), &[]);
    assert!(accepts_bearer(&api, &bearer));
    assert_eq!(api.at(20).outcome(&proven(&proof().claim("iat", NOW + 20))), (200, "accepted"));
}

#[test]
fn clones_of_settings_share_used_proofs() {
    // DP24, DP27
    let dpop = Dpop::accept();
    let (one, other) = (Api::with(dpop.clone()), Api::with(dpop.clone()));
    let request = proven(&proof());
    assert_eq!(one.outcome(&request), (200, "accepted"));
    assert_eq!(other.outcome(&request), (401, "proof_replayed"));
    // A store of another size, and settings of their own, have other stores.
    for apart in [Api::with(dpop.replay_capacity(1_000)), Api::accepting()] {
        assert_eq!(apart.outcome(&request), (200, "accepted"));
    }
}

#[tokio::test]
async fn one_call_decides_and_records() {
    // DP24
    let api = Api::accepting();
    let decide = async |request: &Request<()>| {
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        let decided = api.authorizer.authorize_or_refresh(method, uri, headers).await;
        decided.map(|accepted| accepted.claims().is_some()).map_err(|rejection| rejection.reason_code())
    };
    let request = proven(&proof());
    assert_eq!(decide(&request).await, Ok(true));
    assert_eq!(decide(&request).await, Err("proof_replayed"));
    assert_eq!(decide(&proven(&proof().claim("htm", "PUT"))).await, Err("invalid_proof"));
    let bearer = get(&format!("Bearer {}", client_token().scope(SCOPE).compact()), &[]);
    assert_eq!(decide(&bearer).await, Ok(true));
}

#[test]
fn rejected_proof_names_owner_of_token() {
    // DP24, DP28: the token is valid, and may be stolen.
    let api = Api::with(Dpop::accept().replay_capacity(1));
    let owner = |request: &Request<()>| {
        let rejection = api.send(request).unwrap_err();
        let decision = rejection.decision();
        (decision.reason(), decision.claims().and_then(|claims| claims.client_id()).map(str::to_owned))
    };
    let client = || Some(testkit::CLIENT.to_owned());
    let used = proven(&proof());
    assert_eq!(owner(&proven(&proof().claim("htm", "PUT"))), ("invalid_proof", client()));
    assert_eq!(owner(&get(&format!("DPoP {}", &*TOKEN), &[])), ("invalid_proof", client()));
    assert_eq!(api.outcome(&used), (200, "accepted"));
    assert_eq!(owner(&used), ("proof_replayed", client()));
    assert_eq!(owner(&proven(&proof())), ("replay_store_unavailable", client()));
    // A token that is not valid has no owner.
    let forged = bound().bad_signature().compact();
    let proof = Proof::new(&CLIENT_KEY, "GET", URL, &forged).sign_with(&CLIENT_KEY);
    assert_eq!(owner(&get(&format!("DPoP {forged}"), &[&proof])), ("bad_signature", None));
}

#[test]
fn strangers_add_no_entry() {
    // DP29
    let api = Api::with(Dpop::accept().replay_capacity(7));
    for _ in 0..20 {
        let other = Proof::new(&OTHER_CLIENT_KEY, "GET", URL, &TOKEN).sign_with(&OTHER_CLIENT_KEY);
        assert_eq!(api.outcome(&with_proof(&other)), (401, "invalid_proof"));
        let forged = bound().bad_signature().compact();
        let proof = Proof::new(&CLIENT_KEY, "GET", URL, &forged).sign_with(&CLIENT_KEY);
        assert_eq!(api.outcome(&get(&format!("DPoP {forged}"), &[&proof])), (401, "bad_signature"));
    }
    assert_eq!(api.outcome(&proven(&proof())), (200, "accepted"));
}

/// A store that instances share.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<UsedProof>>>);

type Recorded = Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>>;

impl ReplayStore for Shared {
    fn record(&self, proof: UsedProof) -> Recorded {
        let mut used = self.0.lock().unwrap();
        let is_used = used.iter().any(|one| one.key() == proof.key());
        used.push(proof);
        Box::pin(ready(Ok(if is_used { ProofUse::Repeated } else { ProofUse::First })))
    }
}

async fn record(api: &Api, request: &Request<()>) -> Result<AcceptedRequest, Rejection> {
    let decided = api.authorizer.authorize_request(request.method(), request.uri(), request.headers());
    match decided.settle(&api.authorizer).await? {
        Grant::Proven(proven) => proven.record_and_wait(None).await,
        Grant::Accepted(_) => panic!("there was no proof"),
    }
}

#[tokio::test]
async fn instances_with_one_store_accept_a_proof_once() {
    // DP24
    let store = Shared::default();
    let [one, other] =
        [store.clone(), store.clone()].map(|store| Api::with(Dpop::accept().replay_store(store)));
    let request = proven(&proof().claim("iat", NOW + 9));
    assert!(record(&one, &request).await.is_ok());
    assert_eq!(record(&other, &request).await.unwrap_err().reason_code(), "proof_replayed");
    // The longest age, and the difference between the clocks of instances.
    assert_eq!(store.0.lock().unwrap()[0].retention(), Duration::from_secs(309 + 30));
}

struct Broken;

impl ReplayStore for Broken {
    fn record(&self, _: UsedProof) -> Recorded {
        Box::pin(ready(Err(ReplayStoreError::new("connection refused"))))
    }
}

struct Stalled;

impl ReplayStore for Stalled {
    fn record(&self, _: UsedProof) -> Recorded {
        Box::pin(pending())
    }
}

#[tokio::test(start_paused = true)]
async fn unreachable_store_is_503_for_proofs_only() {
    // DP28
    let broken = Api::with(Dpop::accept().replay_store(Broken));
    let stalled = Api::with(Dpop::accept().replay_store(Stalled));
    for (api, reason) in [(&broken, "connection refused"), (&stalled, "the store did not respond")] {
        let rejection = record(api, &proven(&proof())).await.unwrap_err();
        assert_eq!((rejection.status().as_u16(), rejection.reason_code()), (503, "replay_store_unavailable"));
        assert!(rejection.to_string().ends_with(reason), "{rejection}");
        let bearer = get(&format!("Bearer {}", client_token().scope(SCOPE).compact()), &[]);
        assert!(accepts_bearer(api, &bearer));
    }
}
