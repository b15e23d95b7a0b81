//! A proof is used once: several layers, denied requests, and a store that instances share.

use super::*;

#[tokio::test]
async fn two_layers_of_one_verifier_use_proof_once() {
    // DP40
    let verifier = accepting();
    let router = orders(&verifier).layer(RequireToken::new(&verifier));
    let request = proven("/orders");
    let copy = again(&request);
    assert_eq!(status(&router, request).await, 200);
    assert_eq!(status(&router, copy).await, 401);
    // Another verifier keeps its own record, also between two layers of the first.
    let other = RequireToken::new(&accepting());
    for router in [
        orders(&accepting()).layer(RequireToken::new(&verifier)),
        orders(&verifier).layer(other).layer(RequireToken::new(&verifier)),
    ] {
        let request = proven("/orders");
        let copy = again(&request);
        assert_eq!(status(&router, request).await, 200);
        assert_eq!(reason(&send(&router, copy).await), "proof_replayed");
    }
}

#[tokio::test]
async fn two_verifiers_with_one_store_use_proof_once() {
    // DP40
    let dpop = Dpop::accept().replay_store(Shared(Arc::new(AtomicBool::new(false))));
    let (outer, inner) = (verifier(dpop.clone()), verifier(dpop));
    let router = orders(&inner).layer(RequireToken::new(&outer));
    let request = proven("/orders");
    let copy = again(&request);
    assert_eq!(status(&router, request).await, 200);
    assert_eq!(reason(&send(&router, copy).await), "proof_replayed");
}

#[tokio::test]
async fn settings_with_clones_of_store_use_proof_once() {
    // DP40: each layer's verifier has settings of its own.
    let store = Shared(Arc::new(AtomicBool::new(false)));
    let verifier_of = |store| verifier(Dpop::accept().replay_store(store));
    let router = |inner| orders(&inner).layer(RequireToken::new(&verifier_of(store.clone())));
    let request = proven("/orders");
    let copy = again(&request);
    let own = router(verifier_of(store.clone()));
    assert_eq!(status(&own, request).await, 200);
    assert_eq!(reason(&send(&own, copy).await), "proof_replayed");
    // Another store has another identity, and its own record.
    let other = Shared(Arc::new(AtomicBool::new(true)));
    store.0.store(false, Ordering::Relaxed);
    let response = send(&router(verifier_of(other)), proven("/orders")).await;
    assert_eq!(reason(&response), "proof_replayed");
}

#[tokio::test]
async fn denied_request_does_not_use_up_its_proof() {
    // DP25
    let verifier = accepting();
    let open = Arc::new(AtomicBool::new(false));
    let is_open = Arc::clone(&open);
    let layer = RequireScope::new(&verifier, "orders/read")
        .and(move |claims: &Claims, _: &_| claims.is_sender_constrained() && is_open.load(Ordering::Relaxed));
    let router = Router::new().route("/orders", on_get(who).layer(layer));
    let request = proven("/orders");
    let (second, third) = (again(&request), again(&request));
    let denied = send(&router, request).await;
    assert_eq!((denied.status().as_u16(), reason(&denied)), (403, "denied"));
    assert_eq!(challenges(&denied), [r#"DPoP realm="api""#]);
    open.store(true, Ordering::Relaxed);
    assert_eq!(status(&router, second).await, 200);
    assert_eq!(status(&router, third).await, 401);
}

#[derive(Clone)]
struct Shared(Arc<AtomicBool>);

impl ReplayStore for Shared {
    fn record(
        &self,
        _: UsedProof,
    ) -> Pin<Box<dyn Future<Output = Result<ProofUse, ReplayStoreError>> + Send>> {
        let was_used = self.0.swap(true, Ordering::Relaxed);
        Box::pin(async move {
            tokio::task::yield_now().await;
            ready(Ok(if was_used { ProofUse::Repeated } else { ProofUse::First })).await
        })
    }

    fn identity(&self) -> Option<usize> {
        Some(Arc::as_ptr(&self.0).addr())
    }
}

#[tokio::test]
async fn layer_waits_for_shared_store() {
    // DP24, DP28
    let used = Arc::new(AtomicBool::new(false));
    let verifier = verifier(Dpop::accept().replay_store(Shared(Arc::clone(&used))));
    let router = orders(&verifier).layer(RequireToken::new(&verifier));
    let response = send(&router, proven("/orders")).await;
    assert_eq!(
        body_text(response).await,
        format!("{} true", testkit::CLIENT),
        "the inner layer records nothing"
    );
    assert!(used.load(Ordering::Relaxed));
    let replayed = send(&router, proven("/orders")).await;
    assert_eq!((replayed.status().as_u16(), reason(&replayed)), (401, "proof_replayed"));
}
