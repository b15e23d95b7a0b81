//! Revocations that services share through Redis, by their files and by `scopegate revoke`.

use std::time::{Duration, Instant};

use scopegate_issuer::LocalIssuer;

use crate::client::{Connection, get};
use crate::program::{Run, program};
use crate::redis::Redis;
use crate::sender::until_reloaded;
use crate::serve::config;
use crate::service::{Service, path, run, write};

const PASSWORD: &str = "s3cret";

/// An issuer, and a Redis server whose password is in a file of this name.
struct Fleet {
    redis: Redis,
    local: LocalIssuer,
    password: String,
}

impl Fleet {
    /// Returns `None` if the server is not installed.
    async fn start(name: &str) -> Option<Self> {
        let redis = Redis::start(PASSWORD)?;
        let password = path(&format!("{name}.password"));
        write(&password, &format!("{PASSWORD}\n"));
        let local = LocalIssuer::start().await.unwrap();
        Some(Self { redis, local, password: password.to_str().unwrap().to_owned() })
    }

    fn url(&self) -> String {
        format!("redis://{}", self.redis.address())
    }

    /// Returns the file of the services, with more settings of the revocations.
    fn config(&self, more: &str) -> String {
        let (url, password) = (self.url(), &self.password);
        let table = format!("[revocations]\nredis = \"{url}\"\nredis_password_file = \"{password}\"\n{more}");
        format!("{}{table}", config(self.local.issuer()))
    }

    /// Runs `scopegate revoke` with these lines.
    fn revoke(&self, more: &[&str], lines: &str) -> Run {
        let url = self.url();
        let flags = ["revoke", "--redis", &url, "--password-file", &self.password];
        let run = crate::program::run(&[&flags, more].concat(), lines);
        assert!(!run.errors.contains(PASSWORD), "{}", run.errors);
        run
    }

    fn published(&self, more: &[&str], lines: &str) -> String {
        let run = self.revoke(more, lines);
        assert_eq!((run.code, run.errors.as_str()), (0, ""), "{}", run.out);
        run.out
    }

    fn line(&self, id: &str) -> String {
        format!("{{\"iss\":\"{}\",\"jti\":\"{id}\"}}\n", self.local.issuer())
    }

    fn token(&self, id: &str) -> String {
        self.local.mint().scope("orders/read").claim("jti", id).sign()
    }
}

async fn status(gateway: &mut Connection, token: &str) -> u16 {
    gateway.ask("GET", "/orders/7", Some(token)).await.status
}

