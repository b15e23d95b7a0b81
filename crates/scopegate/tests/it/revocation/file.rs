//! Does a running verifier follow a file of revocations?

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};
use std::{fs, io, process};

use scopegate::{ConfigError, Error, RevocationFile, RevocationSourceStatus, Revocations, Verifier};
use scopegate_issuer::Mint;
use testkit::{CLIENT, ISSUER, KEY, NOW, Token as _, builder_at, client_token, issuer_with_keys, poll_once};

/// A file with a name of its own, which is removed at the end.
struct Lines(PathBuf);

impl Lines {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self(std::env::temp_dir().join(format!("scopegate-revoked-{}-{number}.jsonl", process::id())))
    }

    fn write(&self, lines: &[String]) -> &Path {
        fs::write(&self.0, lines.concat()).unwrap();
        &self.0
    }

    fn append(&self, line: &str) {
        let mut file = fs::File::options().append(true).open(&self.0).unwrap();
        io::Write::write_all(&mut file, line.as_bytes()).unwrap();
    }

    fn file(&self) -> RevocationFile {
        RevocationFile::new(&self.0).poll_interval(Duration::from_millis(10))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn line(id: &str) -> String {
    format!("{{\"iss\":\"{ISSUER}\",\"jti\":\"{id}\",\"exp\":{}}}\n", NOW + 60)
}

fn store() -> Revocations {
    Revocations::builder().clock(|| UNIX_EPOCH + Duration::from_secs(NOW)).build()
}

fn verifier(revocations: &Revocations) -> Verifier {
    let issuer = issuer_with_keys([KEY.jwk()]).client(CLIENT);
    builder_at(NOW).trust(issuer).revocations(revocations).build().unwrap()
}

fn token(id: &str) -> Mint {
    client_token().claim("jti", id)
}

fn is_revoked(verifier: &Verifier, token: &str) -> bool {
    match verifier.verify(token) {
        Ok(_) => false,
        Err(Error::Revoked { .. }) => true,
        Err(error) => panic!("{error}"),
    }
}

/// Waits until something is so, at most a minute.
async fn until(what: impl Fn() -> bool) {
    let begin = Instant::now();
    while !what() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it never was so");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn status(revocations: &Revocations) -> RevocationSourceStatus {
    revocations.status().sources[0].clone()
}

#[tokio::test]
async fn running_verifier_follows_the_file() {
    let (lines, revocations) = (Lines::new(), store());
    let verifier = verifier(&revocations);
    let [a, b] = ["a", "b"].map(|id| token(id).compact());
    lines.write(&[line("a")]);
    revocations.follow_file(lines.file()).await.unwrap();
    assert!(is_revoked(&verifier, &a) && !is_revoked(&verifier, &b));
    lines.append(&line("b"));
    until(|| is_revoked(&verifier, &b)).await;
    lines.append("{\"iss\"}\n");
    until(|| status(&revocations).malformed == 1).await;
    assert_eq!(status(&revocations).malformed_lines, ["line 3: not one JSON object"]);
    assert!(is_revoked(&verifier, &a) && verifier.status().is_ready());
    lines.write(&[line("b")]);
    until(|| !is_revoked(&verifier, &a)).await;
    assert!(is_revoked(&verifier, &b));
}

#[tokio::test]
async fn vanished_file_keeps_what_was_revoked_and_is_reported() {
    // RV08
    let (lines, revocations) = (Lines::new(), store());
    let (verifier, a) = (verifier(&revocations), token("a").compact());
    lines.write(&[line("a")]);
    revocations.follow_file(lines.file()).await.unwrap();
    fs::remove_file(&lines.0).unwrap();
    until(|| status(&revocations).last_failure.is_some()).await;
    assert!(status(&revocations).last_failure.unwrap().contains("os error 2"));
    assert!(is_revoked(&verifier, &a) && verifier.status().is_ready());
    // It comes back, with other lines.
    lines.write(&[line("b")]);
    until(|| status(&revocations).last_failure.is_none()).await;
    until(|| !is_revoked(&verifier, &a)).await;
}

#[tokio::test]
async fn missing_file_is_an_error_at_start_only() {
    // RV09
    let (lines, revocations) = (Lines::new(), store());
    let error = revocations.follow_file(lines.file()).await.unwrap_err();
    assert!(
        matches!(&error, ConfigError::RevocationsNotRead { path, .. } if *path == lines.0.display().to_string())
    );
    assert!(testkit::with_causes(&error).contains("os error 2"), "{}", testkit::with_causes(&error));
    assert!(verifier(&revocations).status().is_ready(), "it is not followed");

    // Lazily, it may come later.
    revocations.follow_file_lazy(lines.file()).unwrap();
    let verifier = verifier(&revocations);
    until(|| status(&revocations).last_failure.is_some()).await;
    assert!(!verifier.status().is_ready() && poll_once(verifier.ready()).await.is_none());
    // The task of the first call has ended by now, and this one goes on.
    assert!(status(&revocations).last_failure.unwrap().contains("os error 2"));
    let again = revocations.follow_file_lazy(lines.file()).unwrap_err().to_string();
    assert!(again.starts_with("revocation file: expected each file once"), "{again}");
    assert!(!is_revoked(&verifier, &token("a").compact()));
    lines.write(&[line("a")]);
    verifier.ready().await;
    assert!(verifier.status().is_ready() && is_revoked(&verifier, &token("a").compact()));
}

#[tokio::test]
async fn limited_file_rejects_until_it_is_read() {
    // RV08, RV09
    let (lines, revocations) = (Lines::new(), store());
    let verifier = verifier(&revocations);
    revocations.follow_file_lazy(lines.file().max_feed_age(Duration::from_secs(1))).unwrap();
    let error = verifier.verify(token("b").compact()).unwrap_err();
    assert!(matches!(error, Error::RevocationsUnavailable { .. }), "{error}");
    lines.write(&[line("a")]);
    until(|| verifier.verify(token("b").compact()).is_ok()).await;
    fs::remove_file(&lines.0).unwrap();
    until(|| verifier.verify(token("b").compact()).is_err()).await;
    assert!(is_revoked(&verifier, &token("a").compact()));
    lines.write(&[line("c")]);
    until(|| verifier.verify(token("b").compact()).is_ok()).await;
}

#[tokio::test]
async fn wrong_settings_of_a_file_are_rejected() {
    let (lines, revocations) = (Lines::new(), store());
    lines.write(&[]);
    for (file, expected) in [
        (
            lines.file().poll_interval(Duration::from_millis(9)),
            "poll interval: expected 10 ms to 1 min, found 0.009 s",
        ),
        (
            lines.file().poll_interval(Duration::from_secs(61)),
            "poll interval: expected 10 ms to 1 min, found 61 s",
        ),
        (lines.file().max_feed_age(Duration::ZERO), "feed age: expected 1 s to 30 days, found 0 s"),
        (
            lines.file().poll_interval(Duration::from_secs(60)).max_feed_age(Duration::from_secs(119)),
            "feed age: expected at least twice the poll interval, found 119 s with a poll interval of 60 s",
        ),
        (RevocationFile::new(""), "revocation file: expected a path, found none"),
    ] {
        assert_eq!(revocations.follow_file(file.clone()).await.unwrap_err().to_string(), expected);
        assert_eq!(revocations.follow_file_lazy(file).unwrap_err().to_string(), expected);
    }
    revocations.follow_file(lines.file()).await.unwrap();
    let again = revocations.follow_file(lines.file()).await.unwrap_err().to_string();
    assert!(again.starts_with("revocation file: expected each file once, found "), "{again}");
    let error = std::thread::scope(|scope| {
        scope.spawn(|| store().follow_file_lazy(lines.file()).unwrap_err()).join().unwrap()
    });
    assert!(matches!(error, ConfigError::NoRuntime), "{error}");
}

#[tokio::test]
async fn feed_age_of_twice_the_poll_interval_is_accepted() {
    let (lines, revocations) = (Lines::new(), store());
    lines.write(&[]);
    let file = lines.file().poll_interval(Duration::from_secs(60)).max_feed_age(Duration::from_secs(120));
    revocations.follow_file(file).await.unwrap();
}

#[tokio::test]
async fn file_named_like_the_source_of_the_application_withdraws_nothing() {
    // A relative path, in the package's folder.
    let path = format!("application-{}", process::id());
    let relative = Lines(PathBuf::from(&path));
    let revocations = store();
    revocations.revoke(scopegate::Revocation::token(ISSUER, "a")).unwrap();
    relative.write(&[line("b")]);
    revocations.follow_file(relative.file()).await.unwrap();
    relative.write(&["\n".to_owned()]);
    let verifier = verifier(&revocations);
    until(|| !is_revoked(&verifier, &token("b").compact())).await;
    assert!(is_revoked(&verifier, &token("a").compact()));
    let names: Vec<String> = revocations.status().sources.into_iter().map(|source| source.name).collect();
    assert_eq!(names, ["application".to_owned(), format!("file:{path}")]);
}

#[tokio::test]
async fn line_of_an_untrusted_issuer_is_counted() {
    let (lines, revocations) = (Lines::new(), store());
    let verifier = verifier(&revocations);
    let other = line("a").replacen(ISSUER, "https://other.example", 1);
    lines.write(&[line("a"), other.clone(), other.clone()]);
    revocations.follow_file(lines.file()).await.unwrap();
    let untrusted = || {
        let source = verifier.status().revocations().unwrap().sources[0].clone();
        (source.untrusted, source.untrusted_issuers)
    };
    assert_eq!(untrusted(), (2, vec!["https://other.example".to_owned()]));
    lines.append(&other);
    until(|| untrusted().0 == 3).await;
    lines.write(&[line("a")]);
    until(|| untrusted().0 == 0).await;
}

#[tokio::test]
async fn panic_of_the_clock_does_not_end_the_feed() {
    let (lines, armed) = (Lines::new(), Arc::new(AtomicBool::new(false)));
    let clock = {
        let armed = Arc::clone(&armed);
        move || {
            assert!(!armed.load(Ordering::Relaxed), "a bug of the application");
            UNIX_EPOCH + Duration::from_secs(NOW)
        }
    };
    let revocations = Revocations::builder().clock(clock).build();
    lines.write(&[line("a")]);
    revocations.follow_file(lines.file()).await.unwrap();
    armed.store(true, Ordering::Relaxed);
    until(|| status(&revocations).last_failure.is_some()).await;
    assert!(status(&revocations).last_failure.unwrap().contains("panicked"));
    armed.store(false, Ordering::Relaxed);
    lines.append(&line("b"));
    let verifier = verifier(&revocations);
    until(|| is_revoked(&verifier, &token("b").compact())).await;
    until(|| status(&revocations).last_failure.is_none()).await;
    assert!(is_revoked(&verifier, &token("a").compact()));
}

#[test]
fn end_of_the_runtime_is_reported() {
    let (lines, revocations) = (Lines::new(), store());
    lines.write(&[line("a")]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(revocations.follow_file(lines.file())).unwrap();
    assert_eq!(status(&revocations).last_failure, None);
    drop(runtime);
    assert_eq!(status(&revocations).last_failure.as_deref(), Some("the task that reads it has ended"));
    assert!(is_revoked(&verifier(&revocations), &token("a").compact()));
}

#[tokio::test]
async fn task_ends_with_the_last_clone() {
    let (lines, revocations) = (Lines::new(), store());
    lines.write(&[line("a")]);
    revocations.follow_file(lines.file()).await.unwrap();
    let verifier = verifier(&revocations);
    drop(revocations);
    lines.append(&line("b"));
    until(|| is_revoked(&verifier, &token("b").compact())).await;
    drop(verifier);
    let metrics = tokio::runtime::Handle::current().metrics();
    until(|| metrics.num_alive_tasks() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn file_is_read_while_time_is_paused() {
    let (lines, revocations) = (Lines::new(), store());
    lines.write(&[line("a")]);
    revocations.follow_file(RevocationFile::new(&lines.0)).await.unwrap();
    let (verifier, b) = (verifier(&revocations), token("b").compact());
    assert!(is_revoked(&verifier, &token("a").compact()));
    lines.append(&line("b"));
    while !is_revoked(&verifier, &b) {
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(status(&revocations).last_failure, None);
}

#[tokio::test]
#[ignore = "measures; run by hand, in a release build with --nocapture"]
#[allow(clippy::print_stdout, reason = "figures are what it is for")]
async fn measure_time_from_line_to_rejection() {
    let (lines, revocations) = (Lines::new(), store());
    let verifier = verifier(&revocations);
    lines.write(&[]);
    revocations.follow_file(RevocationFile::new(&lines.0)).await.unwrap();
    let mut times = Vec::new();
    for round in 0..40u64 {
        // At any time between two reads.
        tokio::time::sleep(Duration::from_millis(37 * round % 250)).await;
        let id = round.to_string();
        let token = token(&id).compact();
        assert!(!is_revoked(&verifier, &token));
        let begin = Instant::now();
        lines.append(&line(&id));
        until(|| is_revoked(&verifier, &token)).await;
        times.push(begin.elapsed());
    }
    times.sort();
    println!("REVOCATION line to rejection: median {:?}, slowest {:?}", times[20], times[39]);
}
