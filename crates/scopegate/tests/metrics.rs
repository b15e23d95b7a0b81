//! Do the counters match their description on the crate's page?
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use axum::Router;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use scopegate::middleware::{self, Verification};
use scopegate::{
    ClientAuthentication, Introspection, Issuer, Revocation, RevocationFile, Revocations, StatusList,
    Verifier,
};
use scopegate_issuer::{Fault, LocalIssuer};
use serde_json::json;
use testkit::{LOCAL_CLIENT, builder_trusting};

/// Every metric as `name{label=value,…}`, with its value. Counters start over with each call.
fn read(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let metrics = snapshotter.snapshot().into_vec().into_iter();
    metrics
        .map(|(key, _, _, value)| {
            let labels: Vec<_> = key.key().labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
            let value = match value {
                #[allow(clippy::cast_precision_loss, reason = "small counts")]
                DebugValue::Counter(count) => count as f64,
                DebugValue::Gauge(value) => value.into_inner(),
                DebugValue::Histogram(_) => f64::NAN,
            };
            (format!("{}{{{}}}", key.key().name(), labels.join(",")), value)
        })
        .collect()
}

#[tokio::test]
async fn counters_match_their_names() {
    // A19, B23, IN17
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install().unwrap();

    let local = LocalIssuer::start().await.unwrap();
    let verifier = builder_trusting(&local).start().await.unwrap();
    let good = local.mint();
    for token in [
        good.sign(),
        good.sign(),
        good.clone().expired().sign(),
        good.clone().bad_signature().sign(),
        good.clone().client("somebody").sign(),
        good.clone().claim("iss", "https://evil.example").sign(),
        good.clone().claim("token_use", "id").sign(),
        "opaque".to_owned(),
    ] {
        let _ = verifier.verify(&token);
    }
    let unknown = good.header("kid", "no such key").sign();
    assert!(verifier.verify_or_refresh(&unknown).await.is_err());

    let seen = read(&snapshotter);
    let name = local.issuer();
    for (metric, expected) in [
        ("scopegate_verifications_total{outcome=accepted}".to_owned(), 2.0),
        ("scopegate_cache_lookups_total{outcome=hit}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=expired}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=bad_signature}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=not_for_us}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=unknown_issuer}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=malformed}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=unacceptable}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=unknown_key}".to_owned(), 1.0),
        (format!("scopegate_unknown_keys_total{{issuer={name}}}"), 1.0),
        (format!("scopegate_key_fetches_total{{issuer={name},outcome=ok}}"), 3.0),
    ] {
        assert_eq!(seen.get(&metric), Some(&expected), "{metric} in {seen:?}");
    }
    let fetched = seen.get(&format!("scopegate_keys_fetched_timestamp_seconds{{issuer={name}}}"));
    assert!(fetched.is_some_and(|at| *at > 1.7e9), "{seen:?}");

    // A layer counts one outcome per token, also if it waits for a key.
    let verifier = builder_trusting(&local).start().await.unwrap();
    local.rotate();
    let of_new_key = local.mint().sign();
    assert!(matches!(middleware::try_verify(&verifier, &of_new_key), Verification::Pending(_)));
    assert!(verifier.verify_or_refresh(&of_new_key).await.is_ok());
    let seen = read(&snapshotter);
    assert_eq!(seen.get("scopegate_verifications_total{outcome=accepted}"), Some(&1.0), "{seen:?}");
    assert_ne!(seen.get("scopegate_verifications_total{outcome=unknown_key}"), Some(&1.0), "{seen:?}");

    // Six tokens in four places.
    let crowded = builder_trusting(&local).cache_capacity(4).start().await.unwrap();
    for at in 0..6 {
        assert!(crowded.verify(local.mint().claim("n", at).sign()).is_ok());
    }
    let seen = read(&snapshotter);
    assert_eq!(seen.get("scopegate_cache_evictions_total{}"), Some(&2.0), "{seen:?}");
    assert_eq!(seen.get("scopegate_cache_lookups_total{outcome=miss}"), Some(&6.0), "{seen:?}");

    local.set_fault(Fault::Status(500));
    let without_keys = builder_trusting(&local).start_lazy().unwrap();
    assert!(without_keys.verify(&unknown).is_err());
    while without_keys.status().issuers().iter().all(|issuer| issuer.fetches_failed == 0) {
        tokio::task::yield_now().await;
    }
    let seen = read(&snapshotter);
    assert_eq!(seen.get("scopegate_verifications_total{outcome=keys_unavailable}"), Some(&1.0), "{seen:?}");
    let failed = format!("scopegate_key_fetches_total{{issuer={name},outcome=failed}}");
    assert_eq!(seen.get(&failed), Some(&1.0), "{seen:?}");

    local.clear_fault();
    let after = revocations_are_counted(&local, &snapshotter).await;

    let listed = count_status_lists(&local, &snapshotter).await;
    let introspected = count_introspections(&snapshotter).await;

    // Values of tokens never become labels: the names are the same as before.
    let names: Vec<_> =
        seen.keys().chain(after.keys()).chain(listed.keys()).chain(introspected.keys()).collect();
    for hostile in ["x".repeat(10_000), "../../etc/passwd".to_owned(), "a\nb\0".to_owned(), "a\"}".to_owned()]
    {
        let invented = local.mint().header("kid", hostile.as_str()).sign();
        assert!(verifier.verify(&invented).is_err());
        let forged = local.mint().claim("iss", hostile.as_str()).sign();
        assert!(verifier.verify(&forged).is_err());
    }
    let seen = read(&snapshotter);
    assert_eq!(seen.get("scopegate_verifications_total{outcome=unknown_key}"), Some(&4.0), "{seen:?}");
    assert_eq!(seen.get("scopegate_verifications_total{outcome=unknown_issuer}"), Some(&4.0), "{seen:?}");
    assert!(seen.keys().all(|name| names.contains(&name)), "{seen:?}");
}

