//! Errors that end the program, with one line of text and an exit code.

use std::error::Error;
use std::io;
use std::process::ExitCode;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// A setting is invalid. Exit code 2.
    Setting(String),
    /// Another error, which may be temporary. Exit code 1.
    Runtime(String),
}

impl Failure {
    pub(crate) fn setting(error: &dyn Error) -> Self {
        Self::Setting(with_sources(error))
    }

    pub(crate) fn runtime(error: &dyn Error) -> Self {
        Self::Runtime(with_sources(error))
    }

    /// Prints the message to standard error, and returns the exit code.
    #[allow(clippy::print_stderr, reason = "a setting may be invalid before the log is set up")]
    pub(crate) fn report(self) -> ExitCode {
        let (message, code) = match self {
            Self::Setting(message) => (message, 2),
            Self::Runtime(message) => (message, 1),
        };
        eprintln!("demo: {message}");
        ExitCode::from(code)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::runtime(&error)
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self::runtime(&error)
    }
}

/// Takes only the first line of a clap error, which names the cause. `--help` has the rest.
impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        Self::Setting(first.strip_prefix("error: ").unwrap_or(first).to_owned())
    }
}

/// Returns the error and its causes on one line.
fn with_sources(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
