//! The init phase of a function.

use std::fmt::Display;
use std::process::ExitCode;
use std::time::Duration;

use lambda_runtime::tracing::{error, warn};
use scopegate::{ConfigError, Verifier, VerifierBuilder};
use tokio::time::timeout;

/// Time for the first fetch, and for a second one if it fails. Lambda gives the init phase 10 s.
const KEYS_TIMEOUT: Duration = Duration::from_secs(3);

/// Starts a verifier, and waits up to 3 s for the issuer's keys.
///
/// - `start_lazy` alone would return at once. Lambda freezes a process that has nothing to do, so
///   the fetch could stop halfway, and the first request would wait for it.
/// - `start` would fail if the issuer is down. Lambda would then repeat the init phase, and callers
///   would get the gateway's 5xx. This verifier starts without keys: callers get 503 with
///   `Retry-After`, and are accepted once the issuer responds.
///
/// # Errors
/// Returns a [`ConfigError`] about the settings.
pub async fn start(builder: VerifierBuilder) -> Result<Verifier, ConfigError> {
    let verifier = builder.start_lazy()?;
    if timeout(KEYS_TIMEOUT, verifier.ready()).await.is_err() {
        warn!("starting without the issuer's keys");
    }
    Ok(verifier)
}

/// Logs the error of a function that failed, and returns its exit code.
pub fn exit_code<E: Display>(result: &Result<(), E>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "the function has ended");
            ExitCode::FAILURE
        }
    }
}
