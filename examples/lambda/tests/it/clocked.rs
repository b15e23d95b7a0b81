//! A function whose clock a test can set: this test program, started again as the function. So
//! hours can pass for a frozen process, and the programs need no setting for it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, SystemTime};

use lambda::settings::{self, Settings};
use lambda::{api, authorizer, init};
use scopegate::Scope;
use scopegate::http::Authorizer;
use scopegate_issuer::LocalIssuer;

use crate::function::Function;
use crate::runtime_api::RuntimeApi;

/// The environment variable with the path of the file. If it is set, the process runs as a
/// function.
const CLOCK_FILE: &str = "LAMBDA_TEST_CLOCK_FILE";
const PROGRAM: &str = "LAMBDA_TEST_PROGRAM";

/// A clock that is ahead of the system's by the seconds in a file.
pub(crate) struct ClockFile(PathBuf);

impl ClockFile {
    /// Creates the file for the test of this name.
    pub(crate) fn new(name: &str) -> Self {
        let file = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.clock")));
        file.set_ahead(0);
        file
    }

    /// Sets the seconds by which the clock is ahead. Call it while the function is frozen.
    pub(crate) fn set_ahead(&self, seconds: u64) {
        fs::write(&self.0, seconds.to_string()).unwrap();
    }

    fn now(&self) -> SystemTime {
        let ahead = fs::read_to_string(&self.0).unwrap().parse().unwrap();
        SystemTime::now() + Duration::from_secs(ahead)
    }
}

/// Starts `api` or `authorizer` with this clock.
pub(crate) fn start(program: &str, clock: &ClockFile, lambda: &RuntimeApi, local: &LocalIssuer) -> Function {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "clocked::function_with_clock", "--ignored", "--nocapture"]);
    command.env(CLOCK_FILE, &clock.0).env(PROGRAM, program);
    Function::spawn(&mut command, lambda, local)
}

#[tokio::test]
#[ignore = "started by other tests, as a function"]
async fn function_with_clock() {
    let Ok(file) = std::env::var(CLOCK_FILE) else { return };
    lambda_runtime::tracing::init_default_subscriber();
    let clock = ClockFile(file.into());
    let builder = Settings::from_env().unwrap().builder().unwrap().clock(move || clock.now());
    let verifier = init::start(builder).await.unwrap();
    if std::env::var(PROGRAM).unwrap() == "api" {
        lambda_http::run(api::app(&verifier)).await.unwrap();
    } else {
        let scope: Scope = settings::scope().unwrap().parse().unwrap();
        let authorizer = Authorizer::require_scope(&verifier, scope).unwrap();
        authorizer::run(&authorizer).await.unwrap();
    }
}
