//! The log. It is written to standard error, because standard output has the story.

use std::env;
use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;

use crate::failure::Failure;

/// Starts the log with the filter in `RUST_LOG`, or with a default level.
///
/// # Errors
/// Returns [`Failure::Setting`] if `RUST_LOG` is not a filter.
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