/// Waits until a token has this status.
async fn until(gateway: &mut Connection, token: &str, expected: u16) {
    let started = Instant::now();
    while status(gateway, token).await != expected {
        assert!(started.elapsed() < Duration::from_secs(60), "never {expected}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn revocation_reaches_each_instance() {
    let Some(mut fleet) = Fleet::start("fleet-revocations").await else { return };
    assert_eq!(fleet.published(&[], ""), "published: 0\n");
    let text = fleet.config("");
    let services = [
        Service::start_ready("fleet-revocations-one", &text).await,
        Service::start_ready("fleet-revocations-other", &text).await,
    ];
    let [one, other] = &services;
    let (mut gateway, mut second) =
        (Connection::open(&one.decisions).await, Connection::open(&other.decisions).await);
    let (revoked, valid) = (fleet.token("revoked"), fleet.token("valid"));
    assert_eq!((status(&mut gateway, &revoked).await, status(&mut second, &revoked).await), (200, 200));
    assert_eq!(fleet.published(&[], &fleet.line("revoked")), "published: 1\n");
    until(&mut gateway, &revoked, 401).await;
    until(&mut second, &revoked, 401).await;
    assert_eq!(fleet.published(&["--withdraw"], &fleet.line("revoked")), "withdrawn: 1\n");
    until(&mut gateway, &revoked, 200).await;
    fleet.published(&[], &fleet.line("revoked"));
    until(&mut gateway, &revoked, 401).await;
    until(&mut second, &revoked, 401).await;

    // A new instance has the revocation from its start.
    let third = Service::start_ready("fleet-revocations-third", &text).await;
    assert_eq!(status(&mut Connection::open(&third.decisions).await, &revoked).await, 401);

    // All entries stay without the server, also after a reload.
    fleet.redis.stop();
    one.logged("revocation feed failed, keeping its entries").await;
    write(&one.file, &text.replace("GET = \"public\"", "GET = \"authenticated\""));
    one.signal("HUP");
    until_reloaded(one, "ok", 1).await;
    assert_eq!(gateway.ask("GET", "/health", None).await.status, 401);
    assert_eq!((status(&mut gateway, &revoked).await, status(&mut gateway, &valid).await), (401, 200));
    assert_eq!(get(&one.admin, "/readyz").await.status, 200);
    for service in services.iter().chain([&third]) {
        assert_eq!(service.log().matches("revocation feed synced").count(), 1, "{}", service.log());
        assert!(!service.log().contains(PASSWORD), "{}", service.log());
    }
}

#[tokio::test]
async fn source_is_unchanged_after_reload() {
    // FW10
    let Some(fleet) = Fleet::start("fleet-unchanged").await else { return };
    fleet.published(&[], &fleet.line("revoked"));
    let text = fleet.config("");
    let service = Service::start_ready("fleet-unchanged", &text).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let revoked = fleet.token("revoked");
    assert_eq!(status(&mut gateway, &revoked).await, 401);
    let prefix = "redis_key_prefix = \"other\"\n";
    for (failed, change) in [
        format!("{text}{prefix}"),
        format!("{text}max_feed_age_secs = 60\n"),
        text.replace("redis://", "redis://orders@"),
        config(fleet.local.issuer()),
    ]
    .into_iter()
    .enumerate()
    {
        write(&service.file, &change);
        service.signal("HUP");
        until_reloaded(&service, "failed", failed + 1).await;
        assert_eq!(status(&mut gateway, &revoked).await, 401);
    }
    assert_eq!(service.log().matches("`revocations` has changed, which needs a restart").count(), 4);
    // The rest of the file is applied with a changed password.
    write(std::path::Path::new(&fleet.password), "0ther-s3cret\n");
    write(&service.file, &text.replace("GET = \"public\"", "GET = \"authenticated\""));
    service.signal("HUP");
    until_reloaded(&service, "ok", 1).await;
    let log = service.log();
    assert!(log.contains("password has changed, using the earlier one key=\"redis_password_file\""), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
    write(std::path::Path::new(&fleet.password), &format!("{PASSWORD}\n"));
    let next = fleet.token("next");
    assert_eq!(status(&mut gateway, &next).await, 200);
    fleet.published(&[], &fleet.line("next"));
    until(&mut gateway, &next, 401).await;
}

#[tokio::test]
async fn start_needs_the_revocations() {
    let Some(mut fleet) = Fleet::start("fleet-start").await else { return };
    let file = path("fleet-start.toml");
    write(&file, &fleet.config(""));
    let file = file.to_str().unwrap();
    let address = fleet.redis.address();
    let fails = |reason: &str| {
        let (code, out, error) = run(&["serve", "--config", file]);
        // Another start of the same file may succeed, so the code is not 64.
        assert_eq!((code, out.as_str()), (Some(70), ""), "{error}");
        assert!(error.contains(reason) && !error.contains(PASSWORD), "{reason}: {error}");
        let (code, out, error) = run(&["check", file]);
        assert_eq!((code, error.as_str()), (Some(0), ""), "{out}");
    };
    fails("no revocations from Redis: nothing was published to the server");
    write(std::path::Path::new(&fleet.password), "wr0ng\n");
    fails(&format!("no revocations from Redis: {address} rejected the user name or the password"));
    fleet.redis.stop();
    fails(&format!("no revocations from Redis: no connection to {address}"));
    std::fs::remove_file(&fleet.password).unwrap();
    let (code, _, error) = run(&["serve", "--config", file]);
    assert!(code == Some(64) && error.contains(": no secret: cannot read file: "), "{error}");
}

#[tokio::test]
async fn signal_ends_a_start_that_waits() {
    // It accepts connections, and never responds. The service gives up after 2 s.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (file, log) = (path("fleet-waiting.toml"), path("fleet-waiting.log"));
    let redis = format!("[revocations]\nredis = \"redis://{}\"\n", silent.local_addr().unwrap());
    write(&file, &format!("{}{redis}", config("http://127.0.0.1:1/pool")));
    let mut command = program();
    command.args(["serve", "--config", file.to_str().unwrap()]);
    let mut child = command.stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let _waiting = silent.accept().unwrap();
    let kill = std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("reading the revocations, no request is decided before"), "{log}");
    assert!(log.contains("stopped before the start has ended"), "{log}");
}

#[tokio::test]
async fn old_revocations_of_redis_are_503() {
    let Some(mut fleet) = Fleet::start("fleet-aged").await else { return };
    fleet.published(&[], "");
    let service = Service::start_ready("fleet-aged", &fleet.config("max_feed_age_secs = 5\n")).await;
    let mut gateway = Connection::open(&service.decisions).await;
    let token = fleet.token("valid");
    assert_eq!(status(&mut gateway, &token).await, 200);
    fleet.redis.stop();
    until(&mut gateway, &token, 503).await;
    assert_eq!(gateway.ask("GET", "/health", None).await.status, 200);
    let ready = get(&service.admin, "/readyz").await;
    let expected = format!("not ready\nredis {}/0 scopegate:revocations: last read ", fleet.redis.address());
    assert!(ready.status == 503 && ready.body.starts_with(&expected), "{ready:?}");
    assert!(!ready.body.contains(PASSWORD), "{ready:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explanation_reads_revocations_of_redis() {
    let Some(mut fleet) = Fleet::start("fleet-explained").await else { return };
    fleet.published(&[], &fleet.line("revoked"));
    let file = path("fleet-explained.toml");
    write(&file, &fleet.config(""));
    let flags = ["explain", "--config", file.to_str().unwrap(), "--request", "GET /orders/7"];
    let explain = |id: &str| crate::program::run(&flags, &fleet.token(id));
    let (valid, revoked) = (explain("valid"), explain("revoked"));
    assert_eq!((valid.code, revoked.code), (0, 1), "{}{}", valid.errors, revoked.errors);
    assert!(revoked.out.starts_with("REJECTED with 401 (revoked)"), "{}", revoked.out);
    let token = fleet.token("valid");
    fleet.redis.stop();
    let undecidable = crate::program::run(&flags, &token);
    assert_eq!((undecidable.code, undecidable.out.as_str()), (2, ""));
    assert!(undecidable.errors.contains("no revocations from Redis: "), "{}", undecidable.errors);
    std::fs::remove_file(&fleet.password).unwrap();
    let unread = crate::program::run(&flags, &token);
    assert_eq!((unread.code, unread.out.as_str()), (2, ""));
    assert!(unread.errors.contains("`redis_password_file` cannot be read"), "{}", unread.errors);
}

#[tokio::test]
async fn malformed_line_publishes_nothing() {
    let Some(mut fleet) = Fleet::start("fleet-malformed").await else { return };
    fleet.published(&[], "");
    let malformed = fleet.revoke(&[], &format!("{}{{\"iss\":\"a\",\"jit\":\"b\"}}\n", fleet.line("revoked")));
    assert_eq!((malformed.code, malformed.out.as_str()), (64, ""));
    assert!(malformed.errors.contains("line 2: "), "{}", malformed.errors);
    let service = Service::start_ready("fleet-malformed", &fleet.config("")).await;
    let mut gateway = Connection::open(&service.decisions).await;
    assert_eq!(status(&mut gateway, &fleet.token("revoked")).await, 200);
    // Entries under another prefix are of other services.
    let line = fleet.line("revoked");
    fleet.published(&["--key-prefix", "other"], &line);
    fleet.published(&[], &fleet.line("last"));
    until(&mut gateway, &fleet.token("last"), 401).await;
    assert_eq!(status(&mut gateway, &fleet.token("revoked")).await, 200);
    fleet.redis.stop();
    let unreachable = fleet.revoke(&[], &line);
    assert_eq!((unreachable.code, unreachable.out.as_str()), (2, ""), "{}", unreachable.errors);
}

#[test]
fn url_of_server_is_never_shown() {
    for url in ["rediss:orders:s3cret", "redis://:s3cret@127.0.0.1:x", "redis://:s3cret@redis.example"] {
        let run = crate::program::run(&["revoke", "--redis", url], "");
        assert_eq!((run.code, run.out.as_str()), (64, ""), "{url}");
        assert!(!run.errors.contains(PASSWORD), "{url}: {}", run.errors);
    }
}
