//! Are the metrics of issuers bounded, and do they end with their issuer?
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use scopegate::{Issuer, Issuers, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::{LOCAL_CLIENT, Log};
use tracing::level_filters::LevelFilter;

/// Reads the values of this thread. Counters start over with each call.
struct Seen {
    snapshotter: Snapshotter,
    /// The gauges so far. The recorder resets a gauge when it returns it.
    gauges: RefCell<BTreeMap<String, f64>>,
}

impl Seen {
    /// Returns every metric as `name{label=value,…}`, with its value.
    fn read(&self) -> BTreeMap<String, f64> {
        let mut values = BTreeMap::new();
        for (key, _, _, value) in self.snapshotter.snapshot().into_vec() {
            let labels: Vec<_> = key.key().labels().map(|l| format!("{}={}", l.key(), l.value())).collect();
            let name = format!("{}{{{}}}", key.key().name(), labels.join(","));
            match value {
                #[allow(clippy::cast_precision_loss, reason = "small counts")]
                DebugValue::Counter(count) => values.insert(name, count as f64),
                DebugValue::Gauge(value) if value.to_bits() == 0 => None,
                DebugValue::Gauge(value) => self.gauges.borrow_mut().insert(name, value.into_inner()),
                DebugValue::Histogram(_) => None,
            };
        }
        values.extend(self.gauges.borrow().clone());
        values
    }

    /// Returns the time of an issuer's keys.
    fn keys_fetched(&self, issuer: &str) -> Option<f64> {
        self.read().get(&format!("scopegate_keys_fetched_timestamp_seconds{{issuer={issuer}}}")).copied()
    }
}

/// Returns the recorder of this thread, which also runs the background tasks.
fn recorder() -> (DebuggingRecorder, Seen) {
    let recorder = DebuggingRecorder::new();
    let seen = Seen { snapshotter: recorder.snapshotter(), gauges: RefCell::default() };
    (recorder, seen)
}

fn trusted(local: &LocalIssuer) -> Issuer {
    Issuer::cognito_at(local.issuer()).unwrap().client(LOCAL_CLIENT)
}

fn is_time(value: Option<f64>) -> bool {
    value.is_some_and(|at| at > 1.7e9)
}

async fn settle() {
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn age_of_keys_ends_with_issuer() {
    let (recorder, seen) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let (a, b) = (LocalIssuer::start().await.unwrap(), LocalIssuer::start().await.unwrap());
    let verifier = Verifier::builder().trust(trusted(&a)).trust(trusted(&b)).start().await.unwrap();
    assert!(is_time(seen.keys_fetched(a.issuer())) && is_time(seen.keys_fetched(b.issuer())));

    // Other rules for the issuer leave the value, with the same key set and with another one.
    verifier.trust(trusted(&a).client("another")).unwrap();
    assert!(is_time(seen.keys_fetched(a.issuer())));
    verifier
        .trust(trusted(&a).algorithms([scopegate::Algorithm::RS256, scopegate::Algorithm::ES256]))
        .unwrap();
    assert!(is_time(seen.keys_fetched(a.issuer())));

    assert!(verifier.distrust(a.issuer()));
    settle().await;
    assert!(seen.keys_fetched(a.issuer()).is_some_and(f64::is_nan), "{:?}", seen.read());
    assert!(is_time(seen.keys_fetched(b.issuer())));

    // Its name stays one of the builder's, so its label returns with it.
    verifier.trust(trusted(&a)).unwrap();
    assert!(verifier.verify_or_refresh(a.mint().sign()).await.is_ok());
    assert!(is_time(seen.keys_fetched(a.issuer())));

    // Another verifier with the issuer.
    let other = Verifier::builder().trust(trusted(&a)).start().await.unwrap();
    drop(verifier);
    settle().await;
    assert!(is_time(seen.keys_fetched(a.issuer())));
    assert!(seen.keys_fetched(b.issuer()).is_some_and(f64::is_nan));
    drop(other);
    assert!(seen.keys_fetched(a.issuer()).is_some_and(f64::is_nan));
}

#[tokio::test]
async fn issuers_at_run_time_share_one_label() {
    let (recorder, seen) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let locals = [
        LocalIssuer::start().await.unwrap(),
        LocalIssuer::start().await.unwrap(),
        LocalIssuer::start().await.unwrap(),
    ];
    let [configured, added, resolved] = &locals;
    let issuers = Issuers::resolver(|iss| {
        let issuer = Issuer::cognito_at(iss).map(|pool| Some(pool.client(LOCAL_CLIENT)));
        std::future::ready(issuer)
    });
    let builder = Verifier::builder().trust(trusted(configured)).trust_dynamic(issuers);
    let verifier = builder.start().await.unwrap();
    verifier.trust(trusted(added)).unwrap();
    for local in &locals {
        assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());
        let unknown = local.mint().header("kid", "no such key").sign();
        assert!(verifier.verify_or_refresh(unknown).await.is_err());
    }
    let metrics = seen.read();
    let own = configured.issuer();
    for (metric, expected) in [
        (format!("scopegate_key_fetches_total{{issuer={own},outcome=ok}}"), 3.0),
        ("scopegate_key_fetches_total{issuer=other,outcome=ok}".to_owned(), 6.0),
        (format!("scopegate_unknown_keys_total{{issuer={own}}}"), 1.0),
        ("scopegate_unknown_keys_total{issuer=other}".to_owned(), 2.0),
    ] {
        assert_eq!(metrics.get(&metric), Some(&expected), "{metric} in {metrics:?}");
    }
    assert!(is_time(seen.keys_fetched(own)));
    for local in [added, resolved] {
        assert!(metrics.keys().all(|metric| !metric.contains(local.issuer())), "{metrics:?}");
    }
    assert_eq!(seen.keys_fetched("other"), None, "the age of many key sets is no number");
}

#[tokio::test]
async fn shared_key_set_has_labels_of_all_issuers() {
    let (recorder, seen) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let log = Log::of_thread(LevelFilter::INFO);
    let local = LocalIssuer::start().await.unwrap();
    let named = |name: &str| {
        Issuer::from_jwks_uri(name, &format!("{}/.well-known/jwks.json", local.issuer())).unwrap().client("c")
    };
    let (a, b, c) = ("https://a.example", "https://b.example", "https://c.example");
    let verifier = Verifier::builder().trust(named(a)).trust(named(b)).start().await.unwrap();
    assert_eq!(local.jwks_fetches(), 1);
    assert!(is_time(seen.keys_fetched(a)) && is_time(seen.keys_fetched(b)));
    let logged = log.take();
    assert!(logged.contains("issuer=https://a.example, https://b.example url="), "{logged}");

    verifier.distrust(a);
    assert!(seen.keys_fetched(a).is_some_and(f64::is_nan) && is_time(seen.keys_fetched(b)));
    // Its keys are there already.
    verifier.trust(named(a)).unwrap();
    assert!(is_time(seen.keys_fetched(a)));
    verifier.distrust(a);
    verifier.trust(named(c)).unwrap();
    local.rotate();
    seen.read();
    verifier.refresh().await;
    let metrics = seen.read();
    for (label, expected) in [(b, Some(&1.0)), ("other", Some(&1.0)), (a, Some(&0.0)), (c, None)] {
        let metric = format!("scopegate_key_fetches_total{{issuer={label},outcome=ok}}");
        assert_eq!(metrics.get(&metric), expected, "{metric} in {metrics:?}");
    }
    let logged = log.take();
    assert!(logged.contains("issuer=https://b.example, https://c.example url="), "{logged}");
}

/// Returns the number of warnings, and the number of events at any level.
async fn failures(log: &Log, verifier: &Verifier) -> (usize, usize) {
    while !verifier.status().issuers().iter().all(|issuer| issuer.fetches_failed > 0) {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let text = log.take();
    let failed = || text.lines().filter(|line| line.contains("JWKS fetch failed, no keys yet"));
    (failed().filter(|line| line.contains(" WARN ")).count(), failed().count())
}

#[tokio::test]
async fn warnings_about_issuers_at_run_time_are_bounded() {
    let log = Log::of_thread(LevelFilter::DEBUG);
    let dead = |number: usize| {
        let name = format!("https://{number}.example");
        Issuer::from_jwks_uri(&name, &format!("http://127.0.0.1:1/{number}")).unwrap().client("c")
    };
    let builder = (0..30).map(dead).fold(Verifier::builder(), |builder, issuer| builder.trust(issuer));
    let (warned, all) = failures(&log, &builder.start_lazy().unwrap()).await;
    assert!(warned >= 30 && warned == all, "{warned} of {all}");

    let local = LocalIssuer::start().await.unwrap();
    let verifier = Verifier::builder().trust(trusted(&local)).start().await.unwrap();
    log.take();
    for number in 0..30 {
        verifier.trust(dead(number)).unwrap();
    }
    verifier.distrust(local.issuer());
    let (warned, all) = failures(&log, &verifier).await;
    assert!(warned == 10 && all >= 30, "{warned} of {all}");
}
