//! Are the metrics of issuers bounded, and do they end with their issuer?
#![allow(clippy::unwrap_used, reason = "a panic is the test's failure")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use scopegate::{Error, ErrorKind, Issuer, Issuers, Verifier, VerifierBuilder};
use scopegate_issuer::{LocalIssuer, Mint};
use testkit::{CLIENT, KEY, LOCAL_CLIENT, Log, jwks};
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

/// Lets the background tasks run.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
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

    assert!(verifier.distrust(a.issuer()).unwrap());
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

    assert!(verifier.distrust(a).unwrap());
    assert!(seen.keys_fetched(a).is_some_and(f64::is_nan) && is_time(seen.keys_fetched(b)));
    // Its keys are there already.
    verifier.trust(named(a)).unwrap();
    assert!(is_time(seen.keys_fetched(a)));
    assert!(verifier.distrust(a).unwrap());
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
    let builder = (0..30).map(dead).fold(Verifier::builder(), VerifierBuilder::trust);
    let (warned, all) = failures(&log, &builder.start_lazy().unwrap()).await;
    assert!(warned >= 30 && warned == all, "{warned} of {all}");

    let local = LocalIssuer::start().await.unwrap();
    let verifier = Verifier::builder().trust(trusted(&local)).start().await.unwrap();
    log.take();
    let began = Instant::now();
    for number in 0..30 {
        verifier.trust(dead(number)).unwrap();
    }
    assert!(verifier.distrust(local.issuer()).unwrap());
    let (warned, all) = failures(&log, &verifier).await;
    // One window, unless the machine is busy.
    let windows = usize::try_from(began.elapsed().as_secs() / 10).unwrap() + 1;
    assert!((10..=10 * windows).contains(&warned) && all >= 30, "{warned} of {all}");
}

/// Returns an issuer with static keys.
fn fixed(name: &str) -> Issuer {
    Issuer::from_jwks(name, &jwks([KEY.jwk()])).unwrap().client(CLIENT)
}

fn token(name: &str) -> String {
    Mint::cognito(name, CLIENT).without_claim("token_use").sign_with(&KEY)
}

