//! Does `verify` take a lock, or wait for anything, when the key is known?
//!
//! In one process, at the same time: threads that verify tokens of a known key, outside of any runtime; threads that
//! keep our one lock contended, the one about when to fetch, by naming unknown keys and asking for the status; and a
//! refresh task that replaces the snapshot again and again. `reads_complete_while_others_write` shows that all reads
//! end, and well. `known_keys_cause_no_blocking_system_call` counts, with `strace` and for each thread, what the kernel
//! is asked for: the readers ask for nothing but memory; the others sleep on the lock, so the count would see it.
//!
//! What this does not show: that there is no lock on the way. One that is never contended needs no system call, and
//! aws-lc reads under one what it has computed for an RSA key, which preparing the key makes it do; and the allocator
//! has its own, which are told from others by their address and left out. It shows that our code takes no lock that
//! other requests or the task may hold, and that there is nothing to wait for: no I/O, no timer, no yielding.
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

use scopegate::{Error, Verifier};
use scopegate_issuer::LocalIssuer;
use testkit::builder_trusting;
use tokio::runtime::Builder;
use tokio::task::yield_now;

const READERS: usize = 2;
const CONTENDERS: usize = 2;
/// Reads of each reader: of one cached token, and of others that mostly are not cached.
const READS: usize = 5_000;
/// Tokens in the cache.
const KEPT: usize = 64;

/// What a thread of this kind says to the kernel before it begins and when it has ended.
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

/// Instead of `futex` where it is a lock of the allocator.
const OF_THE_ALLOCATOR: &str = "futex of the allocator";

/// Says how often the snapshot was replaced meanwhile.
fn read_while_others_write() -> u64 {
    let elsewhere = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let local = elsewhere.block_on(LocalIssuer::start()).unwrap();
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let builder = builder_trusting(&local).refresh_interval(Duration::from_secs(1));
    let builder = builder.cache_capacity(KEPT);
    let verifier = runtime.block_on(builder.start()).unwrap();
    let good = local.mint().sign();
    // More than the cache holds, so that tokens are verified in full, inserted, and evicted.
    let others: Vec<String> = (0..4 * KEPT).map(|at| local.mint().claim("n", at).sign()).collect();
    let of_no_key = local.mint().header("kid", "no such key").sign();

    let (together, over) = (Barrier::new(READERS + CONTENDERS), AtomicBool::new(false));
    let (mut replaced, over) = (0, &over);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS)
            .map(|_| {
                scope.spawn(|| {
                    let read =
                        |other| drop((verifier.verify(&good).unwrap(), verifier.verify(other).unwrap()));
                    // What is done once in a thread's life, such as saying what to do at its end.
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
                        (0..20).for_each(|_| drop(verifier.status()));
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

/// Runs the task of the verifier in a time that jumps to the next fetch when one has ended.
async fn replace_snapshots(verifier: &Verifier, until: impl Fn() -> bool) {
    let fetches = || {
        let status = verifier.status();
        status.issuers()[0].fetches_succeeded + status.issuers()[0].fetches_failed
    };
    tokio::time::pause();
    while !until() {
        let before = fetches();
        tokio::time::advance(Duration::from_secs(1)).await;
        // Never idle, or the time would jump to the time-outs of the fetch.
        while fetches() == before {
            yield_now().await;
        }
    }
}

/// Marks in the log of system calls where the thread's own work begins and ends, together with the others'.
fn between_marks(together: &Barrier, [begins, ends]: [&str; 2], work: impl FnOnce()) {
    let mut nowhere = File::options().write(true).open("/dev/null").unwrap();
    together.wait();
    nowhere.write_all(begins.as_bytes()).unwrap();
    work();
    nowhere.write_all(ends.as_bytes()).unwrap();
}

/// For each thread that set these marks: how often it made which system call between them.
fn calls_between(log: &str, [begins, ends]: [&str; 2]) -> Vec<BTreeMap<String, usize>> {
    let mut threads: HashMap<&str, BTreeMap<String, usize>> = HashMap::new();
    let mut ended = Vec::new();
    for line in log.lines() {
        let Some((thread, event)) = line.split_once(' ') else { continue };
        // Neither the rest of a call that was interrupted by another thread's, nor a signal, nor an end.
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

/// glibc aligns the heaps of threads to 64 MiB, and each begins with the allocator's own state, its lock included.
/// Nothing of ours can be there.
fn is_of_the_allocator(arguments: &str) -> bool {
    let address = arguments.split(',').next().and_then(|address| address.strip_prefix("0x"));
    let address = address.and_then(|address| u64::from_str_radix(address, 16).ok());
    address.is_some_and(|address| address % (64 * 1024 * 1024) < 0x800)
}
