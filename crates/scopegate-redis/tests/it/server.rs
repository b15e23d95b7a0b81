//! Servers that a test starts, verifiers that follow them, and proxies that a test can cut.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};

use redis::aio::MultiplexedConnection;
use scopegate::{Error, Revocation, RevocationSourceStatus, Revocations, RevocationsBuilder, Verifier};
use scopegate_redis::{Redis, RedisRevocations};
use testkit::{ISSUER, NOW, Token as _, builder_at, cognito_issuer, cognito_token};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The server's keys.
const KEYS: [&str; 3] =
    ["{scopegate:revocations}:entries", "{scopegate:revocations}:ends", "{scopegate:revocations}:stream"];

/// Nothing in these tests takes as long. A busy machine may be slow.
const DEADLINE: Duration = Duration::from_secs(30);

/// A `redis-server` of its own, which ends with this value.
pub(crate) struct Server {
    child: Option<Child>,
    port: u16,
    folder: PathBuf,
    options: Vec<String>,
}

/// Starts a server, or returns from the test with a note.
macro_rules! server {
    ($($option:expr),*) => {
        match $crate::server::Server::start(&[$($option),*]).await {
            Some(server) => server,
            None => return,
        }
    };
}
pub(crate) use server;

impl Server {
    /// Starts a server without persistence, with these options.
    pub(crate) async fn start(options: &[&str]) -> Option<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let installed = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        if installed.is_err() {
            assert!(
                std::env::var_os("SCOPEGATE_REQUIRE_REDIS").is_none(),
                "redis-server is not installed, and SCOPEGATE_REQUIRE_REDIS is set"
            );
            // Not captured by the test harness.
            let _ = std::io::stderr().write_all(b"NOT RUN: redis-server is not installed\n");
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = format!("{}/redis-{}-{number}", env!("CARGO_TARGET_TMPDIR"), std::process::id());
        std::fs::create_dir_all(&folder).unwrap();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut server = Self { child: None, port: 0, folder: folder.into(), options };
        server.restart().await;
        Some(server)
    }

    /// Starts the server on the port that it had before.
    pub(crate) async fn restart(&mut self) {
        assert!(self.child.is_none(), "the server runs");
        loop {
            if self.port == 0 {
                let free = StdListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                self.port = free.local_addr().unwrap().port();
            }
            let mut command = Command::new("redis-server");
            command.args(["--bind", "127.0.0.1", "--daemonize", "no", "--save", "", "--dir"]);
            command.arg(&self.folder).args(["--port", &self.port.to_string()]).args(&self.options);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().unwrap();
            let begun = Instant::now();
            loop {
                if child.try_wait().unwrap().is_some() {
                    // Another process has taken the port in between.
                    self.port = 0;
                    break;
                }
                if TcpStream::connect(self.address()).await.is_ok() {
                    self.child = Some(child);
                    return;
                }
                assert!(begun.elapsed() < DEADLINE, "the server does not start");
                tokio::task::yield_now().await;
            }
        }
    }

    /// Kills the server. Its append-only file stays, if it has one.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Stops and continues the process: `STOP` or `CONT`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.as_ref().unwrap().id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().unwrap().success());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    #[cfg(feature = "tls")]
    pub(crate) fn folder(&self) -> &std::path::Path {
        &self.folder
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::new(&format!("redis://{}", self.address())).unwrap()
    }

    pub(crate) fn shared(&self) -> RedisRevocations {
        RedisRevocations::new(&self.redis())
    }

    /// Returns a connection of the client library.
    pub(crate) async fn client(&self) -> MultiplexedConnection {
        let client = redis::Client::open(format!("redis://{}", self.address())).unwrap();
        let begun = Instant::now();
        loop {
            // A restarted server first loads its data.
            if let Ok(mut connection) = client.get_multiplexed_async_connection().await
                && redis::cmd("PING").exec_async(&mut connection).await.is_ok()
            {
                return connection;
            }
            assert!(begun.elapsed() < DEADLINE, "the server does not respond");
            tokio::task::yield_now().await;
        }
    }