/// Returns the metrics after revocations were added, and before they were withdrawn.
async fn revocations_are_counted(local: &LocalIssuer, snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let revocations = Revocations::builder().capacity(1).build();
    let verifying = builder_trusting(local).revocations(&revocations).start().await.unwrap();
    let name = local.issuer();
    let token = local.mint().claim("jti", "id-1").sign();
    revocations.revoke(Revocation::token(name, "id-1")).unwrap();
    assert!(revocations.revoke(Revocation::token(name, "id-2")).is_err());
    assert!(verifying.verify(&token).is_err());
    let source = revocations.source("stream").unwrap();
    source.synced();
    source.failed("no connection");
    let path = std::env::temp_dir().join(format!("scopegate-metrics-{}.jsonl", std::process::id()));
    std::fs::write(&path, "x\ny\n").unwrap();
    revocations.follow_file(RevocationFile::new(&path)).await.unwrap();
    let file = format!("source=file:{}", path.display());
    let after = read(snapshotter);
    for metric in [
        "scopegate_revocations_synced_timestamp_seconds{source=stream}".to_owned(),
        format!("scopegate_revocations_synced_timestamp_seconds{{{file}}}"),
    ] {
        assert!(after.get(&metric).is_some_and(|at| *at > 1.7e9), "{metric} in {after:?}");
    }
    let malformed = format!("scopegate_revocations_malformed{{{file}}}");
    assert_eq!(after.get(&malformed), Some(&2.0), "{after:?}");
    for (metric, expected) in [
        ("scopegate_verifications_total{outcome=revoked}", 1.0),
        ("scopegate_revocations{}", 1.0),
        ("scopegate_revocations_not_stored_total{source=application}", 1.0),
        ("scopegate_revocation_syncs_total{source=stream,outcome=ok}", 1.0),
        ("scopegate_revocation_syncs_total{source=stream,outcome=failed}", 1.0),
    ] {
        assert_eq!(after.get(metric), Some(&expected), "{metric} in {after:?}");
    }

    // The gauges follow a withdrawal and a corrected file.
    revocations.withdraw(&Revocation::token(name, "id-1"));
    std::fs::write(&path, "\n").unwrap();
    let withdrawn = loop {
        let seen = read(snapshotter);
        if seen.get(&malformed) == Some(&0.0) {
            break seen;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(withdrawn.get("scopegate_revocations{}"), Some(&0.0), "{withdrawn:?}");
    // The file is followed no more when it is removed.
    drop((revocations, verifying, source));
    std::fs::remove_file(&path).unwrap();
    after
}

/// Introspects tokens, also while the endpoint fails. Returns the metrics.
async fn count_introspections(snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let status = Arc::new(AtomicU16::new(200));
    let current = Arc::clone(&status);
    let respond = move |body: String| async move {
        let active = r#"{"active":true,"aud":"api"}"#;
        let json = if body.starts_with("token=valid&") { active } else { r#"{"active":false}"# };
        let status = StatusCode::from_u16(current.load(Ordering::Relaxed)).unwrap();
        (status, [(CONTENT_TYPE, "application/json")], json)
    };
    let url = testkit::serve(Router::new().fallback(respond)).await;
    let client = ClientAuthentication::client_secret_basic("orders-api", "s3cret");
    let introspection = Introspection::by_client(&url, client).unwrap();
    let introspection = introspection.cache_for(Duration::ZERO).serve_stale(Duration::from_secs(60));
    let issuer = Issuer::opaque("https://opaque.example", introspection).unwrap().audience("api");
    let verifier = Verifier::builder().trust(issuer.clone()).start().await.unwrap();
    assert!(verifier.verify_or_refresh("valid").await.is_ok());
    assert!(verifier.verify_or_refresh("unknown").await.is_err());
    status.store(500, Ordering::Relaxed);
    assert!(verifier.verify_or_refresh("valid").await.is_ok());
    status.store(401, Ordering::Relaxed);
    for token in ["another", "a-third", "a-fourth", "a-fifth"] {
        assert!(verifier.verify_or_refresh(token).await.is_err());
    }
    let seen = read(snapshotter);
    let suspended = "scopegate_introspection_suspended{issuer=https://opaque.example}";
    assert_eq!(seen.get(suspended), Some(&1.0), "after five failures: {seen:?}");
    for (outcome, expected) in
        [("active", 1.0), ("rejected", 1.0), ("failed", 1.0), ("stale", 1.0), ("misconfigured", 4.0)]
    {
        let metric =
            format!("scopegate_introspections_total{{issuer=https://opaque.example,outcome={outcome}}}");
        assert_eq!(seen.get(&metric), Some(&expected), "{metric} in {seen:?}");
    }
    // The gauge ends with the introspection that is replaced, and with the trust in the issuer. The
    // recorder resets a gauge when it is read, so it is not read before.
    verifier.trust(issuer.clone()).unwrap();
    for is_replaced in [true, false] {
        for token in ["one", "two", "three", "four", "five"] {
            assert!(verifier.verify_or_refresh(token).await.is_err());
        }
        if is_replaced {
            verifier.trust(issuer.clone()).unwrap();
        } else {
            verifier.distrust("https://opaque.example").unwrap();
        }
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        assert_eq!(read(snapshotter).get(suspended), Some(&0.0), "{is_replaced}");
    }
    read(snapshotter)
}

/// Verifies tokens of a status list and of a list that does not exist. Returns the metrics.
async fn count_status_lists(local: &LocalIssuer, snapshotter: &Snapshotter) -> BTreeMap<String, f64> {
    let name = local.issuer();
    let issuer = Issuer::cognito_at(name).unwrap().client(LOCAL_CLIENT).status_list(StatusList::required());
    let with_status = Verifier::builder().trust(issuer).start().await.unwrap();
    local.set_status(8, 1);
    assert!(with_status.verify_or_refresh(local.mint().status_index(8).sign()).await.is_err());
    let elsewhere = json!({ "status_list": { "idx": 0, "uri": format!("{name}/none") } });
    assert!(with_status.verify_or_refresh(local.mint().claim("status", elsewhere).sign()).await.is_err());
    let listed = read(snapshotter);
    for (metric, expected) in [
        ("scopegate_verifications_total{outcome=invalid_status}".to_owned(), 1.0),
        ("scopegate_verifications_total{outcome=status_unavailable}".to_owned(), 1.0),
        (format!("scopegate_status_list_fetches_total{{issuer={name},outcome=ok}}"), 1.0),
        (format!("scopegate_status_list_fetches_total{{issuer={name},outcome=failed}}"), 1.0),
    ] {
        assert_eq!(listed.get(&metric), Some(&expected), "{metric} in {listed:?}");
    }
    listed
}
