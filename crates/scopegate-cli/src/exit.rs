//! The exit codes of all commands.

use std::io;
use std::process::ExitCode;

use crate::terminal;

/// The result of a command. The later of two is the worse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// 0: valid, or done.
    Valid,
    /// 1: rejected, or something is wrong.
    Rejected,
    /// 2: undecidable, for example because a server did not respond.
    Undecidable,
    /// 64: the arguments or a file cannot be used (`EX_USAGE`).
    Usage,
    /// 70: the program cannot go on, for example without its address (`EX_SOFTWARE`).
    Failed,
}

/// The reason why a command could not run, in one line.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    exit: Exit,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Valid => 0,
            Exit::Rejected => 1,
            Exit::Undecidable => 2,
            Exit::Usage => 64,
            Exit::Failed => 70,
        })
    }
}

impl Failure {
    /// An argument or a file is invalid.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Usage }
    }

    /// A server rejects the request.
    pub(crate) fn rejected(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Rejected }
    }

    /// A server does not respond, or not as expected.
    pub(crate) fn undecidable(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Undecidable }
    }

    /// Standard output cannot be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        Self::failed(format!("standard output: {error}"))
    }

    /// The system lacks something that the program needs.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit: Exit::Failed }
    }
}

/// Prints the message of a failure, and returns the result.
pub(crate) fn of(result: Result<Exit, Failure>) -> Exit {
    result.unwrap_or_else(|Failure { message, exit }| {
        terminal::note(&message);
        exit
    })
}

/// Prints the help, the version or an error in the arguments.
pub(crate) fn of_arguments(error: &clap::Error) -> Exit {
    // If the output is closed, only the exit code is left.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Valid }
}
