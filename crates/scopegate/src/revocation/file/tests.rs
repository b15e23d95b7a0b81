//! A mount that hangs: a read of the file does not return.

use std::sync::Condvar;
use std::thread;
use std::time::SystemTime;

use super::*;
use crate::status::revocation::RevocationSourceStatus;

/// A file whose reads hang while it is locked. The follower's thread asks the clock first.
struct Hanging {
    path: PathBuf,
    gate: Arc<(std::sync::Mutex<bool>, Condvar)>,
    revocations: Revocations,
}

impl Hanging {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("scopegate-{name}-{}.jsonl", std::process::id()));
        std::fs::write(&path, "{\"iss\":\"https://issuer.example\",\"jti\":\"a\"}\n").unwrap();
        let gate = Arc::new((std::sync::Mutex::new(false), Condvar::new()));
        let waits = Arc::clone(&gate);
        let clock = move || {
            if thread::current().name() == Some("scopegate-revoked") {
                let (hangs, changed) = &*waits;
                drop(changed.wait_while(hangs.lock().unwrap(), |hangs| *hangs).unwrap());
            }
            SystemTime::now()
        };
        Self { path, gate, revocations: Revocations::builder().clock(clock).build() }
    }

    fn hang(&self, hangs: bool) {
        *self.gate.0.lock().unwrap() = hangs;
        self.gate.1.notify_all();
    }

    fn file(&self) -> RevocationFile {
        let slow_after = Duration::from_millis(200);
        RevocationFile { slow_after, ..RevocationFile::new(&self.path) }
    }

    fn status(&self) -> RevocationSourceStatus {
        self.revocations.status().sources[0].clone()
    }

    async fn until(&self, condition: impl Fn(RevocationSourceStatus) -> bool) {
        let waiting = async {
            while !condition(self.status()) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it did not happen");
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.hang(false);
        let _ = std::fs::remove_file(&self.path);
    }
}

#[tokio::test]
async fn hung_read_is_a_failed_and_stale_feed() {
    // RV08
    let hanging = Hanging::new("hung-read");
    let file = hanging.file().max_feed_age(Duration::from_secs(5));
    hanging.revocations.follow_file(file).await.unwrap();
    assert!(hanging.status().last_failure.is_none() && hanging.revocations.status().fresh);
    hanging.hang(true);
    hanging.until(|status| status.last_failure.is_some()).await;
    assert_eq!(hanging.status().last_failure.unwrap(), "reading takes longer than 0.2 s");
    testkit::pass(Duration::from_secs(6)).await;
    let status = hanging.revocations.status();
    assert!(!status.fresh && status.entries == 1, "{status:?}");
    hanging.hang(false);
    hanging.until(|status| status.last_failure.is_none()).await;
    assert!(hanging.revocations.status().fresh);
}

#[tokio::test]
async fn start_does_not_wait_for_a_hung_read() {
    // RV09
    let hanging = Hanging::new("hung-start");
    hanging.hang(true);
    let error = hanging.revocations.follow_file(hanging.file()).await.unwrap_err();
    let error = testkit::with_causes(&error);
    assert!(error.contains("reading takes longer than 1.2 s"), "{error}");
    assert!(hanging.revocations.status().ready, "it is not followed");
    hanging.hang(false);
    hanging.revocations.follow_file(hanging.file()).await.unwrap();
    assert_eq!(hanging.status().entries, 1);
}

#[tokio::test]
async fn cancelled_start_leaves_no_requirement() {
    // RV08, RV09
    let hanging = Hanging::new("cancelled-start");
    let follow = || hanging.revocations.follow_file(hanging.file().max_feed_age(Duration::from_secs(5)));
    hanging.hang(true);
    // Once before the task has run, and once while it reads.
    for reads in [false, true] {
        {
            let mut start = std::pin::pin!(follow());
            let begun = tokio::time::timeout(Duration::ZERO, &mut start).await;
            assert!(begun.is_err(), "it waits");
            assert!(!hanging.revocations.status().ready);
            if reads {
                tokio::select! {
                    _ = start => unreachable!("the read hangs"),
                    () = hanging.until(|status| status.last_failure.is_some()) => {}
                }
            }
        }
        // The task ends.
        tokio::task::yield_now().await;
        let status = hanging.revocations.status();
        assert!(status.ready && status.fresh, "{status:?}");
        assert_eq!(hanging.status().last_failure, None);
    }
    hanging.hang(false);
    follow().await.unwrap();
    assert!(hanging.revocations.status().fresh && hanging.status().entries == 1);
}

#[test]
fn late_cancellation_leaves_the_next_follower() {
    let hanging = Hanging::new("late-cancellation");
    let follow = || hanging.revocations.follow_file(hanging.file().max_feed_age(Duration::from_secs(5)));
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    hanging.hang(true);
    let mut first = Box::pin(follow());
    let ended = runtime();
    ended.block_on(async {
        assert!(tokio::time::timeout(Duration::ZERO, &mut first).await.is_err(), "it waits");
    });
    drop(ended);
    hanging.hang(false);
    let next = runtime();
    next.block_on(follow()).unwrap();
    drop(first);
    assert_eq!(hanging.status().max_feed_age, Some(Duration::from_secs(5)));
}
