use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use scopegate_proto::json::JsonObject;
use testkit::poll_once;

use super::*;
use crate::revocation::checked::NamesRead;
use crate::revocation::kind::Kind;
use crate::revocation::store::collected::Collected;

const NOW: u64 = 1_800_000_000;

fn date(seconds: u64) -> NumericDate {
    (UNIX_EPOCH + Duration::from_secs(seconds)).into()
}

/// A store whose clock is in the test's hands.
fn store_at(now: &Arc<AtomicU64>) -> Revocations {
    let now = Arc::clone(now);
    let clock = move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed));
    Revocations::builder().clock(clock).capacity(10).build()
}

#[test]
fn same_name_is_the_same_source() {
    let revocations = Revocations::new();
    let (one, again) = (revocations.source("a").unwrap(), revocations.source("a").unwrap());
    let other = revocations.source("b").unwrap();
    assert_eq!((one.state.id, again.state.id, other.state.id), (0, 0, 1));
    one.revoke(Revocation::session("i", "s")).unwrap();
    again.replace_all([]).unwrap();
    assert_eq!(revocations.status().entries, 0);
}

#[tokio::test(start_paused = true)]
async fn readiness_waits_for_sources_that_require_it() {
    let revocations = Revocations::new();
    assert!(revocations.is_ready() && poll_once(revocations.ready()).await.is_some());
    let source = revocations.source("a").unwrap();
    assert!(revocations.is_ready());
    let source = source.with_initial_sync();
    assert!(!revocations.is_ready() && poll_once(revocations.ready()).await.is_none());
    source.failed("no such file");
    assert!(!revocations.status().ready);
    let waiting = tokio::spawn({
        let revocations = revocations.clone();
        async move { revocations.ready().await }
    });
    tokio::task::yield_now().await;
    source.synced();
    waiting.await.unwrap();
    // A later failure keeps the entries, so it is no reason to be unready.
    source.failed("no such file");
    assert!(revocations.status().ready);
}

#[tokio::test(start_paused = true)]
async fn source_is_fresh_for_its_feed_age() {
    let now = Arc::new(AtomicU64::new(NOW));
    let revocations = store_at(&now);
    let fresh = |at| revocations.0.freshness.is_fresh(|| date(at));
    let other = revocations.source("other").unwrap();
    assert!(fresh(NOW + 1_000_000), "no source has a limit");
    let source = revocations.source("a").unwrap().with_max_feed_age(Duration::from_secs(10));
    assert!(!fresh(NOW) && !revocations.is_ready(), "it was never synced");
    source.synced();
    other.failed("another one");
    assert!(fresh(NOW) && fresh(NOW + 10) && !fresh(NOW + 11));

    // The clock is set back.
    now.store(NOW - 3_600, Ordering::Relaxed);
    tokio::time::advance(Duration::from_secs(11)).await;
    source.failed("no such file");
    assert!(!fresh(NOW - 3_600));
    let status = revocations.status();
    assert!(status.ready && !status.fresh);
    let source_status = &status.sources[1];
    assert_eq!(source_status.last_failure.as_deref(), Some("no such file"));
    assert_eq!(source_status.age, Some(Duration::from_secs(11)));
    source.synced();
    assert!(fresh(NOW - 3_600) && revocations.status().fresh);
    assert_eq!(revocations.status().sources[1].last_failure, None);
}

#[tokio::test(start_paused = true)]
async fn feed_that_hangs_is_old_when_the_clock_is_set_back() {
    let now = Arc::new(AtomicU64::new(NOW));
    let revocations = store_at(&now);
    let source = revocations.source("a").unwrap().with_max_feed_age(Duration::from_secs(10));
    source.synced();
    now.store(NOW - 3_600, Ordering::Relaxed);
    assert!(revocations.status().fresh);
    // It reports nothing more. The wall clock alone would take it for fresh for an hour.
    tokio::time::advance(Duration::from_secs(10)).await;
    assert!(revocations.status().fresh);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(!revocations.status().fresh);
    assert!(!revocations.0.freshness.is_fresh(|| date(NOW - 3_600)));
    source.synced();
    assert!(revocations.status().fresh);
}

#[test]
fn kinds_of_sources_have_names_of_their_own() {
    let revocations = Revocations::new();
    revocations.revoke(Revocation::session("i", "s")).unwrap();
    for (name, reserved) in [("application", "application"), ("file:", "file:"), ("file:/a", "file:")] {
        let error = revocations.source(name).unwrap_err();
        assert_eq!(error, RevocationError::ReservedName { reserved });
        assert!(error.to_string().ends_with(&format!("`{reserved}` is reserved")), "{error}");
    }
    for name in ["Application", "files", "/file:", ""] {
        revocations.source(name).unwrap().replace_all([]).unwrap();
    }
    assert_eq!(revocations.status().entries, 1);
}

