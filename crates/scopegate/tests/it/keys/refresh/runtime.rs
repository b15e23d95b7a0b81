//! Which runtimes does the background task run in, when does it end, and how is that reported?

use scopegate::{Issuer, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::{LOCAL_CLIENT, builder_trusting};

#[test]
fn both_runtime_flavors_refresh_keys() {
    let current = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let several = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    for runtime in [current, several] {
        runtime.block_on(async {
            let local = LocalIssuer::start().await.unwrap();
            let verifier = builder_trusting(&local).start().await.unwrap();
            local.rotate();
            assert!(verifier.verify_or_refresh(&local.mint().sign()).await.is_ok());
        });
    }
}

#[test]
fn runtime_without_timers_is_reported() {
    let local_runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let local = local_runtime.block_on(LocalIssuer::start()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let error = runtime.block_on(builder_trusting(&local).start()).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("timers are disabled"), "{cause}");
}

#[test]
fn ended_runtime_is_reported() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let gone = runtime.handle().clone();
    drop(runtime);
    let _entered = gone.enter();
    let issuer = Issuer::cognito_at("http://127.0.0.1:1/pool").unwrap().client(LOCAL_CLIENT);
    let verifier = Verifier::builder().trust(issuer).start_lazy().unwrap();
    let failure = verifier.status().issuers()[0].last_failure.clone().unwrap();
    assert!(failure.contains("the background task has ended"), "{failure}");
}

#[test]
fn verifier_outlives_its_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (verifier, token) = runtime.block_on(async {
        let local = LocalIssuer::start().await.unwrap();
        (builder_trusting(&local).start().await.unwrap(), local.mint().sign())
    });
    drop(runtime);
    assert!(verifier.verify(&token).is_ok());
}

#[tokio::test]
async fn last_clone_keeps_refreshing_keys() {
    // B26
    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let clone = verifier.clone();
    drop(verifier);
    local.rotate();
    assert!(clone.verify_or_refresh(&local.mint().sign()).await.is_ok());
}

#[tokio::test]
async fn thousand_dropped_verifiers_leave_no_task() {
    // B26
    let local = LocalIssuer::start().await.unwrap();
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..1_000 {
        let verifier = builder_trusting(&local).start_lazy().unwrap();
        let clone = verifier.clone();
        drop(verifier);
        drop(clone);
    }
    while tokio::runtime::Handle::current().metrics().num_alive_tasks() > before {
        tokio::task::yield_now().await;
    }
}
