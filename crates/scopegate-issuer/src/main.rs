//! The program `scopegate-issuer`. See `scopegate_issuer::program`.
#![forbid(unsafe_code)]

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use scopegate_issuer::program;

/// Local OAuth 2.0 authorization server for development, modeled on Amazon Cognito. Not for
/// production.
#[derive(Parser)]
#[command(name = "scopegate-issuer", version)]
struct Program {
    #[command(flatten)]
    arguments: program::Arguments,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match program::run(&Program::parse().arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // If standard error is closed, only the exit code reports the failure.
            let _ = writeln!(io::stderr(), "scopegate-issuer: {failure}");
            ExitCode::from(if failure.is_usage() { 2 } else { 1 })
        }
    }
}
