//! A function: a process with the environment of Lambda.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

use scopegate_issuer::LocalIssuer;
use serde_json::Value;

use crate::api::READ;
use crate::runtime_api::RuntimeApi;

pub(crate) struct Function {
    process: Child,
    log: Option<JoinHandle<Vec<String>>>,
}

impl Function {
    /// Starts the program `api` or `authorizer` of this package.
    pub(crate) fn start(program: &str, lambda: &RuntimeApi, issuer: &LocalIssuer) -> Self {
        let program = match program {
            "api" => env!("CARGO_BIN_EXE_api"),
            "authorizer" => env!("CARGO_BIN_EXE_authorizer"),
            other => panic!("expected api or authorizer, found {other}"),
        };
        Self::spawn(&mut Command::new(program), lambda, issuer)
    }

    pub(crate) fn spawn(command: &mut Command, lambda: &RuntimeApi, issuer: &LocalIssuer) -> Self {
        let command = command
            .env("AWS_LAMBDA_RUNTIME_API", lambda.address())
            .env("ISSUER", issuer.issuer())
            .env("CLIENT_IDS", "local-reader,local-writer")
            .env("SCOPE", READ);
        let mut process = with_lambda_environment(command).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let log = thread::spawn(move || lines.map_while(Result::ok).collect());
        Self { process, log: Some(log) }
    }

    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Stops the process, and returns its log.
    pub(crate) fn stop(mut self) -> Log {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        Log(self.log.take().unwrap().join().unwrap())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // The test may have stopped it already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Adds the environment variables of Lambda, with JSON as log format.
pub(crate) fn with_lambda_environment(command: &mut Command) -> &mut Command {
    command
        .env("AWS_LAMBDA_FUNCTION_NAME", "f")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_LOG_LEVEL", "DEBUG")
        .env_remove("RUST_LOG")
}

/// The log lines of a function.
pub(crate) struct Log(Vec<String>);

impl Log {
    /// Returns the reason codes of the rejected requests, in their order.
    pub(crate) fn reasons(&self) -> Vec<String> {
        self.fields("reason")
    }

    /// Returns one field of the events for rejected requests.
    pub(crate) fn fields(&self, name: &str) -> Vec<String> {
        let events = self.0.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let rejected = events.filter(|event| event["fields"]["message"] == "request rejected");
        rejected.map(|event| event["fields"][name].as_str().unwrap_or("-").to_owned()).collect()
    }

    /// Returns whether the log contains a part of the token. The header is skipped, because all
    /// tokens of a key have the same.
    pub(crate) fn shows(&self, token: &str) -> bool {
        let parts: Vec<&str> = token.split('.').skip(1).collect();
        self.0.iter().any(|line| parts.iter().any(|part| line.contains(part)))
    }
}
