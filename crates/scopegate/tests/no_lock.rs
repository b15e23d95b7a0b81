//! Does `verify` take a lock, or wait for anything, when the key is known?
//!
//! One process runs the following at the same time:
//!
//! - readers: threads that verify tokens of a known key, outside of any runtime;
//! - contenders: threads that keep the lock of the fetch schedule contended, with unknown keys and
//!   status requests, and the locks of the revocations, with additions and withdrawals;
//! - a refresh task that replaces the snapshot repeatedly.
//!
//! `reads_complete_while_others_write` shows that all reads succeed.
//! `known_keys_cause_no_blocking_system_call` counts the system calls of each thread with `strace`.
//! The readers only request memory. The contenders sleep on the lock, so the count would detect it.
//!
//! This shows that our code takes no lock that other requests or the task may hold. It also shows
//! that readers wait for no I/O and no timer, and never yield. It does not show that there are no
//! locks at all. A lock that is never contended needs no system call. aws-lc reads precomputed
//! values of an RSA key under such a lock. The allocator has locks too, which are identified by
//! their address and not counted.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is the test's failure")]

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use scopegate::{Error, Revocation, Revocations, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::builder_trusting;
use tokio::runtime::Builder;
use tokio::task::yield_now;

const READERS: usize = 2;
const CONTENDERS: usize = 2;
/// Reads of each reader: of one cached token, and of tokens that mostly are not cached.
const READS: usize = 5_000;
/// Tokens in the cache.
const KEPT: usize = 64;

/// Marks that a thread writes before it begins and after it has ended.
const READER: [&str; 2] = ["reader begins", "reader ends"];
const CONTENDER: [&str; 2] = ["contender begins", "contender ends"];

#[test]
fn reads_complete_while_others_write() {
    let replaced = read_while_others_write();
    assert!(replaced > 10, "the snapshot was replaced only {replaced} times");
}

#[test]
#[allow(clippy::print_stderr, reason = "a test that could not run must say so")]
fn known_keys_cause_no_blocking_system_call() {
    let traced = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !traced(Command::new("strace").args(["-qq", "-o", "/dev/null", "true"])) {
        eprintln!("not run: there is no strace, or it may not trace");
        return;
    }
    let log = format!("{}/no_lock.{}.strace", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", &log]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "reads_complete_while_others_write"]);
    assert!(traced(&mut command), "the other test fails when it is traced");
    let calls = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();

    let (readers, contenders) = (calls_between(&calls, READER), calls_between(&calls, CONTENDER));
    eprintln!("{READS} reads by each reader: {readers:?}; meanwhile the contenders: {contenders:?}");
    assert_eq!((readers.len(), contenders.len()), (READERS, CONTENDERS));
    for calls in &readers {
        let other: Vec<_> = calls.keys().filter(|call| !MEMORY_AND_CLOCK.contains(&call.as_str())).collect();
        assert!(other.is_empty(), "a reader asks the kernel for more: {calls:?}");
    }
    assert!(contenders.iter().any(|calls| calls.contains_key("futex")), "nobody had to wait for the lock");
}

/// The allocator's calls, and the clock's where the kernel does not map it into the process.
const MEMORY_AND_CLOCK: [&str; 7] =
    ["brk", "mmap", "munmap", "madvise", "mprotect", OF_THE_ALLOCATOR, "clock_gettime"];

/// Replaces `futex` for a lock of the allocator.
const OF_THE_ALLOCATOR: &str = "futex of the allocator";

/// Returns how often the snapshot was replaced in the meantime.
fn read_while_others_write() -> u64 {
    let elsewhere = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let local = elsewhere.block_on(LocalIssuer::start()).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let builder = builder_trusting(&local).refresh_interval(Duration::from_secs(1));
    // A limited feed reads the clocks as well.
    let revocations = Revocations::new();
    let feed = revocations.source("feed").unwrap().with_max_feed_age(Duration::from_secs(3_600));
    feed.synced();
    let builder = builder.cache_capacity(KEPT).revocations(&revocations);
    let verifier = runtime.block_on(builder.start()).unwrap();
    let of = |id: usize| local.mint().claim("jti", format!("id {id}"));
    let good = of(0).sign();
    // More than the cache holds, so that tokens are verified in full, inserted, and evicted.
    let others: Vec<String> = (1..=4 * KEPT).map(|id| of(id).sign()).collect();
    let of_no_key = local.mint().header("kid", "no such key").sign();

    let (together, over) = (Barrier::new(READERS + CONTENDERS), AtomicBool::new(false));
    let (mut replaced, over) = (0, &over);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let read =
                        |other| drop((verifier.verify(&good).unwrap(), verifier.verify(other).unwrap()));
                    // Runs the work that a thread does once, such as registering destructors.
                    others.iter().take(1).for_each(read);
                    between_marks(&together, READER, || others.iter().cycle().take(READS).for_each(read));
                })
            })
            .collect();
        for _ in 0..CONTENDERS {
            scope.spawn(|| {
                between_marks(&together, CONTENDER, || {
                    while !over.load(Ordering::Relaxed) {
                        let rejected = verifier.verify(&of_no_key);
                        assert!(matches!(rejected, Err(Error::UnknownKey { .. })));
                        for id in 0..20 {
                            // Each addition makes the readers look up their tokens again.
                            let other = Revocation::token(local.issuer(), format!("other {id}"));
                            feed.revoke(other.clone()).unwrap();
                            drop(verifier.status());
                            feed.withdraw(&other);
                            feed.synced();
                        }
                    }
                });
            });
        }
        runtime.block_on(replace_snapshots(&verifier, || readers.iter().all(ScopedJoinHandle::is_finished)));
        over.store(true, Ordering::Relaxed);
        replaced = verifier.status().issuers()[0].fetches_succeeded;
    });
    replaced
}

