//! `scopegate check FILE`: reads a configuration file, and reports mistakes and warnings.

pub(crate) mod warnings;

use std::io::{self, Write};
use std::path::PathBuf;

use crate::check::warnings::warnings;
use crate::config::file;
use crate::config::settings::Config;
use crate::exit::Exit;

/// Mistakes and warnings of a configuration file
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Path of the configuration file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Exit {
    // If the stream is closed, only the exit code has the result.
    match file::read(&arguments.file) {
        Ok(config) => {
            let _ = report(&config, &mut io::stdout().lock());
            Exit::Valid
        }
        Err(error) => {
            let _ = write!(io::stderr().lock(), "{error}");
            Exit::Usage
        }
    }
}

fn report(config: &Config, out: &mut dyn Write) -> io::Result<()> {
    for unavailable in &config.unavailable {
        writeln!(out, "warning: {}, so the service does not start here", unavailable.problem)?;
    }
    for warning in warnings(config) {
        writeln!(out, "warning: {warning}")?;
    }
    writeln!(out, "valid: {} routes, {} issuers", config.routes.len(), config.issuers.len())
}
