//! The decision service as a process.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use crate::client::get;
use crate::program::program;

/// The settings of the service at the top of its file.
pub(crate) const HEAD: &str = r#"listen = "127.0.0.1:0"
listen_admin = "127.0.0.1:0"
public_url = "https://api.example"
gateway = "nginx"
trusted_proxies = ["127.0.0.1"]
"#;

/// Returns the path of a file of this test.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Replaces a file at once.
pub(crate) fn write(file: &Path, text: &str) {
    let new = file.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, file).unwrap();
}

/// Runs a command to its end.
pub(crate) fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = program().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// A running service, which is stopped on drop.
pub(crate) struct Service {
    child: Child,
    pub(crate) file: PathBuf,
    log: PathBuf,
    /// The addresses of decisions and for operators.
    pub(crate) decisions: String,
    pub(crate) admin: String,
    /// The address of decisions over gRPC, if the file has it.
    pub(crate) grpc: Option<String>,
}

impl Service {
    /// Starts the service with this file. `name` is unique for each test.
    pub(crate) fn start(name: &str, config: &str) -> Self {
        Self::start_as(program(), name, config)
    }

    /// Starts the service with this file and these environment variables.
    pub(crate) fn start_with(name: &str, config: &str, variables: &[(&str, &str)]) -> Self {
        let mut command = program();
        command.envs(variables.iter().copied());
        Self::start_as(command, name, config)
    }

    /// Starts the service with this command.
    pub(crate) fn start_as(mut command: Command, name: &str, config: &str) -> Self {
        let (file, log) = (path(&format!("{name}.toml")), path(&format!("{name}.log")));
        write(&file, config);
        command.args(["serve", "--config", file.to_str().unwrap()]);
        command.stderr(File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |name: &str| {
            let line = lines.next().unwrap_or_else(|| panic!("{}", std::fs::read_to_string(&log).unwrap()));
            line.unwrap().strip_prefix(&format!("{name} on http://")).unwrap().to_owned()
        };
        let decisions = address("decisions");
        let grpc = config.contains("listen_grpc").then(|| address("grpc"));
        let admin = address("admin");
        Self { child, file, log, decisions, admin, grpc }
    }

    /// Starts the service, and waits until it has the keys of each issuer.
    pub(crate) async fn start_ready(name: &str, config: &str) -> Self {
        let service = Self::start(name, config);
        service.ready().await;
        service
    }

    /// Waits until the service has the keys of each issuer.
    pub(crate) async fn ready(&self) {
        let started = Instant::now();
        while get(&self.admin, "/readyz").await.status != 200 {
            assert!(started.elapsed() < Duration::from_secs(60), "never ready: {}", self.log());
            tokio::task::yield_now().await;
        }
    }

    /// Waits until the log has this text.
    pub(crate) async fn logged(&self, text: &str) {
        let started = Instant::now();
        while !self.log().contains(text) {
            assert!(started.elapsed() < Duration::from_secs(60), "no {text}: {}", self.log());
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Sends a signal, such as `HUP`.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end of the process, and returns its exit code.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < Duration::from_secs(60), "never ends: {}", self.log());
            std::thread::yield_now();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
