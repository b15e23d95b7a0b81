use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};
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
}

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
        let clock = || UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let revocations = Revocations::builder().capacity(capacity).clock(clock).build();
        let source = revocations.source("file").unwrap();
        let log = Log::of_thread_without_times(LevelFilter::INFO);
        Self { path, revocations, source, follower: Follower::default(), log }
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
        self.follower.poll(&self.path, MAX, &self.source)
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
            store
                .find(Kind::Token, digest, None, (UNIX_EPOCH + Duration::from_secs(1_800_000_000)).into())
                .is_some()
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
    assert!(logged.contains("line=2") && logged.contains("unknown member"), "{logged}");
    assert!(!logged.contains("secret"), "{logged}");
    assert_eq!(file.malformed(), [r#"line 2: unknown member "expires""#]);
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
        file.follower.poll(&file.path, 256 << 20, &file.source).unwrap();
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
