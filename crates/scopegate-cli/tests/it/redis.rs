//! A `redis-server` of its own, which ends with its value.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
pub(crate) struct Redis {
    child: Child,
    port: u16,
}

/// Nothing in these tests takes as long. A busy machine may be slow.
const DEADLINE: Duration = Duration::from_secs(30);

impl Redis {
    /// Starts a server with this password. Returns `None` with a note if it is not installed.
    pub(crate) fn start(password: &str) -> Option<Self> {
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
        loop {
            let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let mut command = Command::new("redis-server");
            command.args([
                "--bind",
                "127.0.0.1",
                "--daemonize",
                "no",
                "--save",
                "",
                "--requirepass",
                password,
            ]);
            command.args(["--port", &port.to_string(), "--dir", env!("CARGO_TARGET_TMPDIR")]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let mut server = Self { child: command.spawn().unwrap(), port };
            let begun = Instant::now();
            // If another process has taken the port in between, the server ends.
            while server.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(server.address()).is_ok() {
                    return Some(server);
                }
                assert!(begun.elapsed() < DEADLINE, "the server does not start");
                std::thread::yield_now();
            }
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.stop();
    }
}
