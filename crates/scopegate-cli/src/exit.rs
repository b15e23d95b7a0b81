//! The exit codes of all commands.

use std::process::ExitCode;

/// The result of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: valid, or done.
    Ok,
    /// 64: the arguments or the configuration cannot be used (`EX_USAGE`).
    Usage,
    /// 70: the program cannot go on, for example without its address (`EX_SOFTWARE`).
    Failed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Usage => 64,
            Exit::Failed => 70,
        })
    }
}

/// Prints the help or the mistake of arguments.
pub(crate) fn of_arguments(error: &clap::Error) -> ExitCode {
    // If the stream is closed, only the exit code reports the mistake.
    let _ = error.print();
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
    exit.into()
}
