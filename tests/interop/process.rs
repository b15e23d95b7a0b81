//! A program of another project as a child process.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::outcome::Trouble;

/// The time limit for a program to start, or to respond to a line.
const PATIENCE: Duration = Duration::from_secs(30);

/// A child process. It is killed by its id on drop.
pub(crate) struct Process {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a program in a folder. Its standard error is written to the file `log` in this
    /// folder.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
        log: &str,
    ) -> Result<Self, Trouble> {
        let log = std::fs::File::create(folder.join(log))?;
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).kill_on_drop(true);
        // A configured proxy must not be used for loopback.
        command.env("NO_PROXY", "*").env("no_proxy", "*");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn()?;
        let missing = || Trouble::failed("a program without its pipes");
        let input = child.stdin.take().ok_or_else(missing)?;
        let output = BufReader::new(child.stdout.take().ok_or_else(missing)?).lines();
        Ok(Self { child, input, output })
    }

    /// Returns the next line of its output.
    pub(crate) async fn line(&mut self) -> Result<String, Trouble> {
        let line = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        line.map_err(|_| Trouble::failed("a program has not responded in time"))??
            .ok_or_else(|| Trouble::failed("a program has ended: its log in the target folder says why"))
    }

    /// Sends a line, and returns the response.
    pub(crate) async fn ask(&mut self, line: &str) -> Result<String, Trouble> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.input.flush().await?;
        self.line().await
    }

    /// Kills the program, and waits until it has ended.
    pub(crate) async fn kill(&mut self) -> Result<(), Trouble> {
        Ok(self.child.kill().await?)
    }
}
