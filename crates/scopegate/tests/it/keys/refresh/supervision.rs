//! Does the refresh survive panics and shutdowns in the application, and is a stopped refresh
//! visible?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use scopegate::{Error, Issuer, RefreshTaskState, Verifier};
use scopegate_issuer::{Fault, LocalIssuer};
use testkit::{LOCAL_CLIENT, builder_trusting, pass};
use tokio::runtime::Builder;
use tracing::span::{Attributes, Id, Record};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use crate::keys::refresh::fixture::until;

/// A subscriber that panics at each event below ERROR while it is armed, and counts the errors.
#[derive(Clone, Default)]
struct Panics {
    armed: Arc<AtomicBool>,
    errors: Arc<AtomicUsize>,
}

impl Subscriber for Panics {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("scopegate::keys")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() == Level::ERROR {
            self.errors.fetch_add(1, Ordering::Relaxed);
        } else {
            assert!(!self.armed.load(Ordering::Relaxed), "a bug of the application");
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn panic_in_subscriber_does_not_end_refresh() {
    // FR-A6
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let panics = Panics::default();
    let _second = Dispatch::new(Panics::default());
    tracing::subscriber::with_default(panics.clone(), || {
        runtime.block_on(async {
            let local = LocalIssuer::start().await.unwrap();
            let verifier = builder_trusting(&local).start().await.unwrap();
            let stale = local.mint().lifetime(86_400).sign();
            assert_eq!(verifier.status().issuers()[0].refresh_task, RefreshTaskState::Running);
            local.rotate_without_overlap();
            panics.armed.store(true, Ordering::Relaxed);
            pass(Duration::from_secs(530)).await;
            until(&verifier, |status| status.refresh_task == RefreshTaskState::Panicked).await;
            let status = verifier.status();
            assert!(!status.is_ready() && status.issuers()[0].usable);
            let failure = status.issuers()[0].last_failure.clone().unwrap();
            assert!(
                failure.contains("panicked") && failure.contains("a bug of the application"),
                "{failure}"
            );
            assert_eq!(panics.errors.load(Ordering::Relaxed), 1);
            // The fetched keys are in use nevertheless.
            assert!(matches!(verifier.verify(&stale), Err(Error::UnknownKey { .. })));
            assert!(verifier.verify(local.mint().sign()).is_ok());

            panics.armed.store(false, Ordering::Relaxed);
            pass(Duration::from_secs(1)).await;
            until(&verifier, |status| status.refresh_task == RefreshTaskState::Running).await;
            assert!(verifier.status().is_ready());
        });
    });
}

#[tokio::test]
async fn panicking_clock_does_not_end_the_refresh() {
    // FR-A6: each panic is followed by a backoff, and counts as a failed fetch.
    let local = LocalIssuer::start().await.unwrap();
    let armed = Arc::new(AtomicBool::new(false));
    let clock = {
        let armed = Arc::clone(&armed);
        move || {
            assert!(!armed.load(Ordering::Relaxed), "a broken clock");
            std::time::SystemTime::now()
        }
    };
    let verifier = builder_trusting(&local).clock(clock).start().await.unwrap();
    armed.store(true, Ordering::Relaxed);
    pass(Duration::from_secs(530)).await;
    // The status reads the same clock.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    armed.store(false, Ordering::Relaxed);
    let status = verifier.status();
    let issuer = &status.issuers()[0];
    assert_eq!((issuer.fetches_failed, issuer.refresh_task), (1, RefreshTaskState::Panicked));
    assert!(issuer.next_fetch_in.unwrap() > Duration::from_millis(100), "{issuer:?}");
    pass(Duration::from_secs(1)).await;
    until(&verifier, |status| status.refresh_task == RefreshTaskState::Running).await;
    local.rotate();
    assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());
}

#[test]
fn runtime_that_is_not_driven_is_reported() {
    // FR-A10: only `block_on(start())`, after which the runtime does not run.
    let driven = Builder::new_current_thread().enable_all().build().unwrap();
    let other = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (local, verifier) = driven.block_on(async {
        let local = LocalIssuer::start().await.unwrap();
        let verifier = builder_trusting(&local).start().await.unwrap();
        (local, verifier)
    });
    other.block_on(async {
        let state = || verifier.status().issuers()[0].refresh_task;
        tokio::time::advance(Duration::from_secs(400)).await;
        assert_eq!(state(), RefreshTaskState::Running);
        assert!(verifier.status().is_ready());
        tokio::time::advance(Duration::from_secs(200)).await;
        assert_eq!(state(), RefreshTaskState::Overdue);
        assert!(!verifier.status().is_ready() && verifier.status().issuers()[0].usable);
        assert!(verifier.verify(local.mint().sign()).is_ok());
    });
}

#[test]
fn ended_runtime_makes_the_verifier_not_ready() {
    // FR-A10: keys are usable until the stale limit, and the service should be replaced before.
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let verifier = runtime.block_on(async {
        let local = LocalIssuer::start().await.unwrap();
        builder_trusting(&local).start().await.unwrap()
    });
    assert!(verifier.status().is_ready());
    drop(runtime);
    assert_eq!(verifier.status().issuers()[0].refresh_task, RefreshTaskState::Ended);
    assert!(!verifier.status().is_ready() && verifier.status().issuers()[0].usable);
}

#[test]
fn keys_are_read_while_blocking_pool_is_full() {
    // FR-A3: small sets and large ones. The issuer has its own runtime, because it needs blocking
    // threads.
    let issuers = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for bytes in [0, 64 * 1024] {
        let local = issuers.block_on(LocalIssuer::start()).unwrap();
        local.set_fault(Fault::Oversized(bytes));
        let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
        let (let_go, held) = mpsc::channel::<()>();
        runtime.spawn_blocking(move || held.recv());
        runtime.block_on(async {
            let verifier = builder_trusting(&local).start().await.unwrap();
            local.rotate();
            assert!(verifier.verify_or_refresh(local.mint().sign()).await.is_ok());
        });
        drop(let_go);
    }
}

#[tokio::test]
async fn cause_of_a_failure_is_shown_once() {
    // FR-A12: the port is closed, the name is unknown.
    for (jwks_uri, expected) in [
        ("http://127.0.0.1:1/keys", "no connection, because it was refused: "),
        ("https://no-such-host.invalid/keys", "no connection, because the host name was not resolved: "),
    ] {
        let log = testkit::Log::of_thread(tracing_subscriber::filter::LevelFilter::WARN);
        let issuer = Issuer::from_jwks_uri("https://issuer.example", jwks_uri).unwrap().client(LOCAL_CLIENT);
        let verifier = Verifier::builder().trust(issuer).start_lazy().unwrap();
        until(&verifier, |status| status.fetches_failed > 0).await;
        let failure = verifier.status().issuers()[0].last_failure.clone().unwrap();
        assert!(failure.starts_with(expected), "{failure}");
        let causes: Vec<&str> = failure.split(": ").collect();
        assert!(causes.len() > 2, "{failure}");
        assert!(causes.iter().enumerate().all(|(n, cause)| !causes[..n].contains(cause)), "{failure}");
        assert_eq!(log.text().matches(expected).count(), 1, "{}", log.text());
    }
}
