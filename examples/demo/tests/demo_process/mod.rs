//! The program as a process: its arguments, its output and its exit code.

#![allow(dead_code, reason = "each test file uses what it needs")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Returns the command of the program. It has no other environment variables than these.
pub(crate) fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Maximum time for a program that should end. After this time, it probably serves requests.
const RUN_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs the program until it exits. After [`RUN_TIMEOUT`] it is killed, and has no exit code.
pub(crate) fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = command(arguments, environment);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let (id, (sender, ended)) = (child.id().to_string(), mpsc::channel::<()>());
    let watch = thread::spawn(move || {
        if ended.recv_timeout(RUN_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            Command::new("kill").args(["-s", "KILL", &id]).status().expect("kill starts");
        }
    });
    let output = child.wait_with_output().expect("it can be waited for");
    drop(sender);
    watch.join().expect("the program is watched");
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// A program that serves requests. It is killed on drop.
pub(crate) struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// A thread reads the log, because the program would block on a full pipe.
    stderr: Option<JoinHandle<String>>,
    seen: String,
    pub(crate) url: String,
}

impl Serving {
    /// Starts the program, and waits until it prints its URL.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = command(arguments, environment);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut stderr = child.stderr.take().expect("it is piped");
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("stderr is UTF-8");
            text
        });
        let mut serving =
            Self { child, stdout, stderr: Some(stderr), seen: String::new(), url: String::new() };
        let first = serving.line();
        let url = first.strip_prefix("listening on ").map(ToOwned::to_owned);
        assert!(url.is_some(), "expected the address, found {first:?}; stderr: {}", serving.end().stderr);
        serving.url = url.unwrap_or_default();
        serving
    }

    /// Starts the program with these environment variables. It trusts this issuer and its client
    /// `local-reader`.
    pub(crate) fn trusting(issuer: &str, settings: &[(&str, &str)]) -> Self {
        let trust = [("LISTEN", "127.0.0.1:0"), ("ISSUER", issuer), ("CLIENT_ID", "local-reader")];
        Self::start(&[], &[&trust[..], settings].concat())
    }

    /// Returns the next line of its output.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("stdout is UTF-8");
        self.seen.push_str(&line);
        line.trim_end().to_owned()
    }

    /// Returns its output up to a line that begins with `last`.
    pub(crate) fn until(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            let (found, ended) = (line.starts_with(last), !self.seen.ends_with('\n'));
            lines.push(line);
            assert!(!ended, "expected {last:?} some time: {lines:#?}");
            if found {
                return lines;
            }
        }
    }

    /// Sends a signal (`TERM`, or `INT` as Ctrl-C does), and waits until the program exits.
    pub(crate) fn stop(mut self, signal: &str) -> Ended {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().expect("kill starts");
        assert!(sent.success());
        self.end()
    }

    fn end(&mut self) -> Ended {
        let mut stdout = std::mem::take(&mut self.seen);
        self.stdout.read_to_string(&mut stdout).expect("stdout is UTF-8");
        let stderr = self.stderr.take().expect("it ends once").join().expect("stderr is UTF-8");
        Ended { code: self.child.wait().expect("it can be waited for").code(), stdout, stderr }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // The program may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
