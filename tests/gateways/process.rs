//! A program of the machine as a child process.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;

use tokio::process::{Child, Command};

use crate::trouble::Trouble;

/// A child process. It is killed by its id on drop.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a program in a folder. Its output is written to the files `LOG.out` and `LOG.err` there.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
        log: &str,
    ) -> Result<Self, Trouble> {
        let [out, error] =
            ["out", "err"].map(|end| std::fs::File::create(folder.join(format!("{log}.{end}"))));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).kill_on_drop(true);
        // The programs write files of their own below their home.
        command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        command.stdin(Stdio::null()).stdout(out?).stderr(error?);
        Ok(Self(command.spawn().map_err(|error| Trouble(format!("{}: {error}", program.display())))?))
    }

    /// Kills the program, and waits until it has ended.
    pub(crate) async fn kill(&mut self) -> Result<(), Trouble> {
        Ok(self.0.kill().await?)
    }

    /// Returns whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.0.try_wait(), Ok(None))
    }
}