/// Runs the verifier's task. The paused clock jumps to the next fetch when a fetch has ended.
async fn replace_snapshots(verifier: &Verifier, until: impl Fn() -> bool) {
    let fetches = || {
        let status = verifier.status();
        status.issuers()[0].fetches_succeeded + status.issuers()[0].fetches_failed
    };
    tokio::time::pause();
    while !until() {
        let before = fetches();
        tokio::time::advance(Duration::from_secs(1)).await;
        // The runtime must not become idle, or the clock would jump to the timeouts of the fetch.
        while fetches() == before {
            yield_now().await;
        }
    }
}

/// Runs work between two marks in the log of system calls. All threads begin together.
fn between_marks(together: &Barrier, [begins, ends]: [&str; 2], work: impl FnOnce()) {
    let mut nowhere = File::options().write(true).open("/dev/null").unwrap();
    together.wait();
    nowhere.write_all(begins.as_bytes()).unwrap();
    work();
    nowhere.write_all(ends.as_bytes()).unwrap();
}

/// Returns for each thread that wrote these marks how often it made each system call between them.
fn calls_between(log: &str, [begins, ends]: [&str; 2]) -> Vec<BTreeMap<String, usize>> {
    let mut threads: HashMap<&str, BTreeMap<String, usize>> = HashMap::new();
    let mut ended = Vec::new();
    for line in log.lines() {
        let Some((thread, event)) = line.split_once(' ') else { continue };
        // Skips the rest of a call that another thread has interrupted, signals and exits.
        let Some((call, arguments)) = event.trim_start().split_once('(') else { continue };
        if call == "write" && arguments.contains(begins) {
            threads.insert(thread, BTreeMap::new());
        } else if call == "write" && arguments.contains(ends) {
            ended.extend(threads.remove(thread));
        } else if let Some(calls) = threads.get_mut(thread).filter(|_| !call.starts_with('<')) {
            let call =
                if call == "futex" && is_of_the_allocator(arguments) { OF_THE_ALLOCATOR } else { call };
            *calls.entry(call.to_owned()).or_default() += 1;
        }
    }
    ended
}

/// Returns whether the lock belongs to the allocator. glibc aligns the heaps of threads to 64 MiB,
/// and each begins with the allocator's own state, including its lock. Our locks cannot be there.
fn is_of_the_allocator(arguments: &str) -> bool {
    let address = arguments.split(',').next().and_then(|address| address.strip_prefix("0x"));
    let address = address.and_then(|address| u64::from_str_radix(address, 16).ok());
    address.is_some_and(|address| address % (64 * 1024 * 1024) < 0x800)
}
