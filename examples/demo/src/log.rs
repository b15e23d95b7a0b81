//! Where the log goes and how much of it: standard error, so that standard output is the story's alone.

use std::env;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Logs from this level on, unless `RUST_LOG` says otherwise.
///
/// # Errors
/// [`Failure::Setting`] when `RUST_LOG` is not a filter.
pub(crate) fn start(default: &str) -> Result<(), Failure> {
    let written = env::var("RUST_LOG").unwrap_or_default();
    let filter = if written.is_empty() { default } else { &written };
    let filter = EnvFilter::try_new(filter).map_err(|_| {
        Failure::Setting(format!(
            "RUST_LOG: expected levels such as info or scopegate=debug, found {written:?}"
        ))
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    Ok(())
}
