//! Does the program reject tokens that a file revokes, while it runs?

mod demo_process;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use demo_process::Serving;
use reqwest::Client;
use scopegate_issuer::LocalIssuer;
use serde_json::{Value, json};

struct Caller {
    http: Client,
    url: String,
}

impl Caller {
    async fn get(&self, token: &str) -> u16 {
        let request = self.http.get(format!("{}/whoami", self.url)).bearer_auth(token);
        request.send().await.expect("the API answers").status().as_u16()
    }

    async fn health(&self) -> Value {
        let response = self.http.get(format!("{}/health", self.url)).send().await.expect("the API answers");
        response.json().await.expect("it is JSON")
    }

    /// Waits until the one source of revocations has this member.
    async fn until_source(&self, member: &str, value: &Value) {
        let begin = Instant::now();
        let member = format!("/revocations/sources/0/{member}");
        while self.health().await.pointer(&member) != Some(value) {
            assert!(begin.elapsed() < Duration::from_secs(30), "{member} is never {value}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends a token until it gets this status, and returns how long that took.
    async fn until(&self, token: &str, status: u16) -> Duration {
        let begin = Instant::now();
        while self.get(token).await != status {
            assert!(begin.elapsed() < Duration::from_secs(30), "it is never {status}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        begin.elapsed()
    }
}

/// An empty file, which is removed at the end.
struct Revoked(PathBuf);

impl Revoked {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("demo-{name}-{}.jsonl", std::process::id()));
        fs::write(&path, "").expect("it can be written");
        Self(path)
    }

    fn append(&self, line: impl std::fmt::Display) {
        let mut file = File::options().append(true).open(&self.0).expect("it is there");
        writeln!(file, "{line}").expect("it can be written");
    }
}

impl Drop for Revoked {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn start(issuer: &LocalIssuer, file: &Path) -> (Serving, Caller) {
    let path = file.to_str().expect("it is UTF-8");
    let arguments = ["--listen", "127.0.0.1:0", "--issuer", issuer.issuer(), "--client-id", "local-reader"];
    let demo = Serving::start(&arguments, &[("REVOCATIONS", path)]);
    let caller = Caller {
        http: Client::builder().no_proxy().build().expect("no TLS is asked for"),
        url: demo.url.clone(),
    };
    (demo, caller)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn each_kind_of_line_is_effective_within_a_second() {
    let issuer = LocalIssuer::start().await.expect("there is a free port");
    let file = Revoked::new("kinds");
    let (demo, caller) = start(&issuer, &file.0);
    let (iss, now) = (issuer.issuer(), issuer.mint().claims()["iat"].as_u64().expect("it is a number"));
    let mint = || issuer.mint().issued_at(now);
    let kid = |token: &str| {
        use base64::Engine as _;
        let header = token.split('.').next().expect("it has a header");
        let header =
            base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).expect("it is base64url");
        serde_json::from_slice::<Value>(&header).expect("it is JSON")["kid"].clone()
    };
    let spared = mint().claim("jti", "spared").claim("sub", "spared").sign();
    let by_key = mint().claim("sub", "spared").sign();
    for (token, line) in [
        (mint().claim("jti", "a"), json!({ "iss": iss, "jti": "a", "exp": now + 3_600 })),
        (mint().claim("sub", "b"), json!({ "iss": iss, "sub": "b", "not_before": now + 1 })),
        (mint().claim("sid", "c"), json!({ "iss": iss, "sid": "c" })),
    ] {
        let token = token.sign();
        assert_eq!((caller.get(&token).await, caller.get(&spared).await), (200, 200));
        file.append("this line is broken");
        file.append(&line);
        let time = caller.until(&token, 401).await;
        assert!(time < Duration::from_secs(1), "{line}: {time:?}");
        assert_eq!(caller.get(&spared).await, 200, "{line}");
    }
    // A client that has got a new token since may go on.
    file.append(json!({ "iss": iss, "client_id": "local-reader", "not_before": now - 5 }));
    let earlier = issuer.mint().issued_at(now - 10).sign();
    caller.until(&earlier, 401).await;
    assert_eq!(caller.get(&spared).await, 200);
    file.append(json!({ "iss": iss, "kid": kid(&by_key) }));
    caller.until(&by_key, 401).await;

    let health = caller.health().await;
    assert_eq!((&health["status"], &health["revocations"]["entries"]), (&json!("ok"), &json!(5)));
    assert_eq!(health["revocations"]["sources"][0]["malformed"], 3, "{health}");
    // Callers need no token for it, so it has no path and no part of a line.
    let shown = health["revocations"].to_string();
    assert!(!shown.contains("kinds") && !shown.contains("line"), "{shown}");
    let ended = demo.stop("TERM");
    assert!(ended.stderr.contains("line=1 error=not one JSON object"), "{}", ended.stderr);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn vanished_or_broken_file_keeps_what_was_revoked() {
    let issuer = LocalIssuer::start().await.expect("there is a free port");
    let file = Revoked::new("vanished");
    let (revoked, other) = (issuer.mint().claim("jti", "a").sign(), issuer.mint().claim("jti", "b").sign());
    let line = json!({ "iss": issuer.issuer(), "jti": "a" }).to_string();
    file.append(&line);
    let (demo, caller) = start(&issuer, &file.0);
    assert_eq!((caller.get(&revoked).await, caller.get(&other).await), (401, 200));
    fs::remove_file(&file.0).expect("it is there");
    caller.until_source("failing", &json!(true)).await;
    assert_eq!((caller.get(&revoked).await, caller.get(&other).await), (401, 200));
    fs::write(&file.0, b"\xff broken \0").expect("it can be written");
    caller.until_source("malformed", &json!(1)).await;
    assert_eq!((caller.get(&revoked).await, caller.get(&other).await), (401, 200));
    fs::write(&file.0, "").expect("it can be written");
    caller.until_source("failing", &json!(true)).await;
    assert_eq!((caller.get(&revoked).await, caller.get(&other).await), (401, 200));
    // A token is accepted again when its revocation is withdrawn.
    fs::write(&file.0, "\n").expect("it can be written");
    caller.until(&revoked, 200).await;
    let ended = demo.stop("TERM");
    assert!(ended.stderr.contains("revocation feed failed, keeping its entries"), "{}", ended.stderr);
    assert!(ended.stderr.contains("malformed revocation, line ignored"), "{}", ended.stderr);
    assert!(ended.stderr.contains("an empty line would withdraw all entries"), "{}", ended.stderr);
    assert!(ended.stderr.contains(r#"reason="revoked""#), "{}", ended.stderr);
}

/// Appends a line for each of these ids, and returns how long each instance accepted the token.
async fn times_to_rejection(ids: std::ops::Range<u64>) -> Vec<Duration> {
    let issuer = LocalIssuer::start().await.expect("there is a free port");
    let file = Revoked::new(&format!("two-{}", ids.end));
    let instances = [start(&issuer, &file.0), start(&issuer, &file.0)];
    let callers = instances.each_ref().map(|(_, caller)| caller);
    let mut times = Vec::new();
    for id in ids {
        // At any time between two reads.
        tokio::time::sleep(Duration::from_millis(37 * id % 250)).await;
        let token = issuer.mint().claim("jti", id.to_string()).sign();
        for caller in callers {
            assert_eq!(caller.get(&token).await, 200);
        }
        file.append(json!({ "iss": issuer.issuer(), "jti": id.to_string() }));
        let (one, other) = tokio::join!(callers[0].until(&token, 401), callers[1].until(&token, 401));
        times.extend([one, other]);
    }
    times.sort();
    times
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn instances_that_follow_one_file_reject_within_a_second() {
    let times = times_to_rejection(0..1).await;
    assert!(times.iter().all(|time| *time < Duration::from_secs(1)), "{times:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "measures; run by hand with --nocapture"]
#[allow(clippy::print_stdout, reason = "figures are what it is for")]
async fn measure_time_to_rejection_on_two_instances() {
    let times = times_to_rejection(0..40).await;
    let (first, median, last) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("REVOCATION on two instances: fastest {first:?}, median {median:?}, slowest {last:?}");
}
