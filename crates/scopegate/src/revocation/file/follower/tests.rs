use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;
use std::{fs, process};

use testkit::{Log, ThreadLog};
use tracing_subscriber::filter::LevelFilter;

use super::*;
use crate::revocation::Revocations;
use crate::revocation::kind::Kind;

/// A file that is followed, without a runtime.
struct Fixture {
    path: PathBuf,
    revocations: Revocations,
    source: RevocationSource,
    follower: Follower,
    log: ThreadLog,
    /// The clock of the revocations.
    now: Arc<AtomicU64>,
    /// The monotonic clock.
    at: Instant,
}

const NOW: u64 = 1_800_000_000;

const A: &str = "{\"iss\":\"i\",\"jti\":\"a\"}\n";
const B: &str = "{\"iss\":\"i\",\"jti\":\"b\"}\n";
const C: &str = "{\"iss\":\"i\",\"jti\":\"c\"}\n";
const MAX: u64 = 1 << 20;

impl Fixture {
    fn new() -> Self {
        Self::with_capacity(100)
    }

    fn with_capacity(capacity: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("scopegate-follower-{}-{number}", process::id()));
        let now = Arc::new(AtomicU64::new(NOW));
        let clock = {
            let now = Arc::clone(&now);
            move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed))
        };
        let revocations = Revocations::builder().capacity(capacity).clock(clock).build();
        let source = revocations.source("file").unwrap();
        let log = Log::of_thread_without_times(LevelFilter::INFO);
        Self { path, revocations, source, follower: Follower::default(), log, now, at: Instant::now() }
    }

    fn write(&mut self, content: impl AsRef<[u8]>) -> &mut Self {
        fs::write(&self.path, content).unwrap();
        self
    }

    fn append(&mut self, content: &str) -> &mut Self {
        let mut all = fs::read(&self.path).unwrap();
        all.extend_from_slice(content.as_bytes());
        self.write(all)
    }

    fn poll(&mut self) -> Result<(), FollowError> {
        self.at += Duration::from_millis(250);
        self.follower.poll(Look { path: &self.path, max_len: MAX, at: self.at }, &self.source)
    }

    /// Reads the file once, and asserts which tokens are revoked then.
    #[track_caller]
    fn reads(&mut self, revoked: &str) {
        self.poll().unwrap();
        self.assert_revoked(revoked);
    }

    #[track_caller]
    fn assert_revoked(&self, expected: &str) {
        let store = self.revocations.store();
        let is_revoked = |name: &char| {
            let digest = store.key.digest(Kind::Token, "i", &name.to_string());
            let now = self.now.load(Ordering::Relaxed);
            let now = (UNIX_EPOCH + Duration::from_secs(now)).into();
            store.find(Kind::Token, digest, None, now).source.is_some()
        };
        assert_eq!(('a'..='z').filter(is_revoked).collect::<String>(), expected);
    }

    fn malformed(&self) -> Vec<String> {
        self.source.state.feed().malformed.1.clone()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[test]
fn added_line_is_effective_at_the_next_read() {
    let mut file = Fixture::new();
    file.write(A).reads("a");
    file.reads("a");
    file.append(B).reads("ab");
    file.append("\n  \n").append(C).reads("abc");
    // A line that was put before the others.
    file.write([C, "{\"iss\":\"i\",\"jti\":\"d\"}\n", A, B].concat()).reads("abcd");
}

#[test]
fn removed_line_is_withdrawn_at_the_second_equal_read() {
    let mut file = Fixture::new();
    file.write([A, B, C].concat()).reads("abc");
    file.write([A, C].concat()).reads("abc");
    file.reads("ac");
    // A file that is being written anew.
    file.write("\n").reads("ac");
    file.write(A).reads("ac");
    file.append(C).reads("ac");
    file.reads("ac");
    file.write("\n").reads("ac");
    file.reads("");
}

#[test]
fn emptied_file_is_an_error_and_withdraws_nothing() {
    let mut file = Fixture::new();
    // It had no lines so far.
    file.write("").reads("");
    file.write([A, B].concat()).reads("ab");
    for _ in 0..3 {
        let error = file.write("").poll().unwrap_err();
        assert_eq!(error.to_string(), "the file is empty; an empty line would withdraw all entries");
        file.assert_revoked("ab");
    }
    file.write(A).reads("ab");
    file.reads("a");
}

#[test]
fn unterminated_line_counts_and_is_withdrawn_when_it_goes() {
    let mut file = Fixture::new();
    file.write([A, B.trim_end()].concat()).reads("ab");
    file.append("\n").reads("ab");
    file.append(C.trim_end()).reads("abc");
    file.write([A, B].concat()).reads("abc");
    file.reads("ab");
    assert_eq!(file.log.take(), "");
}

#[test]
fn line_that_is_being_written_is_not_reported() {
    let mut file = Fixture::new();
    let (begin, end) = B.split_at(9);
    file.write([A, begin].concat()).reads("a");
    assert_eq!(file.log.take(), "");
    file.append(end).reads("ab");
    file.reads("ab");
    assert_eq!((file.log.take(), file.malformed().len()), (String::new(), 0));
    // It stays unfinished.
    file.append("{\"iss\"").reads("ab");
    file.reads("ab");
    assert_eq!(file.malformed(), ["line 3: not one JSON object"]);
    file.append(":\"i\",\"jti\":\"c\"}").reads("abc");
    assert!(file.malformed().is_empty());
}

#[test]
fn malformed_line_is_reported_once_and_costs_no_other() {
    let mut file = Fixture::new();
    file.write([A, "{\"iss\":\"i\",\"jti\":\"secret\",\"expires\":1}\n", B].concat()).reads("ab");
    let logged = file.log.take();
    assert!(logged.contains("ERROR") && logged.contains("malformed revocation, line ignored"), "{logged}");
    assert!(logged.contains("line=2") && logged.contains("a member other than"), "{logged}");
    assert!(!logged.contains("secret"), "{logged}");
    let listed = file.malformed();
    assert!(
        matches!(&listed[..], [line] if line.starts_with("line 2: a member other than `iss`")),
        "{listed:?}"
    );
    file.append(C).reads("abc");
    file.reads("abc");
    assert_eq!(file.log.take(), "");
    // It may be the line of an entry that is there, so none is withdrawn.
    file.write(["x\n", B].concat()).reads("abc");
    file.reads("abc");
    assert!(file.log.take().contains("line=1"));
    file.write(B).reads("abc");
    file.reads("b");
    assert!(file.malformed().is_empty());
}

#[test]
fn broken_file_keeps_what_was_revoked() {
    let mut file = Fixture::new();
    file.write([A, B].concat()).reads("ab");
    file.write(b"\xff\xfe\0garbage").reads("ab");
    file.reads("ab");
    assert_eq!(file.malformed(), ["line 1: not UTF-8"]);
    file.write(vec![b' '; usize::try_from(MAX).unwrap() + 1]);
    let error = file.poll().unwrap_err().to_string();
    assert_eq!(error, "expected at most 1048576 bytes, found 1048577");
    file.assert_revoked("ab");
    fs::remove_file(&file.path).unwrap();
    assert!(matches!(file.poll(), Err(FollowError::Io(error)) if error.kind() == io::ErrorKind::NotFound));
    file.assert_revoked("ab");
    fs::create_dir(&file.path).unwrap();
    let error = file.poll().unwrap_err().to_string();
    fs::remove_dir(&file.path).unwrap();
    assert_eq!(error, "expected a regular file");
    file.assert_revoked("ab");
    file.write(B).reads("ab");
    file.reads("b");
}

#[test]
fn line_of_16_kib_is_read_and_a_longer_one_is_not() {
    let mut file = Fixture::new();
    let line = |name: &str, len: usize| {
        let line = format!("{{\"iss\":\"i\",\"jti\":\"{name}\"}}");
        format!("{line}{}\n", " ".repeat(len - line.len() - 1))
    };
    file.write([line("a", 16 * 1024), line("b", 16 * 1024 + 1), line("c", 100_000), B.to_owned()].concat());
    file.reads("ab");
    assert_eq!(file.malformed(), ["line 2: longer than 16 KiB", "line 3: longer than 16 KiB"]);
}

#[test]
fn ten_malformed_lines_are_listed_and_all_counted() {
    let mut file = Fixture::new();
    file.write(["x\n".repeat(1_000), A.to_owned()].concat()).reads("a");
    assert_eq!((file.malformed().len(), file.source.state.feed().malformed.0), (10, 1_000));
    let logged = file.log.take();
    assert_eq!(logged.lines().count(), 11, "{logged}");
    assert!(logged.contains("lines=1000"), "{logged}");
}

#[test]
fn rewritten_file_of_the_same_size_is_noticed() {
    let mut file = Fixture::new();
    file.write([A, B].concat()).reads("ab");
    file.write([A, C].concat()).reads("abc");
    file.reads("ac");
    file.write([C, A].concat()).reads("ac");
    file.reads("ac");
}

#[test]
fn file_that_does_not_fit_is_reported_until_it_does() {
    let mut file = Fixture::with_capacity(2);
    file.write([A, B, C].concat());
    let error = file.poll().unwrap_err().to_string();
    assert_eq!(error, "the store of 2 revocations is full, 1 not stored");
    assert_eq!(file.revocations.status().entries, 2);
    assert!(file.poll().is_err(), "it is still so");
    file.write([B, C].concat());
    let _ = file.poll();
    file.poll().unwrap();
    file.assert_revoked("bc");
    file.poll().unwrap();
}

#[test]
fn other_source_keeps_its_entries() {
    let mut file = Fixture::new();
    let issuer = "i";
    file.revocations.revoke(crate::Revocation::token(issuer, "a")).unwrap();
    file.write([A, B].concat()).reads("ab");
    file.revocations.withdraw(&crate::Revocation::token(issuer, "b"));
    file.reads("ab");
    file.write("\n").reads("ab");
    file.reads("a");
}

fn ending(name: &str, exp: u64) -> String {
    format!("{{\"iss\":\"i\",\"jti\":\"{name}\",\"exp\":{exp}}}\n")
}

#[test]
fn clock_ahead_at_the_first_read_loses_no_line() {
    for capacity in [100, 4] {
        let mut file = Fixture::with_capacity(capacity);
        file.now.store(NOW + 31_536_000, Ordering::Relaxed);
        // With room for 4, the ended line is not stored.
        file.write([&ending("a", NOW), B, C, &C.replace('c', "d")].concat()).reads("bcd");
        file.reads("bcd");
        file.now.store(NOW, Ordering::Relaxed);
        file.reads("abcd");
        assert_eq!(file.log.take(), "", "{capacity}");
    }
}

#[test]
fn clock_ahead_for_a_while_loses_no_line() {
    let mut file = Fixture::with_capacity(4);
    file.write([&ending("a", NOW), B, C].concat()).reads("abc");
    // The crowded store removes an ended line for a new one.
    file.now.store(NOW + 31_536_000, Ordering::Relaxed);
    file.append(&C.replace('c', "d")).reads("bcd");
    file.append(&C.replace('c', "e")).reads("bcde");
    file.now.store(NOW, Ordering::Relaxed);
    let error = file.poll().unwrap_err().to_string();
    assert_eq!(error, "the store of 4 revocations is full, 1 not stored");
    file.now.store(NOW + 600, Ordering::Relaxed);
    let _ = file.poll();
    file.reads("bcde");
}

#[test]
fn file_that_only_grows_withdraws_lines_after_a_minute() {
    let mut file = Fixture::new();
    file.write([A, B].concat()).reads("ab");
    file.write(A).reads("ab");
    // A log that grows at each look, or a file that is being written anew.
    let comment = "\n".repeat(10);
    let begin = file.at;
    while file.at < begin + GROWN_LONG_ENOUGH - Duration::from_millis(250) {
        file.append(&comment).reads("ab");
    }
    file.append(C).reads("ac");
    file.append(B).reads("abc");
    assert_eq!(file.log.take(), "");
}

#[test]
fn unfinished_line_delays_the_withdrawal_only() {
    let mut file = Fixture::new();
    let (begin, end) = C.split_at(9);
    file.write([A, B].concat()).reads("ab");
    file.write([A, begin].concat()).reads("ab");
    file.reads("ab");
    file.append(end).reads("abc");
    file.reads("ac");
}

#[test]
fn lines_beyond_the_capacity_are_counted_and_withdraw_nothing() {
    let mut file = Fixture::with_capacity(2);
    file.write([A, B].concat()).reads("ab");
    let lines: String = (0..5_000).map(|name| A.replace('a', &format!("new {name}"))).collect();
    file.write(&lines);
    for _ in 0..3 {
        let error = file.poll().unwrap_err().to_string();
        assert_eq!(error, "the store of 2 revocations is full, 5000 not stored");
        file.assert_revoked("ab");
    }
    file.write([B, C].concat());
    let _ = file.poll();
    file.poll().unwrap();
    file.assert_revoked("bc");
}

#[test]
fn ended_lines_of_a_long_file_need_no_room() {
    // RV04
    let in_force: String = ('a'..='z').map(|name| A.replace("\"a\"", &format!("\"{name}\""))).collect();
    let lines = |exp| (0..6_000).map(move |name| ending(&format!("old {name}"), exp)).collect::<String>();
    // An append-only file after a restart.
    let mut file = Fixture::with_capacity(2_000);
    file.write([&lines(NOW - 600), &*in_force].concat()).reads("abcdefghijklmnopqrstuvwxyz");
    file.write([&lines(NOW - 600), B].concat()).poll().unwrap();
    file.reads("b");
    // They are noted as removed: a clock that was ahead is set back.
    file.now.store(NOW - 1, Ordering::Relaxed);
    let error = file.poll().unwrap_err().to_string();
    assert_eq!(error, "the store of 2000 revocations is full, 4001 not stored");

    let mut file = Fixture::with_capacity(2_000);
    let error = file.write([&lines(NOW - 599), B].concat()).poll().unwrap_err().to_string();
    assert_eq!(error, "the store of 2000 revocations is full, 4001 not stored");
}

#[cfg(target_os = "linux")]
#[test]
fn file_without_a_name_is_read_and_reported() {
    use std::os::fd::AsRawFd as _;
    let mut file = Fixture::new();
    file.write(A);
    // As a mount of a single file, it leads to the old file after the name was given to another.
    let open = fs::File::open(&file.path).unwrap();
    let named = std::mem::replace(&mut file.path, format!("/proc/self/fd/{}", open.as_raw_fd()).into());
    file.reads("a");
    fs::remove_file(&named).unwrap();
    let expected = "the file was removed or replaced, but is still mounted; mount its directory instead";
    assert_eq!(file.poll().unwrap_err().to_string(), expected);
    assert_eq!(file.poll().unwrap_err().to_string(), expected);
    file.assert_revoked("a");
    file.follower = Follower::default();
    assert_eq!(file.poll().unwrap_err().to_string(), expected);
}

#[test]
fn lost_follower_is_replaced_and_withdraws_later() {
    let mut file = Fixture::new();
    file.write([A, B].concat()).reads("ab");
    file.write(A);
    file.follower = Follower::default();
    file.reads("ab");
    file.reads("a");
}

#[test]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
#[allow(clippy::print_stdout, reason = "figures are what it is for")]
fn measure_a_file_of_a_million_lines() {
    let mut file = Fixture::with_capacity(2_000_000);
    let line = |number: u32| {
        let id = format!("5a1f6f0e-9d5b-4f8e-a1c3-{number:012}");
        format!("{{\"iss\":\"https://issuer.example/tenant\",\"jti\":\"{id}\",\"exp\":1900000000}}\n")
    };
    let content: String = (0..1_000_000).map(line).collect();
    println!("REVOCATION file of 1,000,000 lines: {} MB", content.len() / 1_000_000);
    file.write(&content);
    let time = |what: &str, file: &mut Fixture| {
        let begin = std::time::Instant::now();
        file.at += Duration::from_millis(250);
        let look = Look { path: &file.path, max_len: 256 << 20, at: file.at };
        file.follower.poll(look, &file.source).unwrap();
        println!("REVOCATION {what}: {:.0} ms", begin.elapsed().as_secs_f64() * 1e3);
    };
    time("first read", &mut file);
    file.append(A);
    time("one line appended", &mut file);
    file.write(content.replacen("000000000000", "x", 1));
    time("another first line, added", &mut file);
    time("and withdrawn", &mut file);
    assert_eq!(file.revocations.status().entries, 1_000_000);
}

#[test]
fn empty_file_at_start_is_logged_once() {
    // RV09
    const WARNING: &str = "file of revocations is empty, so none is effective";
    for (content, warnings) in [("", 1), ("\u{feff}", 1), ("\n", 0), (A, 0)] {
        let mut file = Fixture::new();
        file.write(content).poll().unwrap();
        file.poll().unwrap();
        assert_eq!(file.log.take().matches(WARNING).count(), warnings, "{content:?}");
        file.append(B).poll().unwrap();
        assert!(!file.log.take().contains(WARNING), "{content:?}");
    }
}