#[test]
fn revocation_by_code_outlives_a_clock_ahead() {
    let now = Arc::new(AtomicU64::new(NOW + 31_536_000));
    let revocations = store_at(&now);
    let source = revocations.source("stream").unwrap();
    let entry = |name: &str| Revocation::token("i", name).ends_at(date(NOW));
    let is_revoked = |name: &str, at: u64| {
        let digest = revocations.store().key.digest(Kind::Token, "i", name);
        revocations.store().find(Kind::Token, digest, None, date(at)).source.is_some()
    };
    revocations.revoke(entry("a")).unwrap();
    source.replace_all([entry("b")]).unwrap();
    for name in ["a", "b"] {
        assert!(!is_revoked(name, NOW + 31_536_000) && is_revoked(name, NOW), "{name}");
    }
    assert!(revocations.status().sources.iter().all(|source| !source.incomplete));
    // A crowded store removes ended entries, which the status shows if they have not ended.
    revocations.revoke_all((0..9).map(|name| Revocation::token("i", name.to_string()))).unwrap();
    assert!(!is_revoked("a", NOW));
    assert!(revocations.status().sources.iter().all(|source| !source.incomplete));
    now.store(NOW, Ordering::Relaxed);
    assert!(revocations.status().sources.iter().all(|source| source.incomplete));
    assert!(source.replace_all([entry("b")]).is_ok() && is_revoked("b", NOW));
    let incomplete: Vec<bool> = revocations.status().sources.iter().map(|source| source.incomplete).collect();
    assert_eq!(incomplete, [false, true], "the stream, and the application");
}

#[test]
fn cached_token_is_looked_up_after_clock_is_set_back() {
    let store = Store::new(10);
    let names = |id: &str| {
        let read = NamesRead {
            issuer: "i",
            token_id: Some(id),
            subject: None,
            client: None,
            key_id: None,
            issued_at: None,
        };
        RevocableNames::new(&store, &read, &JsonObject::from_text("{}").unwrap()).unwrap()
    };
    let (ended, other) = (names("a"), names("b"));
    let mut collected = Collected::new(&store, date(NOW));
    collected.push(store.place(&Revocation::token("i", "a").ends_at(date(NOW)).0, 0));
    store.add(0, collected, date(NOW + 31_536_000)).unwrap();
    for names in [&ended, &other] {
        assert_eq!(names.find_in(&store, || date(NOW + 31_536_000)), None);
    }
    assert!(ended.find_in(&store, || date(NOW)).is_some());
    assert_eq!(other.find_in(&store, || unreachable!("nothing was added")), None);
}

#[test]
fn failure_is_logged_when_its_reason_changes() {
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let source = Revocations::new().source("a").unwrap();
    source.synced();
    assert!(log.take().contains("revocation feed synced source=a entries=0"));
    source.synced();
    assert_eq!(log.take(), "");
    source.failed("no such file");
    let logged = log.take();
    assert!(
        logged.contains("ERROR") && logged.contains("revocation feed failed, keeping its entries"),
        "{logged}"
    );
    assert!(logged.contains(r#"reason="no such file""#), "{logged}");
    source.failed("no such file");
    assert_eq!(log.take(), "");
    source.failed("not UTF-8");
    assert!(log.take().contains("not UTF-8"));
    source.synced();
    assert!(log.take().contains("revocation feed recovered"));
}

#[test]
fn full_store_is_returned_and_logged() {
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let revocations = Revocations::builder().capacity(1).build();
    revocations.revoke(Revocation::session("i", "s")).unwrap();
    assert_eq!(log.take(), "");
    let error = revocations.revoke(Revocation::session("i", "t")).unwrap_err();
    assert_eq!(error, RevocationError::Full { capacity: 1, not_stored: 1 });
    assert_eq!(error.to_string(), "the store of 1 revocations is full, 1 not stored");
    let logged = log.take();
    assert!(logged.contains("store of revocations is full") && logged.contains("not_stored=1"), "{logged}");
}

#[test]
fn full_share_is_returned_and_logged() {
    let log = testkit::Log::of_thread_without_times(tracing_subscriber::filter::LevelFilter::INFO);
    let revocations = Revocations::builder().capacity(4).build();
    let source = revocations.source("hub").unwrap();
    source.limit_to_share();
    source.revoke(Revocation::session("i", "s")).unwrap();
    assert_eq!(log.take(), "");
    let error = source.revoke(Revocation::session("i", "t")).unwrap_err();
    assert_eq!(error, RevocationError::SourceFull { limit: 1, not_stored: 1 });
    let logged = log.take();
    for part in
        ["ERROR", "share of a source of revocations is full", "source=\"hub\"", "limit=1", "not_stored=1"]
    {
        assert!(logged.contains(part), "{part}: {logged}");
    }
}

#[test]
fn debug_shows_no_names() {
    let revocation = Revocation::subject("https://issuer.example", "user-1", date(NOW));
    let shown = format!("{revocation:?}");
    assert!(shown.contains("https://issuer.example") && shown.contains("sub"), "{shown}");
    assert!(!shown.contains("user-1"), "{shown}");
}
