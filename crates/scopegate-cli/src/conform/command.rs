//! The command that starts the API. It ends with the run.

use std::io;
use std::process::{Child, Command, Stdio};

use crate::conform::authority::Authority;
use crate::exit::Failure;

/// The process of the API, if this program has started it.
pub(super) struct Running(Option<Child>);

impl Running {
    pub(super) fn start(command: &[String], authority: &Authority) -> Result<Self, Failure> {
        let Some((program, arguments)) = command.split_first() else { return Ok(Self(None)) };
        let child = Command::new(program)
            .args(arguments)
            .envs(authority.settings())
            .stdin(Stdio::null())
            // Standard output is for the report.
            .stdout(Stdio::from(io::stderr()))
            .spawn()
            .map_err(|error| Failure::usage(format!("{program}: {error}")))?;
        Ok(Self(Some(child)))
    }

    /// Returns the reason if the process has ended.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.0.as_mut()?.try_wait();
        match status {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("the command ended: {status}")),
            Err(error) => Some(format!("the command cannot be observed: {error}")),
        }
    }
}

/// Ends the process. Its own children may go on.
impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
