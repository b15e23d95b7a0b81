//! What ends the program early: one line for people and an exit code for programs.

use std::error::Error;
use std::io;
use std::process::ExitCode;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Somebody has to change a setting.
    Setting(String),
    /// Something did not work that may work the next time.
    Runtime(String),
}

impl Failure {
    pub(crate) fn setting(error: &dyn Error) -> Self {
        Self::Setting(with_sources(error))
    }

    pub(crate) fn runtime(error: &dyn Error) -> Self {
        Self::Runtime(with_sources(error))
    }

    /// Says why on standard error.
    #[allow(
        clippy::print_stderr,
        reason = "the last words of a program, which may come before its log is set up"
    )]
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

/// clap explains at length. The first line says what is wrong, and `--help` is there for the rest.
impl From<clap::Error> for Failure {
    fn from(error: clap::Error) -> Self {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        Self::Setting(first.strip_prefix("error: ").unwrap_or(first).to_owned())
    }
}

/// The error and what caused it, on one line.
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