    /// Sends a command and returns its response.
    pub(crate) async fn command<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(*word);
        });
        command.query_async(&mut self.client().await).await.unwrap()
    }

    /// Saves the shared revocations as they are now.
    pub(crate) async fn save_data(&self) {
        for key in KEYS {
            let _: u64 = self.command(&["COPY", key, &format!("saved{key}"), "REPLACE"]).await;
        }
    }

    /// Continues with the saved revocations, as a replica does that was behind.
    pub(crate) async fn restore_data(&self) {
        let mut all = redis::pipe();
        all.atomic();
        for key in KEYS {
            all.cmd("DEL").arg(key).ignore();
            all.cmd("COPY").arg(format!("saved{key}")).arg(key).ignore();
        }
        all.exec_async(&mut self.client().await).await.unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A proxy in front of a server. It can be cut, and mended.
pub(crate) struct Proxy {
    address: SocketAddr,
    is_cut: watch::Sender<bool>,
}

impl Proxy {
    pub(crate) async fn new(server: &Server) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, target) = (listener.local_addr().unwrap(), server.address());
        let is_cut = watch::Sender::new(false);
        let receiver = is_cut.subscribe();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut receiver = receiver.clone();
                tokio::spawn(async move {
                    if *receiver.borrow() {
                        return;
                    }
                    let Ok(mut other) = TcpStream::connect(target).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut stream, &mut other) => {}
                        _ = receiver.wait_for(|is_cut| *is_cut) => {}
                    }
                });
            }
        });
        Self { address, is_cut }
    }

    pub(crate) fn cut(&self) {
        self.is_cut.send_replace(true);
    }

    pub(crate) fn mend(&self) {
        self.is_cut.send_replace(false);
    }

    pub(crate) fn redis(&self) -> Redis {
        Redis::new(&format!("redis://{}", self.address)).unwrap()
    }

    pub(crate) fn shared(&self) -> RedisRevocations {
        RedisRevocations::new(&self.redis())
    }
}

/// One instance of a service: its revocations, and its verifier.
pub(crate) struct Instance {
    pub(crate) revocations: Revocations,
    pub(crate) verifier: Verifier,
    now: Arc<AtomicU64>,
}

impl Instance {
    pub(crate) fn new() -> Self {
        Self::of(Revocations::builder())
    }

    fn of(revocations: RevocationsBuilder) -> Self {
        let now = Arc::new(AtomicU64::new(NOW));
        let clock = {
            let now = Arc::clone(&now);
            move || UNIX_EPOCH + Duration::from_secs(now.load(Ordering::Relaxed))
        };
        let revocations = revocations.clock(clock.clone()).build();
        let builder = builder_at(NOW).clock(clock).trust(cognito_issuer());
        let verifier = builder.revocations(&revocations).build().unwrap();
        Self { revocations, verifier, now }
    }

    /// Returns an instance with a store of this capacity.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self::of(Revocations::builder().capacity(capacity))
    }

    /// Returns an instance that follows a prepared server.
    pub(crate) async fn following(shared: &RedisRevocations) -> Self {
        // A user that can only read follows a server that has data.
        let _ = shared.clone().publish_all([]).await;
        let instance = Self::new();
        shared.follow(&instance.revocations).await.unwrap();
        instance
    }

    /// Advances the clock of the verifier.
    pub(crate) fn pass(&self, time: Duration) {
        self.now.fetch_add(time.as_secs(), Ordering::Relaxed);
    }

    /// Sets the clock back.
    pub(crate) fn return_by(&self, time: Duration) {
        self.now.fetch_sub(time.as_secs(), Ordering::Relaxed);
    }

    /// Returns whether the token with this `jti` is rejected as revoked.
    pub(crate) fn revokes(&self, id: &str) -> bool {
        match self.verifier.verify(token(id)) {
            Ok(_) => false,
            Err(Error::Revoked { .. }) => true,
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) fn source(&self) -> RevocationSourceStatus {
        self.revocations.status().sources.remove(0)
    }

    /// Waits until the token is revoked, or no longer.
    pub(crate) async fn until_revoked(&self, id: &str, revoked: bool) {
        until(&format!("{id} is revoked: {revoked}"), || self.revokes(id) == revoked).await;
    }

    /// Waits until the source has failed with a reason that contains this text.
    pub(crate) async fn until_failed(&self, text: &str) {
        let failed = || self.source().last_failure.is_some_and(|reason| reason.contains(text));
        until(&format!("it fails with {text}"), failed).await;
    }

    /// Waits until the source was synced after its last failure.
    pub(crate) async fn until_recovered(&self) {
        until("it recovers", || self.source().last_failure.is_none()).await;
    }
}

/// Waits for a state that a background task changes.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "timed out: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Returns a token with this `jti`.
pub(crate) fn token(id: &str) -> String {
    cognito_token().claim("jti", id).compact()
}

/// Revokes the token with this `jti`.
pub(crate) fn revocation(id: &str) -> Revocation {
    Revocation::token(ISSUER, id)
}