/// Returns the names of the resolver's issuers, which a test changes, and a verifier of them.
fn resolving() -> (Arc<Mutex<Vec<&'static str>>>, Verifier) {
    let known = Arc::new(Mutex::new(Vec::new()));
    let names = Arc::clone(&known);
    let issuers = Issuers::resolver(move |iss| {
        let found = names.lock().unwrap().contains(&iss).then(|| fixed(iss));
        let is_other = iss.ends_with("/other");
        std::future::ready(if iss.ends_with("/fails") {
            Err("the database is down")
        } else {
            Ok(if is_other { Some(fixed("https://a.example")) } else { found })
        })
    });
    let builder = Verifier::builder().trust(fixed("https://builder.example"));
    let verifier = builder.trust_dynamic(issuers.max_issuers(2).lifetime(100 * SECOND)).start_lazy().unwrap();
    (known, verifier)
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn changes_of_issuers_are_counted_and_logged() {
    let (recorder, seen) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let log = Log::of_thread_without_times(LevelFilter::INFO);
    let (known, verifier) = resolving();
    let (a, b, c) = ("https://a.example", "https://b.example", "https://c.example");
    let accepts = async |name: &str| verifier.verify_or_refresh(token(name)).await.is_ok();
    let changed = |change: &str, expected: f64| {
        let metrics = seen.read();
        let counted = metrics.get(&format!("scopegate_issuer_changes_total{{change={change}}}"));
        assert_eq!(counted, Some(&expected), "{change} in {metrics:?}");
        metrics
    };
    let logged = |level: &str, event: &str| {
        let text = log.take();
        let found = text.lines().filter(|line| line.trim_start().starts_with(level) && line.contains(event));
        assert_eq!(found.count(), 1, "{level} {event} in {text}");
    };
    assert_eq!(log.take(), "", "the builder's issuers are no change");

    verifier.trust(fixed(a)).unwrap();
    let metrics = changed("trusted", 1.0);
    logged("INFO", &format!("issuer trusted issuer=\"{a}\""));
    assert_eq!(metrics.get("scopegate_trusted_issuers{origin=application}"), Some(&2.0), "{metrics:?}");
    verifier.trust(fixed(a)).unwrap();
    assert_eq!(log.take(), "", "nothing has changed");
    verifier.trust(fixed(a).client("another")).unwrap();
    changed("replaced", 1.0);
    logged("INFO", "rules of issuer replaced");
    assert!(verifier.distrust(a).unwrap() && !verifier.distrust(a).unwrap());
    changed("distrusted", 1.0);
    logged("INFO", &format!("issuer distrusted issuer=\"{a}\""));

    known.lock().unwrap().extend([a, b, c]);
    assert!(accepts(a).await && accepts(b).await);
    let metrics = changed("trusted", 2.0);
    assert_eq!(metrics.get("scopegate_trusted_issuers{origin=resolver}"), Some(&2.0), "{metrics:?}");
    logged("INFO", &format!("issuer resolved issuer=\"{b}\""));
    assert!(accepts(c).await);
    changed("evicted", 1.0);
    logged("WARN", "issuer evicted, there are more than the limit");

    // The resolver does not return it again.
    known.lock().unwrap().retain(|name| *name != c);
    tokio::time::sleep(90 * SECOND).await;
    changed("withdrawn", 1.0);
    logged("INFO", &format!("issuer withdrawn by the resolver issuer=\"{c}\""));
}

#[tokio::test(start_paused = true)]
async fn lapsed_issuer_in_use_is_a_warning() {
    let (recorder, seen) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let log = Log::of_thread_without_times(LevelFilter::WARN);
    let failing = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&failing);
    let issuers = Issuers::resolver(move |iss| {
        let issuer = fixed(iss);
        std::future::ready(if fails.load(Ordering::Relaxed) { Err("down") } else { Ok(Some(issuer)) })
    });
    let verifier = Verifier::builder().trust_dynamic(issuers.lifetime(100 * SECOND)).start_lazy().unwrap();
    let (used, unused) = ("https://used.example", "https://unused.example");
    assert!(verifier.verify_or_refresh(token(used)).await.is_ok());
    // A token that is not accepted is no use.
    let other_client = Mint::cognito(unused, "other").without_claim("token_use").sign_with(&KEY);
    assert!(verifier.verify_or_refresh(other_client).await.is_err());
    failing.store(true, Ordering::Relaxed);
    tokio::time::sleep(110 * SECOND).await;
    let metrics = seen.read();
    for change in ["lapsed", "unused"] {
        let counted = metrics.get(&format!("scopegate_issuer_changes_total{{change={change}}}"));
        assert_eq!(counted, Some(&1.0), "{change} in {metrics:?}");
    }
    let text = log.take();
    let warned: Vec<_> = text.lines().filter(|line| line.contains("issuer lapsed")).collect();
    assert!(warned.len() == 1 && warned[0].contains(used), "{text}");
}

#[tokio::test(start_paused = true)]
async fn full_queue_is_counted_and_logged_once() {
    let (recorder, seen) = recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let log = Log::of_thread_without_times(LevelFilter::WARN);
    let issuers = Issuers::resolver(|_| std::future::pending::<Result<Option<Issuer>, &'static str>>());
    let verifier = Verifier::builder().trust_dynamic(issuers).start_lazy().unwrap();
    let full = || seen.read().get("scopegate_issuer_queue_full_total{}").copied();
    for number in 0..1_024 {
        assert!(verifier.verify(token(&format!("https://{number}.example"))).is_err());
    }
    assert_eq!((full(), log.take().as_str()), (None, ""));
    for number in 1_024..1_044 {
        let error = verifier.verify(token(&format!("https://{number}.example"))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::IssuerUnavailable);
    }
    assert_eq!(full(), Some(20.0));
    let text = log.take();
    let lines: Vec<_> = text.lines().collect();
    let message = "too many issuers to resolve, rejecting tokens of further ones";
    assert!(lines.len() == 1 && lines[0].contains(message) && lines[0].contains("limit=1024"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn issuer_with_other_name_is_a_warning() {
    let log = Log::of_thread_without_times(LevelFilter::WARN);
    let (_, verifier) = resolving();
    for tenant in ["1", "2", "3"] {
        let error = verifier.verify_or_refresh(token(&format!("https://{tenant}.example/other"))).await;
        assert!(matches!(error, Err(Error::UnknownIssuer { .. })));
    }
    let text = log.take();
    let expected = r#"resolver returned an issuer with another name requested="https://1.example/other" found="https://a.example""#;
    assert!(text.lines().count() == 1 && text.contains(expected), "{text}");
    // A failure has its own event.
    assert!(verifier.verify_or_refresh(token("https://1.example/fails")).await.is_err());
    assert!(log.take().contains("issuer not resolved"));
}
