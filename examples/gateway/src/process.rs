//! Programs of the machine, each as a child process.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::failure::Failure;

/// The time limit for a program to print its first line.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// A child process. It is killed by its id on drop.
pub(crate) struct Process {
    child: Child,
    name: String,
    log: PathBuf,
}

impl Process {
    /// Starts a program in a folder. Its log is the file `NAME.log` there.
    pub(crate) fn start<A: AsRef<OsStr>>(
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        folder: &Path,
    ) -> Result<Self, Failure> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder).kill_on_drop(true);
        // Caddy writes files below its home.
        command.env("HOME", folder).env("XDG_DATA_HOME", folder).env("XDG_CONFIG_HOME", folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let child =
            command.spawn().map_err(|error| Failure::new(format!("{}: {error}", program.display())))?;
        Ok(Self { child, name, log })
    }

    /// Returns the name of the program, and its id.
    pub(crate) fn title(&self) -> String {
        format!("{} (process {})", self.name, self.child.id().unwrap_or_default())
    }

    /// Returns the rest of the program's first line.
    pub(crate) async fn first_line(&mut self, begin: &str) -> Result<String, Failure> {
        let mut line = String::new();
        if let Some(output) = self.child.stdout.take() {
            let mut output = BufReader::new(output);
            let read = tokio::time::timeout(START_TIMEOUT, output.read_line(&mut line)).await;
            read.map_err(|_| Failure::new(format!("{} has not started", self.name)))??;
        }
        match line.trim_end().strip_prefix(begin) {
            Some(rest) => Ok(rest.to_owned()),
            None => Err(Failure::new(format!("{} has not started: {}", self.name, self.log()))),
        }
    }

    /// Returns whether the program has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the program, and waits until it has ended.
    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        Ok(self.child.kill().await?)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// Returns the path of a program of the machine.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian has nginx where only root finds it.
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Builds the decision service, and returns its path.
pub(crate) async fn build_scopegate() -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = Command::new(cargo);
    cargo.args(["build", "--quiet", "--locked", "--package", "scopegate-cli"]);
    let status = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).kill_on_drop(true).status().await?;
    if !status.success() {
        return Err(Failure::new("scopegate could not be built"));
    }
    // Cargo puts both programs into one folder.
    let program =
        std::env::current_exe()?.with_file_name(format!("scopegate{}", std::env::consts::EXE_SUFFIX));
    if !program.is_file() {
        return Err(Failure::new(format!("expected the program {}, found none", program.display())));
    }
    Ok(program)
}
