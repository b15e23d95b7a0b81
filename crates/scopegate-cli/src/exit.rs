//! The exit codes of all commands.

use std::error::Error;
use std::process::ExitCode;

use crate::terminal;

/// The result of a command that ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// 0: valid, or nothing is wrong.
    Valid,
    /// 1: rejected, or something is wrong.
    Rejected,
    /// 2: undecidable, for example because a server did not respond.
    Undecidable,
}

/// The reason why a command could not run, in one line.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: u8,
}

/// The code of `EX_USAGE` in `sysexits.h`.
const USAGE: u8 = 64;

impl Exit {
    fn code(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Rejected => 1,
            Self::Undecidable => 2,
        }
    }
}

impl Failure {
    /// An argument or a file is invalid.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: USAGE }
    }

    /// A server rejects the request.
    pub(crate) fn rejected(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: Exit::Rejected.code() }
    }

    /// A server does not respond, or not as expected.
    pub(crate) fn undecidable(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: Exit::Undecidable.code() }
    }
}

/// Prints the message of a failure, and returns the exit code.
pub(crate) fn of(result: Result<Exit, Failure>) -> ExitCode {
    match result {
        Ok(exit) => exit.code().into(),
        Err(Failure { message, code }) => {
            terminal::note(&message);
            code.into()
        }
    }
}

/// Prints the help, the version or an error in the arguments, and returns the exit code.
pub(crate) fn of_usage(error: &clap::Error) -> ExitCode {
    // If the output is closed, only the exit code is left.
    let _ = error.print();
    if error.use_stderr() { USAGE.into() } else { ExitCode::SUCCESS }
}

/// Returns the message of an error with all causes.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
